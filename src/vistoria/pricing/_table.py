"""Reads prices and image-token rules: ours, and the user's in front of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
)

from vistoria.errors import ConfigError
from vistoria.pricing._price import Mode, Price, Tariff
from vistoria.pricing._tokens import ImageRule
from vistoria.task.rule import near
from vistoria.task.toml_text import Place, TomlError, TomlText, read_toml

_OURS = Path(__file__).with_name("prices.toml")
_VERSION = re.compile(r"(-(preview|exp|latest|\d+))*")

_PerMillion: TypeAlias = Annotated[Decimal, Field(ge=0, le=100_000, decimal_places=6)]
_Factor: TypeAlias = Annotated[Decimal, Field(gt=0, le=100)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    models: Annotated[tuple[str, ...], Field(min_length=1)]
    source: str = "given by the user"
    checked: date | None = None


class _PriceEntry(_Entry):
    input: _PerMillion
    output: _PerMillion
    cached: _PerMillion | None = None
    batch: _Factor | None = None
    flex: _Factor | None = None
    priority: _Factor | None = None
    regional: _Factor = Decimal(1)
    prompt_limit: PositiveInt | None = None
    valid_from: date = date.min
    valid_to: date = date.max

    def price(self, mode: Mode, regional: bool) -> Price | None:
        """The price of this way to call, if it is known."""
        factor = Decimal(1) if mode == "online" else getattr(self, mode)
        if factor is None:
            return None
        place = self.regional if regional else Decimal(1)
        paid = _per_token(self.input * factor * place)
        # Google's discounts do not stack: batch and flex leave the price of cached input alone.
        kept = factor if mode == "priority" else Decimal(1)
        cached = paid if self.cached is None else _per_token(self.cached * kept * place)
        return Price(
            input=paid,
            output=_per_token(self.output * factor * place),
            cached=cached,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            prompt_limit=self.prompt_limit,
            source=self.source,
            checked=self.checked,
        )


class _ImageEntry(_Entry):
    tokens: dict[str, NonNegativeInt] = {}
    tile: PositiveInt | None = None


class _ScanEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    services: Annotated[tuple[str, ...], Field(min_length=1)]
    per_tib: _PerMillion
    locations: tuple[str, ...] = ()
    valid_from: date = date.min
    valid_to: date = date.max
    source: str = "given by the user"
    checked: date | None = None

    def fits(self, service: str, location: str, day: date) -> bool:
        """Whether it is the price of this service there and then."""
        there = not self.locations or location in self.locations
        return service in self.services and there and self.valid_from <= day <= self.valid_to


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    prices: tuple[_PriceEntry, ...] = ()
    images: tuple[_ImageEntry, ...] = ()
    scans: tuple[_ScanEntry, ...] = ()


_AnyEntry = TypeVar("_AnyEntry", bound=_Entry)


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices and image-token rules; the first layer that knows a model decides about it."""

    layers: tuple[_File, ...]

    def tariff(self, model: str, *, mode: Mode = "online", regional: bool = False) -> Tariff | None:
        """The prices of `provider:model`; None if unknown, which is not the same as free.

        `regional`: called at an endpoint of a region, for which Google takes more.
        """
        for layer in self.layers:
            if entries := _fitting(layer.prices, model):
                prices = [entry.price(mode, regional) for entry in entries]
                return None if None in prices else Tariff(tuple(p for p in prices if p))
        return None

    def image_rule(self, model: str) -> ImageRule | None:
        """How `provider:model` counts pictures, if known."""
        for layer in self.layers:
            if entries := _fitting(layer.images, model):
                return ImageRule(fixed=entries[0].tokens, tile=entries[0].tile)
        return None

    def scan(self, service: str, location: str, size: int, day: date) -> int | None:
        """Picodollars for reading `size` bytes, rounded up; None if the price is unknown."""
        for layer in self.layers:
            for entry in layer.scans:
                if entry.fits(service, location, day):
                    return -(-size * int(entry.per_tib * 10**12) // 2**40)
        return None


def load_prices(override: Mapping[str, Any] | Path | None = None) -> PriceTable:
    """Our prices behind the user's: a TOML file, or a mapping, of the form of `prices.toml`.

    Raises ConfigError that names the file and line, or the keys.
    """
    if override is None:
        return PriceTable((_ours(),))
    if isinstance(override, Path):
        return PriceTable((_read(override), _ours()))
    return PriceTable((_checked(override, None, None), _ours()))


@cache
def _ours() -> _File:
    return _read(_OURS)


def _read(path: Path) -> _File:
    try:
        toml = read_toml(path)
    except TomlError as error:
        place = f"{path}:{error.line}" if error.line else str(path)
        raise ConfigError(f"{place}: {error}") from None
    return _checked(toml.document, path, toml)


def _checked(given: Mapping[str, Any], path: Path | None, toml: TomlText | None) -> _File:
    def wrong(place: Place, message: str) -> ConfigError:
        where = f"{path}:{toml.line_of(place)}: " if toml else ""
        return ConfigError(f"{where}{'.'.join(str(part) for part in place)}: {message}")

    try:
        file = _File.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = f"{first['msg']}, got {first['input']!r}"
        if first["type"] == "extra_forbidden":
            message = f"unknown key{near(str(first['loc'][-1]), _keys(first['loc']))}"
        raise wrong(first["loc"], message) from None
    for kind, entries in (("prices", file.prices), ("images", file.images)):
        for index, entry in enumerate(entries):
            first_day, last_day = _span(entry)
            if first_day > last_day:
                raise wrong((kind, index, "valid_to"), f"{last_day} is before {first_day}")
        for index, other in _clashes(entries):
            raise wrong((kind, index), f"it overlaps with {kind}.{other} in models and dates")
    return file


def _keys(place: Place) -> tuple[str, ...]:
    entries: dict[Any, type[BaseModel]] = {
        "prices": _PriceEntry, "images": _ImageEntry, "scans": _ScanEntry,
    }  # fmt: skip
    return tuple(entries[place[0]].model_fields if len(place) > 1 else _File.model_fields)


def _clashes(entries: Sequence[_Entry]) -> list[tuple[int, int]]:
    """Pairs of entries, by index, that speak of the same model on the same day."""
    spans = [
        (pattern, *_span(entry), index)
        for index, entry in enumerate(entries)
        for pattern in entry.models
    ]
    return [
        (later[3], earlier[3])
        for earlier, later in pairwise(sorted(spans))
        if earlier[0] == later[0] and later[1] <= earlier[2]
    ]


def _span(entry: _Entry) -> tuple[date, date]:
    if isinstance(entry, _PriceEntry):
        return entry.valid_from, entry.valid_to
    return date.min, date.max


def _fitting(entries: Sequence[_AnyEntry], model: str) -> list[_AnyEntry]:
    """The entries of the longest pattern that fits the model."""
    patterns = {pattern for entry in entries for pattern in entry.models if _fits(pattern, model)}
    if not patterns:
        return []
    best = max(patterns, key=lambda pattern: (len(pattern.rstrip("*")), pattern))
    return [entry for entry in entries if best in entry.models]


def _fits(pattern: str, model: str) -> bool:
    """By name, or by its last part (`publishers/google/models/…`); `*` stands for any ending.

    Without `*` only a version or "preview" may follow: `-image` or `-tts` is another model.
    """
    provider, _, name = model.partition(":")
    for known in (model, f"{provider}:{name.rsplit('/', 1)[-1]}"):
        stem = pattern.rstrip("*")
        if known.startswith(stem) and (
            stem != pattern or _VERSION.fullmatch(known.removeprefix(stem))
        ):
            return True
    return False


def _per_token(per_million: Decimal) -> int:
    """Picodollars per token, rounded up."""
    return int((per_million * 10**6).to_integral_value(ROUND_CEILING))
