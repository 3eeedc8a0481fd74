"""Load data: any number of photos, with chosen shares of files that cannot be read."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import simplejpeg
from PIL import Image

from vistoria.street.chance import Rng
from vistoria.street.darkroom import develop_bytes
from vistoria.street.render import sample
from vistoria.street.site import hex_id
from vistoria.street.tables import write_parquet

Flaw = Literal["corrupt", "truncated", "huge", "wrong_type", "missing"]
Kind = Literal["ok", "disguised"] | Flaw
FLAWS: tuple[Flaw, ...] = get_args(Flaw)
PER_FOLDER = 1_000
HUGE = 30_000
"""Pixels each way that a `huge` file claims to hold."""
FLIPS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSummary:
    """What was written: `counts` by kind; `disguised` files are PNG or WebP named `.jpg`."""

    folder: Path
    listing: Path
    count: int
    counts: dict[Kind, int]


def write_load(  # noqa: PLR0913 - one share per flaw, all by keyword
    folder: Path,
    *,
    count: int,
    seed: int = 0,
    corrupt: float = 0.0,
    truncated: float = 0.0,
    huge: float = 0.0,
    wrong_type: float = 0.0,
    missing: float = 0.0,
    scenes: int = 240,
    workers: int = 2,
) -> LoadSummary:
    """Write `count` files under `folder/images` and list them in `folder/observations.parquet`.

    At most `scenes` distinct scenes are rendered; each file is one of them with a JPEG comment of
    its own, so that all bytes differ though many pictures look alike. The listing has
    observation_id, uri and expected: `ok`, or the flaw. `corrupt` has bits flipped in the scan (a
    lenient decoder may show something), `truncated` ends early, `huge` claims 30,000 x 30,000
    pixels in a small file, `missing` is listed but absent. Half of `wrong_type` is HTML or text;
    the other half is PNG or WebP under the name `.jpg`, which is expected to be `ok`. Raises
    ValueError if the shares exceed 1 or a number is not positive.
    """
    shares = dict(zip(FLAWS, (corrupt, truncated, huge, wrong_type, missing), strict=True))
    if min(count, scenes) < 1 or min(shares.values()) < 0 or sum(shares.values()) > 1:
        raise ValueError(
            "count and scenes must be positive, and shares at least 0 and at most 1 together"
        )
    folder = folder.resolve()
    rng = np.random.default_rng([seed, 404])
    kinds = _kinds(rng, count, shares)
    firsts = [int(rng.integers(0, 2**62)) for _ in range(min(scenes, _photos(kinds)))]
    press = _Press(develop_bytes([sample(first) for first in firsts], workers), rng)
    rows = [_put(folder, index, kind, press, rng) for index, kind in enumerate(kinds)]
    listing = folder / "observations.parquet"
    write_parquet(listing, rows)
    counts: dict[Kind, int] = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
    return LoadSummary(folder=folder, listing=listing, count=count, counts=counts)


def _kinds(rng: Rng, count: int, shares: dict[Flaw, float]) -> list[Kind]:
    """The kind of each file: exact shares, in random order."""
    kinds: list[Kind] = []
    for flaw, share in shares.items():
        wanted = round(count * share)
        if flaw == "wrong_type":
            kinds += ["disguised"] * (wanted // 2)
            wanted -= wanted // 2
        kinds += [flaw] * wanted
    kinds = kinds[:count] + ["ok"] * (count - len(kinds))
    return [kinds[int(at)] for at in rng.permutation(count)]


def _photos(kinds: list[Kind]) -> int:
    """How many files are made out of a photo."""
    return sum(kind not in {"missing", "wrong_type"} for kind in kinds)


def _put(folder: Path, index: int, kind: Kind, press: "_Press", rng: Rng) -> dict[str, str]:
    """Write one file; its row of the listing."""
    observation_id = f"o1:{hex_id(rng)}:00110060"
    place = folder / "images" / f"{index // PER_FOLDER:05d}"
    path = place / (observation_id.replace(":", "_") + ".jpg")
    if index % PER_FOLDER == 0:
        place.mkdir(parents=True, exist_ok=True)
    if kind != "missing":
        path.write_bytes(press.content(index, kind))
    expected = "ok" if kind == "disguised" else kind
    return {"observation_id": observation_id, "uri": path.as_uri(), "expected": expected}


class _Press:
    """Makes file contents out of a pool of JPEG photos."""

    def __init__(self, pool: list[bytes], rng: Rng) -> None:
        self.pool, self.rng = pool, rng
        self.others = [_other_format(photo, at) for at, photo in enumerate(pool[:16])]

    def content(self, index: int, kind: Kind) -> bytes:
        """The bytes of file `index`, of a kind that exists on disk."""
        if kind == "disguised":
            return self.others[index % len(self.others)]
        if kind == "wrong_type":
            return _text(index)
        photo = commented(self.pool[index % len(self.pool)], f"vistoria load {index}")
        spoil: dict[Kind, Callable[[bytes, Rng], bytes]] = {
            "corrupt": flipped, "truncated": cut, "huge": inflated,
        }  # fmt: skip
        return spoil[kind](photo, self.rng) if kind in spoil else photo


def commented(photo: bytes, text: str) -> bytes:
    """The same JPEG with a comment after its first marker."""
    held = text.encode()
    return photo[:2] + b"\xff\xfe" + (len(held) + 2).to_bytes(2, "big") + held + photo[2:]


def flipped(photo: bytes, rng: Rng) -> bytes:
    """The JPEG with 64 bits of its scan flipped, or more until a strict decoder sees it."""
    start = _segment(photo, b"\xff\xda")
    start += 2 + int.from_bytes(photo[start + 2 : start + 4], "big")
    spoiled = bytearray(photo)
    while True:
        for at in rng.integers(start + 16, len(photo) - 2, FLIPS):
            spoiled[int(at)] ^= 1 << int(rng.integers(0, 8))
        try:
            simplejpeg.decode_jpeg(bytes(spoiled), "GRAY", min_width=80, min_height=60)
        except ValueError:
            return bytes(spoiled)


def cut(photo: bytes, rng: Rng) -> bytes:
    """The first 15 to 85 % of the JPEG."""
    return photo[: int(len(photo) * float(rng.uniform(0.15, 0.85)))]


def inflated(photo: bytes, rng: Rng) -> bytes:
    """The JPEG with a header that claims 30,000 x 30,000 pixels."""
    del rng
    frame = _segment(photo, b"\xff\xc0")
    claimed = HUGE.to_bytes(2, "big")
    return photo[: frame + 5] + claimed + claimed + photo[frame + 9 :]


def _segment(photo: bytes, marker: bytes) -> int:
    """Where a segment begins, walking from one to the next; ValueError if there is none."""
    at = 2
    while at < len(photo) - 4:
        if photo[at : at + 2] == marker:
            return at
        at += 2 + int.from_bytes(photo[at + 2 : at + 4], "big")
    raise ValueError(f"no segment {marker.hex()} in this JPEG")


def _other_format(photo: bytes, at: int) -> bytes:
    held = BytesIO()
    small = Image.open(BytesIO(photo)).resize((320, 240))
    small.save(held, "PNG" if at % 2 == 0 else "WEBP")
    return held.getvalue()


def _text(index: int) -> bytes:
    if index % 2 == 0:
        return (
            b"<!DOCTYPE html>\n<html><head><title>403 Forbidden</title></head>"
            b"<body><h1>Forbidden</h1><p>Request %d was refused.</p></body></html>\n" % index
        )
    return b"NoSuchKey: The specified object does not exist. request=%d\n" % index
