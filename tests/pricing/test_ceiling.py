"""A ceiling holds, and says which bound is reached."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vistoria.errors import ConfigError, UserError
from vistoria.pricing import Ceiling, Spend, dollars

NOTHING = Spend()
number = st.integers(0, 50)
spends = st.builds(Spend, number, number, number)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("25 USD", Ceiling(money=dollars(25))),
        ("$25", Ceiling(money=dollars(25))),
        ("US$1,234.50", Ceiling(money=dollars("1234.50"))),
        ("0.5 dollars", Ceiling(money=dollars("0.5"))),
        ("$2k", Ceiling(money=dollars(2000))),
        ("10000 requests", Ceiling(requests=10_000)),
        ("10,000 requests", Ceiling(requests=10_000)),
        ("10_000 requests", Ceiling(requests=10_000)),
        ("5M tokens", Ceiling(tokens=5_000_000)),
        ("1.5m tokens", Ceiling(tokens=1_500_000)),
        ("$25, 5M tokens", Ceiling(money=dollars(25), tokens=5_000_000)),
        ("25 USD,100 requests", Ceiling(money=dollars(25), requests=100)),
        (
            "$25 and 10k requests; 1bn tokens",
            Ceiling(money=dollars(25), requests=10_000, tokens=10**9),
        ),
    ],
)
def test_a_ceiling_is_read_as_people_write_it(text: str, expected: Ceiling) -> None:
    assert Ceiling.parse(text) == expected
    assert Ceiling.parse(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("25", "write for instance '25 USD'"),
        ("", "write for instance '25 USD'"),
        ("25 EUR", "cannot read '25 EUR'"),
        ("-5 USD", "cannot read '-5 USD'"),
        ("$25 tokens", "cannot read"),
        ("$25, $30", "bounds money twice"),
        ("1,00 USD", "cannot read"),
        ("10000000 USD", "more than can be counted"),
    ],
)
def test_what_cannot_be_read_says_what_to_write(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=r".") as caught:
        Ceiling.parse(text)
    assert message in str(caught.value)


@given(number, st.lists(st.tuples(spends, st.integers(0, 50)), max_size=30))
def test_spending_never_passes_the_ceiling(limit: int, calls: list[tuple[Spend, int]]) -> None:
    ceiling = Ceiling(money=limit, requests=limit, tokens=limit)
    booked = NOTHING
    for need, bill in calls:
        fits = ceiling.fits(booked, NOTHING, need)
        assert fits == ceiling.fits(NOTHING, booked, need)
        assert fits == (ceiling.broken(booked, NOTHING, need) is None)
        if fits:
            assert need.money is not None
            booked += Spend(min(bill, need.money), need.requests, need.tokens)
    assert booked.money is not None
    assert booked.tokens is not None
    assert max(booked.money, booked.requests, booked.tokens) <= limit


def test_a_ceiling_is_reached_exactly() -> None:
    ceiling = Ceiling(requests=3)
    assert ceiling.fits(Spend(requests=1), Spend(requests=1), Spend(requests=1))
    assert not ceiling.fits(Spend(requests=2), Spend(requests=1), Spend(requests=1))


def test_no_bound_is_no_bound() -> None:
    assert Ceiling().fits(Spend(10**18, 10**9, 10**12), NOTHING, Spend(None, 1, None))
    assert str(Ceiling()) == "none"


def test_what_is_unknown_never_fits_a_bound() -> None:
    assert not Ceiling(money=dollars(1)).fits(NOTHING, NOTHING, Spend(None, 1, 5))
    assert not Ceiling(tokens=10**9).fits(Spend(0, 1, None), NOTHING, Spend(0, 1, 5))


def test_the_sentence_says_how_it_stands() -> None:
    ceiling = Ceiling.parse("$25, 5M tokens")
    spent, reserved = Spend(dollars("24.98"), 9, 4_000_000), Spend(dollars("0.01"), 1, 2_000)
    assert ceiling.broken(spent, reserved, Spend(dollars("0.02"), 1, 3_000)) == (
        "the ceiling of $25.00 is reached: $24.98 spent, $0.010 reserved for calls in flight, and "
        "the next call may take $0.020"
    )
    assert ceiling.broken(spent, reserved, Spend(0, 1, 1_000_000)) == (
        "the ceiling of 5,000,000 tokens is reached: 4,000,000 spent, 2,000 reserved for calls in "
        "flight, and the next call may take 1,000,000"
    )


def test_a_ceiling_that_cannot_be_kept_refuses_to_start() -> None:
    unknown = Spend(None, 1, None)
    with pytest.raises(UserError, match=r"\$25\.00 cannot be kept: the price of 'openai:x'"):
        Ceiling.parse("$25").check("openai:x", unknown)
    with pytest.raises(UserError, match="5 tokens cannot be kept"):
        Ceiling.parse("5 tokens").check("openai:x", unknown)
    Ceiling.parse("5 requests").check("openai:x", unknown)


def test_a_ceiling_below_one_call_refuses_to_start() -> None:
    with pytest.raises(UserError, match=r"\$0\.010 is too low: one call to 'gemini:x' may take"):
        Ceiling.parse("$0.01").check("gemini:x", Spend(dollars("0.02"), 1, 9))
