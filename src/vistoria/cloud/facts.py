"""Dated facts about Google's services; see `_facts.toml`."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

__all__ = ["Imagery", "PayAsYouGo", "Product", "imagery", "pay_as_you_go"]


class Product(NamedTuple):
    """A product of Street View Insights, and the tables that tell that it is there."""

    name: str
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imagery:
    """How Street View Insights is listed and named; with {location} and {customer}.

    `snapshot_days`: how long images last; `warn_days`: from when on their end is told.
    """

    exchange: str
    listing: str
    dataset: str
    locations: tuple[str, ...]
    snapshot_days: int
    warn_days: int
    products: tuple[Product, ...]

    def products_of(self, tables: tuple[str, ...]) -> tuple[str, ...]:
        """The products that these tables belong to."""
        return tuple(p.name for p in self.products if set(p.tables) & set(tables))


@dataclass(frozen=True, slots=True, kw_only=True)
class PayAsYouGo:
    """The limits of Gemini without reserved capacity; `tiers`: money spent, tokens a minute."""

    warn_days: int
    requests_per_minute: int
    tiers: tuple[tuple[str, int], ...]


@cache
def imagery() -> Imagery:
    """Street View Insights."""
    given = dict(_facts()["imagery"])
    products = tuple(Product(p["name"], tuple(p["tables"])) for p in given.pop("products"))
    given["locations"] = tuple(given["locations"])
    return Imagery(**given, products=products)


@cache
def pay_as_you_go() -> PayAsYouGo:
    """Gemini's limits by what an account has spent."""
    given = dict(_facts()["gemini"])
    tiers = tuple((tier["spent"], tier["tokens_per_minute"]) for tier in given.pop("tiers"))
    return PayAsYouGo(**given, tiers=tiers)


def _facts() -> dict[str, Any]:
    return tomllib.loads(files("vistoria.cloud").joinpath("_facts.toml").read_text("utf-8"))
