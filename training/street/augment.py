"""Changes to photos that do not change what is true of them."""

import torch
from torch import Tensor

from training.street.heads import HEIGHT, WIDTH

__all__ = ["jittered", "relit", "shifted"]


def shifted(image: Tensor, box: Tensor, most: int = 20) -> tuple[Tensor, Tensor, Tensor]:
    """Mirrored (half of them) and moved frames with their boxes, and which ones are mirrored."""
    count = len(image)
    mirrored = torch.rand(count) < 0.5
    image[mirrored] = image[mirrored].flip(2)
    box = torch.where(mirrored[:, None], (1 - box)[:, [2, 1, 0, 3]] * _X + box * (1 - _X), box)
    steps = torch.randint(-most, most + 1, (count, 2))
    moved = torch.stack(
        [_moved(one, *step) for one, step in zip(image, steps.tolist(), strict=True)]
    )
    return moved, (box + (steps / _SIZE).repeat(1, 2)).clamp(0, 1), mirrored


def relit(pixels: Tensor, most: float = 0.12) -> Tensor:
    """Pixel runs [N, 3 × run, H, W] with another brightness, contrast and tint."""
    count, run = len(pixels), pixels.shape[1] // 3
    gain = 1 + most * (2 * torch.rand(count, 1) - 1) + most / 3 * (2 * torch.rand(count, 3) - 1)
    lift = most / 2 * (2 * torch.rand(count, 1, 1, 1) - 1)
    return (pixels * gain.repeat(1, run)[:, :, None, None] + lift).clamp(0, 1)


def jittered(true: Tensor, seen: Tensor) -> Tensor:
    """Boxes as stage 1 may find them: mostly its own, sometimes true ones, all disturbed."""
    box = torch.where(torch.rand(len(true), 1) < 0.7, seen, true)
    size = (box[:, 2:] - box[:, :2]).abs()
    middle = (box[:, 2:] + box[:, :2]) / 2 + 0.06 * size * torch.randn_like(size)
    size = size * torch.exp(0.10 * torch.randn_like(size))
    return torch.cat([middle - size / 2, middle + size / 2], 1)


_SIZE = torch.tensor([WIDTH, HEIGHT])
_X = torch.tensor([1.0, 0.0, 1.0, 0.0])


def _moved(image: Tensor, right: int, down: int) -> Tensor:
    """One frame moved by whole pixels; its edge is repeated."""
    out = image.roll((down, right), (0, 1))
    if right > 0:
        out[:, :right] = out[:, right : right + 1]
    elif right < 0:
        out[:, right:] = out[:, right - 1 : right]
    if down > 0:
        out[:down] = out[down : down + 1]
    elif down < 0:
        out[down:] = out[down - 1 : down]
    return out
