"""What calls cost, or may cost: money, requests and tokens together."""

from dataclasses import dataclass

from vistoria.errors import UserError
from vistoria.pricing._money import Money
from vistoria.pricing._price import Price, cost
from vistoria.records import Usage


@dataclass(frozen=True, slots=True)
class Spend:
    """`money` and `tokens` are None where they cannot be known; a sum with None is None."""

    money: Money | None = 0
    requests: int = 0
    tokens: int | None = 0

    def __add__(self, other: "Spend") -> "Spend":
        """Both together."""
        return Spend(
            _sum(self.money, other.money),
            self.requests + other.requests,
            _sum(self.tokens, other.tokens),
        )


def spent(usage: Usage, price: Price | None, *, requests: int = 1) -> Spend:
    """What was billed for `requests` calls with this usage in all."""
    tokens = usage.input_tokens + usage.output_tokens + usage.thinking_tokens
    return Spend(cost(usage, price), requests, tokens)


def worst_case(
    price: Price | None, *, text_tokens: int, image_tokens: int | None, output_tokens: int
) -> Spend:
    """The most that one call can be billed; to be reserved before it is sent.

    Upper bounds: `text_tokens` and `image_tokens` (None: no rule known) of what is sent,
    `output_tokens` of the answer including thinking. Raises UserError where the price does not hold
    for so long a prompt.
    """
    if image_tokens is None:
        return Spend(0 if price and price.free else None, 1, None)
    prompt = text_tokens + image_tokens
    if price is None:
        return Spend(None, 1, prompt + output_tokens)
    if price.prompt_limit is not None and prompt > price.prompt_limit:
        raise UserError(
            f"the prompt may have {prompt:,} tokens, but its price is known only up to "
            f"{price.prompt_limit:,}; shorten the instructions or examples"
        )
    money = prompt * max(price.input, price.cached) + output_tokens * price.output
    return Spend(money, 1, prompt + output_tokens)


def _sum(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b
