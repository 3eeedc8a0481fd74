"""How many tokens a picture or a text takes, without the model's tokenizer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

_WHOLE = 384  # up to this, a picture is one tile
_LARGEST = 3072  # larger pictures are scaled down to it
_MOST_TILES = 24  # of crops, at 3072 × 384
_MARKS = 64  # for what marks turns and parts


class TokenRange(NamedTuple):
    """How many tokens to count on, and how many to reserve."""

    expected: int
    worst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRule:
    """How a family of models counts a picture.

    `fixed`: media resolution → tokens whatever the size; "default" is for what is not listed.
    `tile`: tokens per tile, for resolutions that are not in `fixed`.
    """

    fixed: Mapping[str, int]
    tile: int | None = None

    def tokens(
        self, width: int | None, height: int | None, media_resolution: str | None = None
    ) -> TokenRange:
        """For a picture of this size in pixels; unknown sizes count as large ones."""
        fixed = self.fixed.get(media_resolution or "default", self.fixed.get("default"))
        if fixed is not None:
            return TokenRange(fixed, fixed)
        if self.tile is None:
            most = max(self.fixed.values(), default=0)
            return TokenRange(most, most)
        expected, worst = _tiles(width, height)
        return TokenRange(expected * self.tile, worst * self.tile)


def text_tokens(text: str) -> TokenRange:
    """For a text as it is sent; a response schema counts as text too.

    Expected: Google's rule of thumb, four characters a token. Worst: one per UTF-8 byte, since a
    token of a byte-fallback tokenizer, as Gemini's and GPT's are, covers at least one.
    """
    size = len(text.encode())
    return TokenRange(-(-size // 4), size + _MARKS)


def _tiles(width: int | None, height: int | None) -> tuple[int, int]:
    """Tiles by Google's two rules: of 768 pixels; of 2/3 of the short side, and an overview."""
    if width is None or height is None:
        return 9, _MOST_TILES + 1  # "256 + about 2,048 tokens"
    if max(width, height) <= _WHOLE:
        return 1, 1
    if max(width, height) > _LARGEST:
        scale = _LARGEST / max(width, height)
        width, height = max(1, int(width * scale)), max(1, int(height * scale))
        return _count(width, height, 768), _MOST_TILES + 1
    crop = min(768, max(256, min(width, height) * 2 // 3))
    return _count(width, height, 768), _count(width, height, crop) + 1


def _count(width: int, height: int, side: int) -> int:
    return -(-width // side) * -(-height // side)
