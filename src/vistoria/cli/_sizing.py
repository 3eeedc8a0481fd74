"""`--size auto`: finds the smallest pictures that get the same labels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from vistoria.cli import _settings
from vistoria.cli._talk import note
from vistoria.cli._work import progress, work
from vistoria.engine import (
    Average,
    Choice,
    Difference,
    Size,
    acceptable,
    average,
    differences,
    plan_part,
    sizes,
)
from vistoria.errors import RunStopped, UserError
from vistoria.job import Job, open_job
from vistoria.ledger import Ledger, Run
from vistoria.pricing import Spend, format_money
from vistoria.progress import Display
from vistoria.records import Answer
from vistoria.result import usd

_FEWEST = 20  # pictures without which no difference could be seen
_REPEAT = "repeat"
_SIZE_SETTINGS = frozenset({"media_resolution", "image.max_side", _REPEAT})


class SizeOption(click.ParamType[int]):
    """`auto` or `auto:N`: the number of pictures to try."""

    name = "auto[:N]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        word, colon, count = str(value).partition(":")
        if word != "auto" or (colon and not count.isdecimal()):
            self.fail(f"write auto or auto:N, got {value!r}", param, ctx)
        if colon and int(count) < _FEWEST:
            self.fail(f"fewer than {_FEWEST} pictures show nothing", param, ctx)
        return int(count) if colon else 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A size that was tried; the largest has no `differences`."""

    size: Size
    average: Average
    differences: tuple[Difference, ...] = ()
    accepted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """What the comparison came to: `chosen` is the smallest size that was accepted."""

    chosen: Trial
    trials: tuple[Trial, ...]
    pictures: int
    left: int

    @property
    def settings(self) -> dict[str, object]:
        """The chosen size, as the setting of a project."""
        return {self.chosen.size.setting: self.chosen.size.value}

    def facts(self) -> Iterator[str]:
        """A line for each size, and one for what was saved."""
        for trial in self.trials:
            yield f"{trial.size}: {_price(trial.average)} a picture{_verdict(trial)}"
        if self.pictures < _FEWEST:
            yield f"only {self.pictures} pictures could be compared, so the largest size stays"
        first, last = self.trials[0].average, self.chosen.average
        tokens = round(first.tokens - last.tokens)
        saved = f"{tokens:,} tokens a picture, {tokens * self.left:,} over the run"
        if first.money is not None and last.money is not None:
            saved += f": {format_money((first.money - last.money) * self.left)}"
        yield f"chosen: {self.chosen.size}" + (f", which saves {saved}" if tokens else "")

    def document(self) -> dict[str, Any]:
        """The same, as JSON values."""
        return {
            "chosen": self.chosen.size.value,
            "setting": self.chosen.size.setting,
            "pictures": self.pictures,
            "trials": [
                {
                    "size": trial.size.value,
                    "tokens_per_picture": round(trial.average.tokens, 1),
                    "usd_per_picture": usd(trial.average.money),
                    "accepted": trial.accepted,
                    "differences": {
                        one.field: {
                            "share": one.here.part,
                            "at_most": one.here.high,
                            "repeat": one.repeat.part,
                            "p": one.p,
                        }
                        for one in trial.differences
                    },
                }
                for trial in self.trials
            ],
        }


def choose_size(context: click.Context, count: int, display: Display) -> Sized:
    """Asks `count` pictures at each size, from the largest down to the first that is not accepted.

    The answers stay in the ledger, so that the same command asks nothing again, and the run at the
    chosen size has its part done. Raises UserError, and RunStopped when it was stopped before.
    """
    base = _settings.load(context)
    model = open_job(base).ask.model
    if model.capabilities.local:
        raise UserError(f"{model.name!r} computes here: a smaller size would save nothing")
    known = sizes(model.capabilities, base.images.max_side)
    job = _open(context, known[0])
    with Ledger(job.ledger) as ledger:
        with progress(display) as emit:
            whole = job.plan(ledger, Choice(), emit)
        bench = _Bench(context, ledger, whole.run, job.pilot(whole, ledger, count), display)
        sized = bench.compare(known, whole.pending)
    for number, fact in enumerate(sized.facts()):
        note("" if number else "size", fact)
    return sized


