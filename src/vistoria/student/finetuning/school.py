"""Tunes a whole network and its heads on the labels, end to end.

AdamW (Loshchilov & Hutter, ICLR 2019) with a linear warm-up and a cosine after it; pictures changed
a little each time; stopped early by the loss on watched rows, whose best state is kept. All that is
needed to go on is written down as it goes, so that a run that was killed takes up where it was.
Order, changes and dropout of a step follow from the seed and its number: a run that was resumed
takes the same steps as one that was not.
"""

import logging
import math
import os
import pickle
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import UserError
from vistoria.student import _packages
from vistoria.student.backbones.embedding import Listen
from vistoria.student.backbones.network import Network
from vistoria.student.finetuning.aims import Aim
from vistoria.student.finetuning.augmentation import augmented
from vistoria.student.finetuning.lesson import FineTuning, Lesson

__all__ = ["Course", "Epoch", "fine_tune"]

_WRITTEN_EVERY = 120.0  # seconds, and after each epoch
_CLIPPED = 1.0
_PLAIN = ("best", "best_epoch", "ended", "least", "lost", "start", "step")
_UNREADABLE = (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError)
_log = logging.getLogger(__name__)


class Epoch(NamedTuple):
    """Mean loss on the rows learned from, and on watched ones."""

    loss: float
    watched: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How the tuning went. `start`: the loss on watched rows before it; `best`: the number of the
    epoch that was kept, 0 where none was better than the start; `steps` of `of` were taken, the
    first `resumed_at` of them by an earlier process."""

    start: float
    history: tuple[Epoch, ...]
    best: int
    steps: int
    of: int
    resumed_at: int
    device: str
    seconds: float
    checkpoint: Path


def fine_tune(
    network: Network, lesson: Lesson, options: FineTuning, folder: Path, device: Any, listen: Listen
) -> Course:
    """Changes the network; it ends in its best state. `folder`: where its state is kept meanwhile.

    Raises UserError where the loss is no number.
    """
    torch = _packages.torch()
    started = time.monotonic()
    path = folder / f"tuning-{lesson.mark(options, network.weights.key)}.pt"
    folder.mkdir(parents=True, exist_ok=True)
    ours = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(ours):
        school = _School(network, lesson, options, path, device, listen)
        resumed_at = school.resume()
        school.run()
    school.restore_best()
    return Course(
        start=school.start, history=tuple(school.history), best=school.best_epoch,
        steps=school.step, of=school.total, resumed_at=resumed_at, device=str(device),
        seconds=time.monotonic() - started, checkpoint=path,
    )  # fmt: skip


class _School:
    """The state of a tuning: everything in it that a checkpoint holds."""

    def __init__(
        self, network: Network, lesson: Lesson, options: FineTuning, path: Path, device: Any,
        listen: Listen,
    ) -> None:  # fmt: skip
        self.torch = _packages.torch()
        self.network, self.lesson, self.options = network, lesson, options
        self.path, self.device, self.listen = path, device, listen
        self.taught = np.flatnonzero(lesson.sides.taught)
        self.watched = np.flatnonzero(lesson.sides.watched)
        self.module = network.module.to(device)
        self.heads = self._heads()
        self.optimiser = self._optimiser()
        self.rates = [group["lr"] for group in self.optimiser.param_groups]
        self.centre, self.spread = (
            self.torch.from_numpy(one).to(device)
            for one in (lesson.scale.centre, lesson.scale.spread)
        )
        self.usual = [max(float(aim.weights[self.taught].mean()), 1e-9) for aim in lesson.aims]
        self.per_epoch = max(1, math.ceil(len(self.taught) / options.batch))
        self.total = self.per_epoch * options.epochs
        self.step = self.best_epoch = 0
        self.lost = self.start = self.least = 0.0
        self.ended = False
        self.history: list[Epoch] = []
        self.best: dict[str, Any] = {}
        self.written = time.monotonic()

    def _heads(self) -> Any:
        nn = self.torch.nn
        heads = nn.ModuleList()
        for aim in self.lesson.aims:
            head = nn.Linear(*aim.weight.shape)
            with self.torch.no_grad():
                head.weight.copy_(self.torch.from_numpy(aim.weight.T.copy()))
                head.bias.copy_(self.torch.from_numpy(aim.bias))
            heads.append(head)
        return heads.to(self.device)

    def _optimiser(self) -> Any:
        """Neither biases nor norms nor single values are drawn towards zero."""
        own = [one for one in self.module.parameters() if one.requires_grad]
        given, decay = self.options, self.options.decay
        groups = [
            {"params": [p for p in own if p.ndim > 1], "lr": given.rate, "weight_decay": decay},
            {"params": [p for p in own if p.ndim <= 1], "lr": given.rate, "weight_decay": 0.0},
            {"params": list(self.heads.parameters()), "lr": given.head_rate, "weight_decay": 0.0},
        ]
        return self.torch.optim.AdamW(groups)

    def run(self) -> None:
        """Goes on to the end."""
        if not self.best:
            self.start = self.least = self._unseen()
            self._keep(0)
        while not self.ended:
            epoch = len(self.history)
            for rows in self._rest_of(epoch):
                self._learn(rows)
                self.listen("fine-tuning", self.step, self.total)
                if time.monotonic() - self.written > _WRITTEN_EVERY:
                    self._write()
            self._close(epoch)
            self._write()

    def _rest_of(self, epoch: int) -> Iterator[NDArray[np.int64]]:
        """The batches of an epoch that are not done yet."""
        order = np.random.default_rng([self.options.seed, epoch]).permutation(self.taught)
        size = self.options.batch
        for at in range(self.step - epoch * self.per_epoch, self.per_epoch):
            yield np.sort(order[at * size : (at + 1) * size])

    def _learn(self, rows: NDArray[np.int64]) -> None:
        """One step."""
        torch, given = self.torch, self.options
        torch.manual_seed(given.seed * 1_000_003 + self.step)  # of dropout
        dice = torch.Generator().manual_seed(given.seed * 1_000_033 + self.step)
        share = _schedule(self.step, self.total, given.warm_up)
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * share
        self.module.train(len(rows) > 1)  # statistics of one picture are none
        pixels = augmented(
            self.network.pixels(self.lesson.frames[rows], self.device), dice, shift=given.shift,
            light=given.light, flip=given.flip,
        )  # fmt: skip
        with self._half():
            losses = self._losses(pixels, rows)
        loss = sum(one / (usual * len(rows)) for one, usual in zip(losses, self.usual, strict=True))
        loss = loss / len(losses)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        found = float(loss.detach())
        if not math.isfinite(found):
            raise UserError(
                f"fine-tuning went astray at step {self.step} (its loss is no number): try a lower "
                f"rate than {given.rate:g}, e.g. -t rate={given.rate / 5:g}"
            )
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), _CLIPPED)
        self.optimiser.step()
        self.lost += found
        self.step += 1

    def _half(self) -> AbstractContextManager[Any]:
        """bfloat16 where the graphics card has it."""
        torch = self.torch
        able = self.device.type == "cuda" and torch.cuda.is_bf16_supported()
        found: AbstractContextManager[Any] = torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=able
        )
        return found

    def _losses(self, pixels: Any, rows: NDArray[np.int64]) -> list[Any]:
        """Per field, the sum over rows of weight × loss."""
        torch = self.torch
        features = self.module(self.network.normalised(pixels)).float()
        features = (features - self.centre) / self.spread
        found = []
        for aim, head in zip(self.lesson.aims, self.heads, strict=True):
            wanted, weights = (
                torch.from_numpy(one[rows]).to(self.device) for one in (aim.wanted, aim.weights)
            )
            found.append((_each(torch, aim, head(features).float(), wanted) * weights).sum())
        return found

    def _unseen(self) -> float:
        """The mean loss on watched rows; of each field alike."""
        self.module.eval()
        sums = np.zeros(len(self.heads))
        size = self.options.batch
        with self.torch.no_grad(), self._half():
            for at in range(0, len(self.watched), size):
                rows = self.watched[at : at + size]
                pixels = self.network.pixels(self.lesson.frames[rows], self.device)
                sums += [float(one) for one in self._losses(pixels, rows)]
        weights = np.array([aim.weights[self.watched].sum() for aim in self.lesson.aims])
        return float((sums[weights > 0] / weights[weights > 0]).mean()) if weights.any() else 0.0

    def _close(self, epoch: int) -> None:
        """The end of an epoch: is it the best so far, and is it enough?"""
        unseen = self._unseen()
        self.history.append(Epoch(self.lost / self.per_epoch, unseen))
        self.lost = 0.0
        if unseen < self.least:
            self.least = unseen
            self._keep(epoch + 1)
        late = len(self.history) - self.best_epoch >= self.options.patience
        self.ended = late or len(self.history) >= self.options.epochs
        text = f"loss {self.history[-1].loss:.4f}, on unseen rows {unseen:.4f}; epoch"
        self.listen(text, epoch + 1, self.options.epochs)

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        self.best = {k: v.detach().cpu().clone() for k, v in self.module.state_dict().items()}

    def _write(self) -> None:
        """The whole state, whole or not at all."""
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        self.torch.save(
            {
                "module": self.module.state_dict(), "heads": self.heads.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "centre": self.centre, "spread": self.spread,
                "history": [tuple(one) for one in self.history],
                **{name: getattr(self, name) for name in _PLAIN},
            },
            draft,
        )  # fmt: skip
        draft.replace(self.path)
        self.written = time.monotonic()

    def resume(self) -> int:
        """Takes up what an earlier process left; returns the steps that it had taken."""
        if not self.path.is_file():
            return 0
        try:
            held = self.torch.load(self.path, map_location="cpu", weights_only=True)
        except _UNREADABLE as error:
            _log.warning("%s cannot be read (%s): fine-tuning begins anew", self.path, error)
            return 0
        self.module.load_state_dict(held["module"])
        self.heads.load_state_dict(held["heads"])
        self.optimiser.load_state_dict(held["optimiser"])
        self.centre, self.spread = (held[name].to(self.device) for name in ("centre", "spread"))
        for name in _PLAIN:
            setattr(self, name, held[name])
        self.history = [Epoch(*one) for one in held["history"]]
        self.listen("fine-tuning goes on where it was left", self.step, self.total)
        return self.step

    def restore_best(self) -> None:
        """Puts the weights of the best epoch into the network."""
        self.module.load_state_dict(self.best)
        self.module.eval()


def _schedule(step: int, total: int, warm_up: float) -> float:
    """The share of the highest rate: up in a line, then down along a cosine."""
    first = max(1, round(warm_up * total))
    if step < first:
        return (step + 1) / first
    return 0.5 * (1 + math.cos(math.pi * (step - first) / max(1, total - first)))


def _each(torch: Any, aim: Aim, outputs: Any, wanted: Any) -> Any:
    """The loss of each row."""
    loss = torch.nn.functional
    if aim.form == "classes":
        return loss.cross_entropy(outputs, wanted, reduction="none")
    if aim.form == "set":
        return loss.binary_cross_entropy_with_logits(outputs, wanted, reduction="none").mean(1)
    return loss.smooth_l1_loss(outputs[:, 0], wanted, reduction="none")
