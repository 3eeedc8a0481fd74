"""What calls cost, to the picodollar, and the most that they can cost."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vistoria.errors import UserError
from vistoria.pricing import (
    ImageRule,
    Mode,
    Price,
    Spend,
    cost,
    dollars,
    format_money,
    load_prices,
    spent,
    text_tokens,
    worst_case,
)
from vistoria.records import Usage

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
rate = st.integers(0, 10**8)
count = st.integers(0, 10**6)


def price_of(model: str, mode: Mode = "online") -> Price:
    tariff = load_prices().tariff(model, mode=mode)
    found = tariff and tariff.at(NOW)
    assert found
    return found


@st.composite
def prices(draw: st.DrawFn) -> Price:
    return Price(
        input=draw(rate),
        output=draw(rate),
        cached=draw(rate),
        valid_from=date.min,
        valid_to=date.max,
    )


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    tokens = draw(count)
    return Usage(
        input_tokens=tokens,
        cached_tokens=draw(st.integers(0, tokens)),
        output_tokens=draw(count),
        thinking_tokens=draw(count),
    )


USAGE = Usage(input_tokens=1_000, cached_tokens=600, output_tokens=40, thinking_tokens=10)


@pytest.mark.parametrize(
    ("model", "mode", "expected"),
    [
        # 400 × $0.30 + 600 × $0.03 + 50 × $2.50, per million
        ("gemini:gemini-3.5-flash-lite", "online", "0.000263"),
        # half of input and output: 400 × 0.15 + 600 × 0.03 + 50 × 1.25
        ("gemini:gemini-3.5-flash-lite", "batch", "0.0001405"),
        # 400 × 0.75 + 600 × 0.075 + 50 × 3.75
        ("gemini:gemini-3.8-flash", "online", "0.0005325"),
        # 1.8 times that
        ("gemini:gemini-3.8-flash", "priority", "0.0009585"),
        # 400 × 0.125 + 600 × 0.025 + 50 × 0.75
        ("gemini:gemini-3.1-flash-lite", "flex", "0.0001025"),
        ("onnx:street", "online", "0"),
    ],
)
def test_a_bill_by_hand(model: str, mode: Mode, expected: str) -> None:
    assert cost(USAGE, price_of(model, mode)) == dollars(expected)


def test_an_unknown_price_is_not_zero() -> None:
    assert cost(USAGE, None) is None
    assert spent(USAGE, None) == Spend(None, 1, 1_050)
    assert (spent(USAGE, price_of("onnx:street")) + spent(USAGE, None)).money is None
    assert format_money(None) == "price unknown"


@given(usages(), usages(), prices())
def test_bills_add_up_exactly(a: Usage, b: Usage, price: Price) -> None:
    both = Usage(
        input_tokens=a.input_tokens + b.input_tokens,
        output_tokens=a.output_tokens + b.output_tokens,
        thinking_tokens=a.thinking_tokens + b.thinking_tokens,
        cached_tokens=a.cached_tokens + b.cached_tokens,
    )
    assert spent(a, price) + spent(b, price) == spent(both, price, requests=2)


@given(usages(), prices(), st.integers(0, 1000))
def test_more_tokens_never_cost_less(usage: Usage, price: Price, more: int) -> None:
    bill = cost(usage, price)
    for field in ("output_tokens", "thinking_tokens", "input_tokens"):
        values = {name: getattr(usage, name) for name in usage.__dataclass_fields__}
        dearer = cost(Usage(**values | {field: values[field] + more}), price)
        assert bill is not None
        assert dearer is not None
        assert dearer >= bill


@given(st.data(), prices())
def test_no_call_costs_more_than_was_reserved(data: st.DataObject, price: Price) -> None:
    text, image, output = (data.draw(count) for _ in range(3))
    need = worst_case(price, text_tokens=text, image_tokens=image, output_tokens=output)
    tokens = data.draw(st.integers(0, text + image))
    thinking = data.draw(st.integers(0, output))
    usage = Usage(
        input_tokens=tokens,
        cached_tokens=data.draw(st.integers(0, tokens)),
        thinking_tokens=thinking,
        output_tokens=data.draw(st.integers(0, output - thinking)),
    )
    billed = spent(usage, price)
    assert billed.money is not None
    assert billed.tokens is not None
    assert need.money is not None
    assert need.tokens is not None
    assert billed.money <= need.money
    assert billed.tokens <= need.tokens


def test_the_worst_case_is_unknown_where_something_is() -> None:
    known, free = price_of("gemini:gemini-3.5-flash"), price_of("echo")
    assert worst_case(None, text_tokens=9, image_tokens=1, output_tokens=5) == Spend(None, 1, 15)
    assert worst_case(known, text_tokens=9, image_tokens=None, output_tokens=5).money is None
    assert worst_case(free, text_tokens=9, image_tokens=None, output_tokens=5) == Spend(0, 1, None)


def test_a_prompt_beyond_the_known_price_is_refused() -> None:
    with pytest.raises(UserError, match="known only up to 200,000"):
        worst_case(
            price_of("gemini:gemini-3.1-pro"),
            text_tokens=199_000,
            image_tokens=1_120,
            output_tokens=9,
        )


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0.00"),
        ("0.0042", "$0.0042"),
        ("0.00001234", "$0.000012"),
        ("0.05", "$0.050"),
        ("0.42", "$0.42"),
        ("0.999", "$1.00"),
        ("12.3", "$12.30"),
        ("1234567.891", "$1,234,567.89"),
        ("-3", "-$3.00"),
    ],
)
def test_money_is_readable(amount: str, shown: str) -> None:
    assert format_money(dollars(amount)) == shown


def test_parts_of_a_picodollar_are_refused() -> None:
    assert dollars(Decimal("0.000000000001")) == 1
    with pytest.raises(ValueError, match="picodollar"):
        dollars("0.0000000000001")


def rule(model: str) -> ImageRule:
    found = load_prices().image_rule(model)
    assert found
    return found


@pytest.mark.parametrize(
    ("model", "resolution", "size", "expected"),
    [
        ("gemini-3.5-flash-lite", "low", (4000, 3000), (280, 280)),
        ("gemini-3.5-flash-lite", "medium", (64, 64), (560, 560)),
        ("gemini-3.5-flash-lite", "high", (None, None), (1120, 1120)),
        ("gemini-3.5-flash-lite", None, (64, 64), (1120, 1120)),
        ("gemini-4-argon", "ultra_high", (64, 64), (2240, 2240)),
        ("gemini-2.5-flash", "low", (4000, 3000), (66, 66)),
        ("gemini-2.5-flash", "medium", (4000, 3000), (258, 258)),
        ("gemini-2.5-flash", "high", (384, 384), (258, 258)),
        ("gemini-2.5-flash", "high", (768, 768), (258, 5 * 258)),
        ("gemini-2.5-flash", "high", (960, 540), (2 * 258, 7 * 258)),
        ("gemini-2.5-flash", None, (1600, 1200), (6 * 258, 7 * 258)),
        ("gemini-2.5-flash", "high", (6144, 4096), (4 * 3 * 258, 25 * 258)),
        ("gemini-2.5-flash", "high", (None, None), (9 * 258, 25 * 258)),
    ],
)
def test_pictures_take_the_documented_tokens(
    model: str, resolution: str | None, size: tuple[int | None, int | None], expected: object
) -> None:
    assert rule(f"gemini:{model}").tokens(*size, resolution) == expected


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_any_picture_stays_within_what_an_unknown_size_reserves(width: int, height: int) -> None:
    gemini = rule("gemini:gemini-2.5-flash")
    tokens, unknown = gemini.tokens(width, height, "high"), gemini.tokens(None, None, "high")
    assert tokens.expected <= tokens.worst <= unknown.worst


def test_pictures_of_unknown_models_are_unknown() -> None:
    assert load_prices().image_rule("openai:gpt-4o") is None
    own = load_prices({"images": [{"models": ["openai:x"], "tokens": {"low": 85, "high": 765}}]})
    found = own.image_rule("openai:x")
    assert found
    assert found.tokens(10, 10, "auto") == (765, 765)


@given(st.text())
def test_a_text_has_at_most_a_token_per_byte(text: str) -> None:
    tokens = text_tokens(text)
    assert len(text) <= tokens.worst - 64 == len(text.encode())
    assert tokens.expected == -(-len(text.encode()) // 4)
