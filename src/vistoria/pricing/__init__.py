"""What calls cost: dated prices and image-token rules as data (`prices.toml`), arithmetic here.

    table = load_prices(Path("my-prices.toml"))      # or None, or a mapping of the same form
    tariff = table.tariff("gemini:gemini-3.8-flash", mode="batch")
    cost(usage, tariff.at(when)) if tariff else None  # picodollars; None = price unknown, not zero

Before a call, `worst_case` is reserved against a `Ceiling`; after it, `spent` is booked instead.
"""

from vistoria.pricing._ceiling import Ceiling
from vistoria.pricing._estimate import Estimate, Stratum, estimate, estimate_by_rule
from vistoria.pricing._money import Money, dollars, format_money
from vistoria.pricing._price import Mode, Price, Tariff, cost
from vistoria.pricing._spend import Spend, spent, worst_case
from vistoria.pricing._table import PriceTable, load_prices
from vistoria.pricing._tokens import ImageRule, TokenRange, text_tokens

__all__ = [
    "Ceiling",
    "Estimate",
    "ImageRule",
    "Mode",
    "Money",
    "Price",
    "PriceTable",
    "Spend",
    "Stratum",
    "Tariff",
    "TokenRange",
    "cost",
    "dollars",
    "estimate",
    "estimate_by_rule",
    "format_money",
    "load_prices",
    "spent",
    "text_tokens",
    "worst_case",
]
