"""Changes to photos that do not change what is true of them."""

import torch
from torch import Tensor

from training.street.heads import HEIGHT, WIDTH

__all__ = ["jittered", "reframed", "relit"]


def reframed(image: Tensor, box: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Frames as from another camera, their boxes, and which ones are mirrored (half of them).

    Each is a window of 3/4 to 21/20 of the frame, moved by up to 1/16 beyond what that allows;
    where it sticks out, the edge is repeated. Pixels are picked, not blended, as in `nets.crop`.
    """
    count = len(image)
    mirrored = torch.rand(count) < 0.5
    share = 1.05 - 0.30 * torch.rand(count, 1).square()
    low = (1 - share) * torch.rand(count, 2) + (torch.rand(count, 2) - 0.5) / 8
    at = [
        ((low[:, axis : axis + 1] + share * (torch.arange(length) + 0.5) / length) * length)
        .long()
        .clamp(0, length - 1)
        for axis, length in enumerate((WIDTH, HEIGHT))
    ]
    columns = torch.where(mirrored[:, None], at[0].flip(1), at[0])
    rows = (at[1] + torch.arange(count)[:, None] * HEIGHT) * WIDTH
    index = (rows[:, :, None] + columns[:, None, :]).reshape(-1)
    moved = image.reshape(-1, 3).index_select(0, index).reshape(image.shape)
    box = (box - low.repeat(1, 2)) / share
    turned = torch.stack([1 - box[:, 2], box[:, 1], 1 - box[:, 0], box[:, 3]], 1)
    return moved, torch.where(mirrored[:, None], turned, box).clamp(0, 1), mirrored


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
