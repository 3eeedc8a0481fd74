"""Fits both stages of the network on drawn photos."""

import copy
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.street.augment import jittered, reframed, relit
from training.street.data import Photos
from training.street.heads import HEADS, UNASKED, Head
from training.street.nets import Closer, Glance, crop, patches, window

__all__ = ["Course", "boxes_seen", "fit_closer", "fit_glance"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How long and how fast to learn."""

    epochs: int
    rate: float = 1.5e-3
    batch: int = 32
    decay: float = 0.05
    smoothing: float = 0.02
    seed: int = 0


Net = TypeVar("Net", bound=nn.Module)
Loss = Callable[[nn.Module, Tensor], Tensor]


def fit_glance(photos: Photos, count: int, glance: Glance, course: Course) -> Glance:
    """Stage 1, fitted to asset, lean and box of the first `count` photos."""
    torch.manual_seed(course.seed)
    frames, labels = torch.from_numpy(photos.frames), torch.from_numpy(photos.labels)
    boxes, leans = torch.from_numpy(photos.boxes), torch.from_numpy(photos.leans)

    def loss(net: nn.Module, rows: Tensor) -> Tensor:
        assert isinstance(net, Glance)
        image, box, mirrored = reframed(frames[rows], boxes[rows])
        pooled, found = net.seen(relit(patches(image, net.patch)))
        total = _surprise(net.answers(pooled), labels[rows], 1, course.smoothing)
        slant = torch.where(mirrored, -leans[rows], leans[rows]) / 10
        known = ~slant.isnan()
        if known.any():  # the mean over no pole would be NaN, and stay in the weights
            off = net.slant(pooled)[known, 0]
            total = total + functional.smooth_l1_loss(off, slant[known], beta=0.3)
        return total + _misplaced(found, box)

    return _fitted(glance, loss, np.arange(count), course)


def fit_closer(photos: Photos, glance: Glance, closer: Closer, course: Course) -> Closer:
    """Stage 2, fitted to the attributes in crops around boxes that `glance` finds."""
    torch.manual_seed(course.seed + 1)
    frames, labels = torch.from_numpy(photos.frames), torch.from_numpy(photos.labels)
    true, seen = torch.from_numpy(photos.boxes), boxes_seen(glance, photos.frames)

    def loss(net: nn.Module, rows: Tensor) -> Tensor:
        assert isinstance(net, Closer)
        image = crop(frames[rows], window(jittered(true[rows], seen[rows])))
        mirrored = (labels[rows][:, _SIGN_KIND] == UNASKED) & (torch.rand(len(rows)) < 0.5)
        image[mirrored] = image[mirrored].flip(2)
        logits = net(relit(patches(image, net.patch)))
        return _surprise(logits, labels[rows], 2, course.smoothing)

    rows = np.flatnonzero(~np.isnan(photos.boxes[:, 0]))
    return _fitted(closer, loss, rows, course)


def boxes_seen(glance: Glance, frames: NDArray[np.uint8]) -> Tensor:
    """The boxes [N, 4] that stage 1 finds."""
    glance.eval()
    found = []
    with torch.no_grad():
        for begin in range(0, len(frames), 64):
            image = torch.from_numpy(frames[begin : begin + 64])
            with _autocast():
                found.append(glance(patches(image, glance.patch))[1].float())
    return torch.cat(found)


_SIGN_KIND = [head.name for head in HEADS].index("sign_kind")


def _asked(stage: int) -> Iterator[tuple[int, Head]]:
    return ((at, head) for at, head in enumerate(HEADS) if head.stage == stage)


def _surprise(logits: Tensor, labels: Tensor, stage: int, smoothing: float) -> Tensor:
    """Cross-entropy summed over the heads of a stage, each over the photos that it applies to."""
    total, begin = logits.sum() * 0, 0
    for at, head in _asked(stage):
        end = begin + len(head.classes)
        known = labels[:, at] != UNASKED
        if known.any():
            total = total + functional.cross_entropy(
                logits[known, begin:end], labels[known, at], label_smoothing=smoothing
            )
        begin = end
    return total


def _misplaced(found: Tensor, box: Tensor) -> Tensor:
    """Corner distance plus generalised IoU (Rezatofighi et al. 2019), where there is a box."""
    known = ~box[:, 0].isnan()
    if not known.any():
        return found.sum() * 0
    a, b = found[known], box[known]
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    overlap = (high - low).clamp(min=0).prod(1)
    sizes = [(each[:, 2:] - each[:, :2]).clamp(min=0).prod(1) for each in (a, b)]
    union = sizes[0] + sizes[1] - overlap + 1e-7
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(1) + 1e-7
    generalised = overlap / union - (hull - union) / hull
    return 5 * (a - b).abs().mean() + (1 - generalised).mean()


def _autocast() -> torch.autocast:
    """bfloat16 where the processor multiplies it, half again as fast or more."""
    return torch.autocast(
        "cpu", torch.bfloat16, enabled=bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    )


def _fitted(net: Net, loss: Loss, rows: NDArray[np.int64], course: Course) -> Net:
    """The moving average of `net` over its training: warm-up, then a cosine down to nothing."""
    net.to(memory_format=torch.channels_last)
    average = copy.deepcopy(net)
    average.eval()
    steps = course.epochs * (len(rows) // course.batch)
    warm = max(1, steps // 20)
    optimiser = torch.optim.AdamW(_groups(net, course.decay), lr=course.rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / steps)),
    )
    shuffle = np.random.default_rng(course.seed)
    step = 0
    for epoch in range(course.epochs):
        began, spent = time.perf_counter(), []
        net.train()
        order = torch.from_numpy(shuffle.permutation(rows))
        for chosen in order.split(course.batch):
            if len(chosen) < course.batch:
                break
            with _autocast():
                value = loss(net, chosen)
            optimiser.zero_grad(set_to_none=True)
            value.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            step += 1
            _follow(average, net, min(0.998, step / (step + 20)))
            spent.append(value.item())
            assert math.isfinite(spent[-1]), "the loss is no number"
        seconds = time.perf_counter() - began
        _log.info("epoch %2d  loss %.4f  %5.1f s", epoch + 1, np.mean(spent), seconds)
    return average


def _groups(net: nn.Module, decay: float) -> list[dict[str, object]]:
    """Weights decay; biases and normalisation do not."""
    flat = [one for one in net.parameters() if one.ndim < 2]
    deep = [one for one in net.parameters() if one.ndim >= 2]
    return [{"params": deep, "weight_decay": decay}, {"params": flat, "weight_decay": 0.0}]


def _follow(average: nn.Module, net: nn.Module, keep: float) -> None:
    with torch.no_grad():
        for old, new in zip(average.parameters(), net.parameters(), strict=True):
            old.lerp_(new, 1 - keep)
        for old, new in zip(average.buffers(), net.buffers(), strict=True):
            old.lerp_(new, 1 - keep) if old.is_floating_point() else old.copy_(new)
