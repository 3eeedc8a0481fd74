"""Compare two runs, models, prompts or snapshots: what differs, and why.

Of two runs over the same photos: how often labels differ, how much of that is the model's own
noise (photos asked about twice, with `vistoria run --fresh`), and what remains for the model or the
prompt; with what the second would cost on all photos of the first. A paired sample is enough:
`vistoria run --sample 500 --model NEW`.

With --between, one run over two snapshots: what the labels say changed, and what really did, from
pairs that people reviewed (`vistoria sample pairs/ --unit pair --between A,B`).

With --changes as well, a file of the assets that changed: so many of those whose labels differ that
at least --precision of them are real, with 95 % confidence, and the sentence that says so. It rests
on a sample of such pairs that was reviewed (`vistoria sample pairs/ --unit pair --between A,B
--changed FIELD`), and is refused where that proves no such list.

With --golden, a test for continuous integration: exit code 1 if run B is shown to be worse than A
on photos whose answers are known: a sample's number, or a file with observation_id and answers.

Examples:
    vistoria compare 1 2
    vistoria compare 1 2 --golden golden.csv
    vistoria compare 1 --between 3fa7,583c
    vistoria compare 1 --between 3fa7,583c --changes changes.csv --field material --precision 80
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from vistoria.cli import _settings
from vistoria.cli._changes import snapshots, write_changes
from vistoria.cli._command import Command
from vistoria.cli._errors import FAILED
from vistoria.cli._talk import as_json, put_facts, put_json, put_table, quiet, say
from vistoria.compare import (
    Comparison,
    FieldChange,
    Golden,
    GoldenField,
    WorldComparison,
    compare_runs,
    compare_snapshots,
    costs_of,
    golden_file,
    golden_sample,
    regression,
)
from vistoria.errors import UserError
from vistoria.ledger import Ledger
from vistoria.pricing import format_money
from vistoria.result import usd
from vistoria.truth import Interval

_SHOWN = 2  # moves listed per field


@click.command("compare", cls=Command, help=__doc__)
@click.argument("first", type=int, metavar="A")
@click.argument("second", type=int, metavar="[B]", required=False)
@click.option("--fields", "names", metavar="A,B", help="Only these fields.")
@click.option("--between", metavar="BEFORE,AFTER", help="Two snapshots of run A.")
@click.option(
    "--changes",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a certified list of changes (.csv, .parquet, .jsonl).",
)
@click.option("--field", metavar="FIELD", help="Of --changes: whose changes.")
@click.option(
    "--precision",
    type=click.FloatRange(0, 100, min_open=True, max_open=True),
    metavar="PERCENT",
    help="Of --changes: so many are real at least [default: 80].",
)
@click.option("--simulated", is_flag=True, help="Of --changes: take a simulated reviewer.")
@click.option("--golden", metavar="N|FILE", help="A sample or file with right answers.")
@_settings.ledger
@_settings.project
@quiet
@as_json
@click.pass_context
def command(
    context: click.Context, /, first: int, second: int | None, as_json: bool, **given: Any
) -> None:
    """See the top of this file."""
    project = _settings.load(context)
    names = [name.strip() for name in (given["names"] or "").split(",") if name.strip()]
    with Ledger(project.run.ledger, create=False) as ledger:
        a = ledger.run(first)
        if given["target"] or given["field"] or given["precision"]:
            write_changes(ledger, a, given, as_json=as_json)
            return
        if given["between"]:
            before, after = snapshots(given["between"])
            _world(compare_snapshots(ledger, a, before, after, names), as_json=as_json)
            return
        if second is None:
            raise UserError("name a second run, or two snapshots: --between BEFORE,AFTER")
        b = ledger.run(second)
        if given["golden"]:
            found = regression(ledger, a, b, _golden(ledger, given["golden"]), names)
            _show_golden(found, as_json=as_json)
            context.exit(FAILED if any(one.worse for one in found) else 0)
        _show_runs(ledger, compare_runs(ledger, a, b, names), as_json=as_json)


def _golden(ledger: Ledger, given: str) -> Golden:
    if given.isdigit():
        return golden_sample(ledger, ledger.reviews.sample(int(given)))
    return golden_file(Path(given))


def _show_runs(ledger: Ledger, found: Comparison, *, as_json: bool) -> None:
    costs = _costs(ledger, found)
    if as_json:
        put_json(_runs_document(found) | {"cost": costs})
        return
    say(f"runs {found.a.run_id} and {found.b.run_id}: {_what(found)}")
    put_table(
        ("field", "photos", "differ", "%", "noise %", "effect %", "most often"),
        [
            (
                one.field + (" (reworded)" if one.reworded else ""), one.paired, one.differ,
                _range(one.difference), _range(one.noise), _range(one.effect), _moves(one.moves),
            )
            for one in found.fields
        ],
    )  # fmt: skip
    click.echo()
    put_facts(_run_facts(found, costs))


def _what(found: Comparison) -> str:
    if found.what == "repeat":
        return "the same question to the same model; all that differs is noise"
    return f"another {found.what}"


def _run_facts(found: Comparison, costs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "photos", f"{found.paired:,} answered by both"
    if found.only_a or found.only_b:
        yield "", f"{found.only_a:,} only by A, {found.only_b:,} only by B"
    if found.what != "repeat" and not any(one.repeats for one in found.fields):
        yield "noise", "unknown; ask some photos again: vistoria run --fresh --sample 60"
    if found.what != "repeat":
        yield "A", costs["a"]["text"]
        yield "B", costs["b"]["text"]
        if costs["upgrade_text"]:
            yield "upgrade", costs["upgrade_text"]


def _costs(ledger: Ledger, found: Comparison) -> dict[str, Any]:
    """What each cost, and what B would on all photos of A."""
    a, b = costs_of(ledger, found.a), costs_of(ledger, found.b)
    photos = a.answered
    projected, spent = b.times(photos), a.times(photos)
    text = None
    if projected is not None and spent is not None:
        text = (
            f"B on all {photos:,} photos of A: {format_money(projected)}, A: {format_money(spent)}"
        )
        if "limit" in found.b.selection or "where" in found.b.selection:
            text += "; B saw a part of them that was not drawn at random"
    document = {
        name: {
            "run": one.run.run_id, "model": one.run.model, "answered": one.answered,
            "requests": one.requests, "usd": usd(one.spent),
            "text": f"{one.run.model}: {format_money(one.spent)} for {one.answered:,} photos",
        }
        for name, one in (("a", a), ("b", b))
    }  # fmt: skip
    return document | {"upgrade_usd": usd(projected), "upgrade_text": text}


def _runs_document(found: Comparison) -> dict[str, Any]:
    return {
        "a": found.a.run_id, "b": found.b.run_id, "what": found.what, "paired": found.paired,
        "only_a": found.only_a, "only_b": found.only_b,
        "fields": [
            {
                "field": one.field, "reworded": one.reworded, "paired": one.paired,
                "differ": one.differ, "difference": _interval(one.difference),
                "noise": _interval(one.noise), "repeats": one.repeats,
                "effect": _interval(one.effect), "effect_shown": one.shown,
                "moves": _listed(one.moves),
            }
            for one in found.fields
        ],
    }  # fmt: skip


def _world(found: WorldComparison, *, as_json: bool) -> None:
    if as_json:
        put_json(_world_document(found))
        return
    say(f"run {found.run.run_id}: {found.pairs:,} assets in both snapshots")
    put_table(
        ("field", "labels differ", "%", "noise %", "really changed %", "reviewed", "most often"),
        [
            (
                one.field, one.apparent, f"{100 * one.apparent / max(1, one.pairs):.1f}",
                _range(one.noise), _real(one),
                f"{one.reviewed:,}{' simulated' if one.simulated else ''}", _moves(one.moves),
            )
            for one in found.fields
        ],
    )  # fmt: skip
    click.echo()
    facts = [("gone", f"{found.gone:,} assets only before"), ("new", f"{found.new:,} only after")]
    if any(one.real is None for one in found.fields):
        how = f"vistoria sample pairs/ --unit pair --between {found.before},{found.after}"
        facts.append(("no figure", f"of real change without reviewed pairs: {how}"))
    put_facts(facts)


def _real(one: FieldChange) -> str:
    if one.real is None:
        return "not reviewed"
    return _range(one.real.interval) + ("" if one.shown else "; no change shown")


def _world_document(found: WorldComparison) -> dict[str, Any]:
    return {
        "run": found.run.run_id, "before": found.before, "after": found.after,
        "pairs": found.pairs, "gone": found.gone, "new": found.new,
        "model_version": found.versions[0] if found.versions else None,
        "fields": [
            {
                "field": one.field, "pairs": one.pairs, "apparent": one.apparent,
                "noise": _interval(one.noise),
                "real": None if one.real is None else _interval(one.real.interval),
                "change_shown": one.shown, "reviewed": one.reviewed, "simulated": one.simulated,
                "moves": _listed(one.moves),
            }
            for one in found.fields
        ],
    }  # fmt: skip


def _show_golden(found: tuple[GoldenField, ...], *, as_json: bool) -> None:
    if as_json:
        put_json([
            {"field": one.field, "photos": one.paired.of, "right_a": one.right_a,
             "right_b": one.right_b, "only_a_right": one.paired.first_only,
             "only_b_right": one.paired.second_only, "p_value": one.paired.p_value,
             "difference": _interval(one.paired.difference), "worse": one.worse}
            for one in found
        ])  # fmt: skip
        return
    put_table(
        ("field", "photos", "A right", "B right", "only A", "only B", "B worse by %", ""),
        [
            (
                one.field, one.paired.of, one.right_a, one.right_b, one.paired.first_only,
                one.paired.second_only, _range(one.paired.difference),
                "WORSE" if one.worse else "",
            )
            for one in found
        ],
    )  # fmt: skip


def _range(interval: Interval | None) -> str:
    """`1.2 (0.8 to 1.9)`, in percent."""
    if interval is None or interval.estimate is None:
        return ""
    low, high = 100 * interval.low, 100 * interval.high
    return f"{100 * interval.estimate:.1f} ({low:.1f} to {high:.1f})"


def _moves(moves: Mapping[tuple[str, str], int]) -> str:
    some = list(moves.items())[:_SHOWN]
    return ", ".join(f"{before} → {after} {count:,}" for (before, after), count in some)


def _listed(moves: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    return [{"from": a, "to": b, "count": n} for (a, b), n in moves.items()]


def _interval(interval: Interval | None) -> dict[str, Any] | None:
    return None if interval is None else asdict(interval)
