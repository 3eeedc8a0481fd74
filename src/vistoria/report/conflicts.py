"""Where photos of one asset, or people, say different things."""

from base64 import b64encode
from collections.abc import Callable
from typing import TypeAlias

from vistoria.assets import Assets, asset_answers, conflicts
from vistoria.attribution import attribution_of
from vistoria.errors import VistoriaError
from vistoria.labels import named
from vistoria.ledger import Ledger, Run, Sample
from vistoria.records import ImageRef, Observation
from vistoria.report.document import Conflict, Conflicts, Photo, RunFacts
from vistoria.review import verdicts

Thumbnail: TypeAlias = Callable[[ImageRef], bytes]
"""A small JPEG of an image; raises an error of ours where there is none."""

SHOWN = 12
_PHOTOS = 6  # of one conflict


def read_conflicts(
    ledger: Ledger,
    run: Run,
    facts: RunFacts,
    sample: Sample | None,
    *,
    thumbnail: Thumbnail | None,
    attribution: str | None,
) -> Conflicts | None:
    """The conflicts of a run, people's first; None where no row names an asset and no two people
    looked at the same. `thumbnail` None: no picture. `attribution`: in place of the source's."""
    people = _by_people(ledger, sample, thumbnail) if sample else []
    photos: list[Conflict] = []
    total = several = 0
    if facts.assets:
        assets = asset_answers(ledger, run)
        several = sum(count > 1 for count in assets.rows["photos"].to_pylist())
        photos, total = _by_photos(ledger, assets, facts, thumbnail)
    if not several and not people:
        return None
    return Conflicts(
        total=total + len(people), assets=several, shown=tuple([*people, *photos][:SHOWN]),
        attribution=(
            attribution or attribution_of(facts.profile, facts.source) if thumbnail else None
        ),
    )  # fmt: skip


def _by_photos(
    ledger: Ledger, assets: Assets, facts: RunFacts, thumbnail: Thumbnail | None
) -> tuple[list[Conflict], int]:
    """The first ones, one per asset, and how many assets have one."""
    order = {field.name: at for at, field in enumerate(assets.fields)}
    first: dict[tuple[str, str | None], str] = {}
    for one in sorted(conflicts(ledger, assets), key=lambda c: order[c.field]):
        first.setdefault((one.asset_id, one.snapshot_id), one.field)
    # Fields in turn: the first field's conflicts are often the same bad photos over and over.
    seen: dict[str, int] = {}
    turns = []
    for key, field in first.items():
        seen[field] = seen.get(field, -1) + 1
        turns.append((seen[field], order[field], key, field))
    found = []
    ids = assets.rows.select(["asset_id", "snapshot_id", "ordinals"]).to_pylist()
    rows = {(row["asset_id"], row["snapshot_id"]): row["ordinals"] for row in ids}
    for _, _, (asset, snapshot), field in sorted(turns, key=lambda turn: turn[:2])[:SHOWN]:
        ordinals = rows[asset, snapshot]
        said = ledger.answers(assets.run.question_id, ordinals)
        names = {o: named(said[o][field]) for o in ordinals if o in said}
        photos = zip(ordinals, ledger.observations(ordinals), strict=True)
        shown = tuple(_photo(photo, names.get(o, ""), thumbnail) for o, photo in photos)
        where = facts.snapshot_names.get(snapshot or "")
        found.append(
            Conflict(by="photos", unit=asset, field=field, snapshot=where, photos=shown[:_PHOTOS])
        )
    return found, len(first)


def _by_people(ledger: Ledger, sample: Sample, thumbnail: Thumbnail | None) -> list[Conflict]:
    found = []
    for one in verdicts(ledger, sample):
        if one.state == "conflict":
            [observation, *_] = ledger.observations(one.unit.ordinals[one.part][:1])
            said = ", ".join(f"{who}: {what}" for who, what in one.said)
            photo = _photo(observation, said, thumbnail)
            found.append(
                Conflict(
                    by="people", unit=one.unit.unit, field=one.field, snapshot=None, photos=(photo,)
                )
            )
    return found


def _photo(observation: Observation, answer: str, thumbnail: Thumbnail | None) -> Photo:
    moment = observation.captured_at
    return Photo(
        observation=observation.observation_id, answer=answer,
        captured_at=moment.date().isoformat() if moment else None,
        picture=None if thumbnail is None else _picture(observation.image, thumbnail),
    )  # fmt: skip


def _picture(image: ImageRef, thumbnail: Thumbnail) -> str | None:
    """A data address; None where the image cannot be read any more."""
    try:
        return f"data:image/jpeg;base64,{b64encode(thumbnail(image)).decode()}"
    except VistoriaError:
        return None
