"""Changes of a picture that leave its labels true: small shifts, light, contrast; mirrored only on
demand."""

import re
from typing import Any

from vistoria.errors import UserError
from vistoria.student import _packages
from vistoria.task import Task

__all__ = ["augmented", "check_flip"]

_SIDED = re.compile(
    r"\b(left|right|clockwise|esquerd\w*|direit\w*|izquierd\w*|derech\w*|gauche|droite|links|"
    r"rechts)\b",
    re.IGNORECASE,
)


def augmented(pixels: Any, dice: Any, *, shift: float, light: float, flip: bool) -> Any:
    """Pixels of (N, 3, height, width) from 0 to 1, each picture moved by at most `shift` of its
    size (its edge is drawn out), its light and contrast changed by at most the share `light`.

    `dice`: a generator of torch on the processor, so that a seed gives the same on any device.
    """
    torch = _packages.torch()
    count, device = len(pixels), pixels.device

    def drawn(*shape: int) -> Any:
        return (torch.rand(*shape, generator=dice) * 2 - 1).to(device)

    if shift or flip:
        moves = torch.eye(2, 3, device=device).repeat(count, 1, 1)
        moves[:, :, 2] = drawn(count, 2) * 2 * shift  # the grid goes from -1 to 1
        if flip:
            moves[:, 0, 0] = torch.where(drawn(count) > 0, 1.0, -1.0)
        grid = torch.nn.functional.affine_grid(moves, list(pixels.shape), align_corners=False)
        pixels = torch.nn.functional.grid_sample(
            pixels, grid, padding_mode="border", align_corners=False
        )
    if light:
        middle = pixels.mean(dim=(1, 2, 3), keepdim=True)
        contrast, brightness = (1 + light * drawn(count, 1, 1, 1) for _ in range(2))
        pixels = (((pixels - middle) * contrast + middle) * brightness).clamp(0, 1)
    return pixels


def check_flip(task: Task) -> None:
    """Raises UserError where a field tells left from right: mirrored, its labels would be wrong."""
    for asked in task.fields:
        words = " ".join([asked.name.replace("_", " "), asked.help or "", *asked.choices])
        if found := _SIDED.search(words):
            raise UserError(
                f"field {asked.name!r} speaks of {found.group()!r}: a mirrored picture would bear "
                "a wrong label; leave out flip"
            )
