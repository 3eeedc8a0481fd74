"""How the figures came about, in words for people who do no statistics."""

from collections.abc import Iterator

from vistoria.report.document import Note, Report

_CORRECTED = Note(
    title="Corrected counts",
    text="The machine errs, and not evenly: it takes more of one thing for another than the other "
    "way round. Its counts are therefore off even when nearly every label is right. In the sample "
    "we see, for everything that the machine calls A, what it really is; these shares, applied to "
    "all that the machine calls A, give the corrected count. The interval around it is exact for "
    "small numbers: having seen no error does not mean that there is none (post-stratified "
    "estimate; MOVER and gamma limits, mid-P).",
)
_CERTIFICATES = Note(
    title="Certificates",
    text="A certificate is one-sided: so much is right at the very least. It holds for the model "
    "version, prompt, region and snapshot that it names, and for nothing else.",
)
_AGREEMENT = Note(
    title="Agreement",
    text="With a rare answer two readers can agree on 98 of 100 photos and still on few of the "
    "rare ones. So there are several figures: how often they say the same, the same beyond chance "
    "(kappa, AC1, alpha), and for each answer how often one confirms the other.",
)
_MAP = Note(
    title="Map",
    text="Hexagons of the H3 grid. Cells have few reviews each, so that their correction leans on "
    "that of all cells; such intervals are right on average over cells and promise nothing about "
    "a single one. Where no person looked there is no figure.",
)
_CHANGE = Note(
    title="Change",
    text="A model that errs differently on two photos reports a change where there is none. A "
    "change is therefore counted only from assets that a person compared in both snapshots. If "
    "its interval holds 0, no change is shown. Assets seen in one snapshot only are counted apart: "
    "nobody may have driven past.",
)
_LEFT_OUT = Note(
    title="What is not in here",
    text="Photos without an answer are no part of any count. Texts and boxes are not counted. "
    "Photos show what was so when they were taken.",
)


def notes(report: Report) -> Iterator[Note]:
    """What a reader must know about what this report shows, and nothing about what it does not."""
    if report.population.reviewed and not report.population.note:
        yield _sample(report)
        yield _CORRECTED
        yield _intervals(report.confidence)
    shown = (
        (report.certificates, _CERTIFICATES), (report.agreements, _AGREEMENT),
        (report.places, _MAP), (report.changes, _CHANGE),
    )  # fmt: skip
    yield from (note for what, note in shown if what)
    yield _LEFT_OUT


def _sample(report: Report) -> Note:
    people = report.population
    how = (
        f"by the machine’s answer to {people.by_field}, rare answers more densely"
        if people.by_field
        else "from all alike"
    )
    seen = (
        "had seen the machine’s answer, which draws them towards it"
        if people.label_seen
        else "were not shown the machine’s answer"
    )
    return Note(
        title="The sample",
        text=f"Of {people.units:,} {people.unit}s, {people.reviewed:,} were drawn at random, "
        f"{how}, and looked at. Reviewers {seen}.",
    )


def _intervals(confidence: float) -> Note:
    level = f"{100 * confidence:g}"
    return Note(
        title=f"Intervals of {level} %",
        text=f"Of 100 such intervals about {level} hold the truth, each on its own. A sentence "
        "about all answers at once needs wider ones. What reviewers get wrong is not in them.",
    )