def within_budget(job: Job, ledger: Ledger, run: Run) -> Job:
    """The job, under one ceiling with the runs at other sizes."""
    spent = sum(
        (
            ledger.spending(other.run_id)
            for other in ledger.runs()
            if other.run_id != run.run_id and _alike(other) == _alike(run)
        ),
        Spend(),
    )
    return replace(job, limits=replace(job.limits, already=spent))


class _Bench:
    """Asks about the same pictures at different sizes."""

    def __init__(
        self, context: click.Context, ledger: Ledger, run: Run,
        ordinals: NDArray[np.int64], display: Display,
    ) -> None:  # fmt: skip
        self._context, self._ledger, self._run = context, ledger, run
        self._ordinals, self._display = ordinals, display

    def compare(self, known: tuple[Size, ...], left: int) -> Sized:
        largest, first = self._ask(known[0])
        _, again = self._ask(known[0], repeat=True)
        kinds = {field.name: field.kind for field in self._ledger.fields(self._run.question_id)}
        chosen, trials = largest, [largest]
        pictures = len(first.keys() & again.keys())
        for size in known[1:] if pictures >= _FEWEST else ():
            trial, smaller = self._ask(size)
            found = differences(first, again, smaller, kinds)
            if not found:
                raise UserError("the task has only texts and boxes, which cannot be compared")
            trial = replace(trial, differences=found, accepted=acceptable(found))
            trials.append(trial)
            if not trial.accepted:
                break
            chosen = trial
        return Sized(chosen=chosen, trials=tuple(trials), pictures=pictures, left=left)

    def _ask(self, size: Size, *, repeat: bool = False) -> tuple[Trial, Mapping[int, Answer]]:
        job, ledger = _open(self._context, size), self._ledger
        if repeat:  # a question of its own, so that it is really asked, and only once
            settings = {**job.ask.settings, _REPEAT: 1}
            job = replace(job, ask=replace(job.ask, settings=settings))
        plan = plan_part(ledger, self._run, job.ask, self._ordinals)
        if plan.pending:
            note("size", f"{size}{' again' if repeat else ''}: {plan.pending:,} pictures")
            job = within_budget(job, ledger, plan.run)
            report = work(job, ledger, plan, self._display).report
            if report.outcome != "finished":
                interrupted = report.outcome == "interrupted"
                why = report.stopped_by or report.outcome
                raise RunStopped(f"no size was chosen: {why}", interrupted=interrupted)
        number, ordinals = plan.run.question_id, self._ordinals.tolist()
        found = average(ledger, number, ordinals, job.ask.model, job.limits)
        return Trial(size=size, average=found), ledger.answers(number, ordinals)


def _open(context: click.Context, size: Size) -> Job:
    """Asked call by call, whatever the run itself does."""
    return replace(open_job(_settings.load(context, flags={size.setting: size.value})), batch=None)


def _alike(run: Run) -> tuple[Any, ...]:
    """Equal for runs that differ in the size of pictures alone."""
    settings = {k: v for k, v in run.settings.items() if k not in _SIZE_SETTINGS}
    return (run.source, dict(run.selection), run.task_fingerprint, run.model, settings)


def _price(one: Average) -> str:
    money = f", {format_money(one.money)}" if one.money is not None else ""
    return f"{one.tokens:,.0f} tokens{money}"


def _verdict(trial: Trial) -> str:
    if not trial.differences:
        return ""
    worst = min(trial.differences, key=lambda one: one.p)
    word = "accepted" if trial.accepted else "not accepted"
    here = f"{worst.here.part:.1%} (at most {worst.here.high:.0%})"
    again = f"when repeated in {worst.repeat.part:.1%} (p = {worst.p:.2g})"
    return f"; {word}: {worst.field} differs in {here}, {again}"
