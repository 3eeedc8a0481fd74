"""Two runs over the same photos: how often labels differ, and how much of that is noise."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from vistoria.errors import UserError
from vistoria.labels import COUNTED, canonical, labelled_rows, named, plain
from vistoria.ledger import Field, Ledger, Run
from vistoria.truth import Interval, binomial, difference

What: TypeAlias = Literal["repeat", "model", "prompt", "model and prompt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldComparison:
    """One field of two runs, on the photos that both answered.

    `differ` of `paired` labels. `difference`: their share. `noise`: how often the model differs
    from itself when asked again, None where nothing was asked twice; of two models the noisier
    one's. `effect`: what remains, the effect of the model or prompt; None where noise is unknown.
    `moves`: (from, to) → labels, the most frequent first. `reworded`: the question differs.
    """

    field: str
    reworded: bool
    paired: int
    differ: int
    difference: Interval
    noise: Interval | None
    repeats: int
    effect: Interval | None
    moves: Mapping[tuple[str, str], int]

    @property
    def shown(self) -> bool:
        """Whether more differs than noise explains."""
        return self.effect is not None and self.effect.low > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`what` differs between the runs besides their labels; `only_a`, `only_b`: photos that only
    one of them answered."""

    a: Run
    b: Run
    what: What
    paired: int
    only_a: int
    only_b: int
    fields: tuple[FieldComparison, ...]


def compare_runs(
    ledger: Ledger, a: Run, b: Run, names: Sequence[str] | None = None, *, confidence: float = 0.95
) -> Comparison:
    """Compares the labels of two runs, photo by photo and field by field.

    Two runs that asked the same question share their answers; what was asked twice (with --fresh)
    is compared with itself, which is the noise. Raises UserError where they share no photo or no
    field.
    """
    fields = _shared(ledger, a, b, names)
    if a.question_id == b.question_id:
        return _repeat(ledger, a, b, fields, confidence)
    mine, its = (_labels(ledger, run, fields) for run in (a, b))
    both = sorted(mine.keys() & its.keys())
    if not both:
        raise UserError(
            f"runs {a.run_id} and {b.run_id} have no answered photo in common; for two snapshots "
            "name them: --between BEFORE,AFTER"
        )
    noises = [_noise(ledger, run, fields) for run in (a, b)]
    return Comparison(
        a=a, b=b, what=_what(a, b, fields), paired=len(both),
        only_a=len(mine) - len(both), only_b=len(its) - len(both),
        fields=tuple(
            _compared(
                mark, [(mine[o][at], its[o][at]) for o in both],
                [noise[at] for noise in noises], confidence,
            )
            for at, mark in enumerate(fields)
        ),
    )  # fmt: skip


_Pair: TypeAlias = tuple[str, str]


def _shared(
    ledger: Ledger, a: Run, b: Run, names: Sequence[str] | None
) -> list[tuple[Field, Field]]:
    """Fields of the same name and kind whose answers can be counted."""
    mine, its = ({f.name: f for f in ledger.fields(run.question_id)} for run in (a, b))
    shared = [
        (field, its[name])
        for name, field in mine.items()
        if name in its and its[name].kind == field.kind and field.kind in COUNTED
        and (not names or name in names)
    ]  # fmt: skip
    if not shared:
        raise UserError(f"runs {a.run_id} and {b.run_id} share no field that can be counted")
    return shared


def _labels(
    ledger: Ledger, run: Run, fields: Sequence[tuple[Field, Field]]
) -> dict[int, tuple[str, ...]]:
    rows = labelled_rows(ledger, run, [mine for mine, _ in fields])
    columns = [rows[f"label {mine.name}"].to_pylist() for mine, _ in fields]
    return dict(zip(rows["ordinal"].to_pylist(), zip(*columns, strict=True), strict=True))


def _noise(ledger: Ledger, run: Run, fields: Sequence[tuple[Field, Field]]) -> list[list[_Pair]]:
    """Per field, the labels of each photo that this model was asked about twice."""
    found: list[list[_Pair]] = [[] for _ in fields]
    for _, first, again in ledger.repeats(run.question_id):
        for at, (field, _) in enumerate(fields):
            found[at].append((canonical(first.get(field.name)), canonical(again.get(field.name))))
    return found


def _compared(
    fields: tuple[Field, Field],
    pairs: Sequence[_Pair],
    noises: Sequence[Sequence[_Pair]],
    confidence: float,
) -> FieldComparison:
    differ = sum(x != y for x, y in pairs)
    share = binomial(differ, len(pairs), confidence=confidence)
    known = [
        binomial(sum(x != y for x, y in noise), len(noise), confidence=confidence)
        for noise in noises
        if noise
    ]
    noise = max(known, key=lambda one: (one.estimate or 0.0, one.high), default=None)
    moves = Counter((named(plain(x)), named(plain(y))) for x, y in pairs if x != y)
    return FieldComparison(
        field=fields[0].name,
        reworded=fields[0].fingerprint != fields[1].fingerprint,
        paired=len(pairs),
        differ=differ,
        difference=share,
        noise=noise,
        repeats=max(map(len, noises), default=0),
        effect=None if noise is None else difference(share, noise),
        moves=dict(moves.most_common()),
    )


def _repeat(
    ledger: Ledger, a: Run, b: Run, fields: Sequence[tuple[Field, Field]], confidence: float
) -> Comparison:
    """The same question: all that differs is noise."""
    noise = _noise(ledger, a, fields)
    paired = len(noise[0])
    if not paired:
        raise UserError(
            f"runs {a.run_id} and {b.run_id} ask the same of the same model, and no photo was "
            "asked about twice; see its noise with: vistoria run --fresh --sample 60"
        )
    return Comparison(
        a=a, b=b, what="repeat", paired=paired, only_a=0, only_b=0,
        fields=tuple(
            _compared(mark, noise[at], [noise[at]], confidence) for at, mark in enumerate(fields)
        ),
    )  # fmt: skip


def _what(a: Run, b: Run, fields: Sequence[tuple[Field, Field]]) -> What:
    model = (a.model, a.settings) != (b.model, b.settings)
    prompt = any(mine.fingerprint != its.fingerprint for mine, its in fields)
    if prompt:
        return "model and prompt" if model else "prompt"
    # Asked together with other fields, the same words may be answered otherwise.
    return "model" if model else "prompt"
