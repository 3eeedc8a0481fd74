"""Which price and which image rule a model has, ours and the user's."""

import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from vistoria.errors import ConfigError
from vistoria.pricing import Mode, Price, load_prices

OURS = tomllib.loads((files("vistoria.pricing") / "prices.toml").read_text("utf-8"))
WINTER = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPRING = datetime(2027, 3, 1, 12, tzinfo=UTC)


def price(model: str, when: datetime = WINTER, mode: Mode = "online") -> Price | None:
    tariff = load_prices().tariff(model, mode=mode)
    return tariff.at(when) if tariff else None


def rates(model: str, when: datetime = WINTER) -> tuple[float, float, float] | None:
    """Dollars per million tokens: input, output, cached input."""
    found = price(model, when)
    return (found.input / 1e6, found.output / 1e6, found.cached / 1e6) if found else None


@pytest.mark.parametrize(
    ("name", "winter", "spring"),
    [
        ("gemini-2.5-flash-lite", (0.1, 0.4, 0.01), (0.1, 0.4, 0.01)),
        ("gemini-2.5-flash", (0.3, 2.5, 0.03), (0.3, 2.5, 0.03)),
        ("gemini-2.5-pro", (1.25, 10, 0.125), (1.25, 10, 0.125)),
        ("gemini-3-flash-preview", (0.5, 3, 0.05), (0.5, 3, 0.05)),
        ("gemini-3.1-flash-lite", (0.25, 1.5, 0.025), (0.25, 1.5, 0.025)),
        ("gemini-3.1-pro-preview", (2, 12, 0.2), (2, 12, 0.2)),
        ("gemini-3.5-flash", (1.5, 9, 0.15), (1.5, 9, 0.15)),
        ("gemini-3.5-flash-lite", (0.3, 2.5, 0.03), (0.3, 2.5, 0.03)),
        ("gemini-3.6-flash", (0.75, 3.75, 0.075), (1.5, 7.5, 0.15)),
        ("gemini-3.7-flash", (0.75, 3.75, 0.075), (1.5, 7.5, 0.15)),
        ("gemini-3.8-flash", (0.75, 3.75, 0.075), (1.5, 7.5, 0.15)),
        ("gemini-4-argon", (2, 10, 2), (4, 20, 4)),
        ("gemini-4-carbon", (2, 10, 2), (4, 20, 4)),
        ("gemini-embedding-2", (0.45, 0, 0.45), (0.45, 0, 0.45)),
    ],
)
def test_each_model_has_the_price_of_the_day(name: str, winter: object, spring: object) -> None:
    assert rates(f"gemini:{name}") == winter
    assert rates(f"gemini:{name}", SPRING) == spring


def test_every_model_of_the_file_is_priced_here() -> None:
    cases = test_each_model_has_the_price_of_the_day.pytestmark[0].args[1]  # type: ignore[attr-defined]
    tested = {f"gemini:{case[0]}".removesuffix("-preview") for case in cases}
    listed = {model for entry in OURS["prices"] for model in entry["models"]}
    assert listed - {"onnx:*", "echo*"} == tested


@pytest.mark.parametrize(
    ("name", "midnight"),
    [
        ("gemini-3.8-flash", datetime(2027, 1, 1, 8, tzinfo=UTC)),
        ("gemini-4-argon", datetime(2026, 12, 1, 8, tzinfo=UTC)),
    ],
)
def test_a_price_changes_at_midnight_in_california(name: str, midnight: datetime) -> None:
    before, after = (
        price(f"gemini:{name}", midnight - timedelta(seconds=1)),
        price(f"gemini:{name}", midnight),
    )
    assert before
    assert after
    assert after.input == 2 * before.input
    assert after.output == 2 * before.output


def test_a_call_near_a_change_is_bounded_by_the_dearer_price() -> None:
    tariff = load_prices().tariff("gemini:gemini-3.8-flash")
    assert tariff
    change = datetime(2027, 1, 1, 8, tzinfo=UTC)
    for sent in (change - timedelta(hours=20), change + timedelta(hours=20)):
        bound = tariff.dearest(sent, sent + timedelta(minutes=2))
        assert bound
        assert bound.output == 7_500_000
    far = change - timedelta(days=3)
    online, batch = tariff.dearest(far, far), tariff.dearest(far, far + timedelta(days=4))
    assert online
    assert batch
    assert (online.output, batch.output) == (3_750_000, 7_500_000)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("online", (250_000, 1_500_000, 25_000)),
        ("batch", (125_000, 750_000, 25_000)),
        ("flex", (125_000, 750_000, 25_000)),
        ("priority", (450_000, 2_700_000, 45_000)),
    ],
)
def test_ways_to_call_have_their_factor(mode: Mode, expected: tuple[int, int, int]) -> None:
    found = price("gemini:gemini-3.1-flash-lite", mode=mode)
    assert found
    assert (found.input, found.output, found.cached) == expected


def test_a_region_costs_more_since_gemini_3() -> None:
    def regional(name: str) -> int:
        tariff = load_prices().tariff(f"gemini:{name}", regional=True)
        found = tariff and tariff.at(WINTER)
        assert found
        return found.input

    assert regional("gemini-3.5-flash-lite") == 330_000
    assert regional("gemini-2.5-flash") == 300_000


@pytest.mark.parametrize(
    "name",
    [
        "gemini:gemini-3.5-flash-lite-001",
        "gemini:gemini-3.5-flash-lite-preview-09-2026",
        "gemini:publishers/google/models/gemini-3.5-flash-lite",
    ],
)
def test_versions_and_resources_have_the_price_of_their_model(name: str) -> None:
    assert rates(name) == (0.3, 2.5, 0.03)


@pytest.mark.parametrize(
    "name",
    [
        "gemini:gemini-2.5-flash-image",
        "gemini:gemini-2.5-flash-preview-tts",
        "gemini:gemini-9-flash",
        "gemini:projects/1/locations/us/endpoints/2",
        "openai:gpt-4o",
        "openai:gemini-3.5-flash",
    ],
)
def test_what_is_not_known_has_no_price(name: str) -> None:
    assert load_prices().tariff(name) is None


def test_a_day_before_the_release_has_no_price() -> None:
    assert price("gemini:gemini-3.8-flash", datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("name", ["onnx:street", "onnx:models/mine.onnx", "echo", "echo:b"])
def test_what_is_computed_here_is_free_which_is_not_unknown(name: str) -> None:
    found = price(name)
    assert found
    assert found.free


def spans() -> Iterator[tuple[str, date, date]]:
    for entry in OURS["prices"]:
        for model in entry["models"]:
            yield (
                model,
                entry.get("valid_from", date.min),
                entry.get("valid_to", date.max),
            )


def test_our_entries_have_sources_and_no_gaps() -> None:
    for entry in OURS["prices"] + OURS["images"]:
        assert entry["source"]
        assert entry["checked"] <= date.today()
    for model in {span[0] for span in spans()}:
        days = sorted(span[1:] for span in spans() if span[0] == model)
        assert days[-1][1] == date.max
        for (_, end), (start, _) in pairwise(days):
            assert start == end + timedelta(days=1), model


def test_the_users_prices_come_first() -> None:
    mine = {"prices": [{"models": ["gemini:gemini-3.8-flash"], "input": 0.5, "output": 1}]}
    table = load_prices(mine)
    tariff, other = table.tariff("gemini:gemini-3.8-flash"), table.tariff("gemini:gemini-3.7-flash")
    assert tariff
    assert other
    for when in (WINTER, SPRING):
        found = tariff.at(when)
        assert found
        assert (found.input, found.output, found.cached) == (500_000, 1_000_000, 500_000)
        assert found.source == "given by the user"
    assert table.tariff("gemini:gemini-3.8-flash", mode="priority") is None
    assert other == load_prices().tariff("gemini:gemini-3.7-flash")


def test_the_longest_pattern_wins() -> None:
    models = (("openai:*", 1), ("openai:Qwen/*", 2), ("openai:Qwen/Qwen3-VL-8B", 0))
    table = load_prices({"prices": [{"models": [m], "input": p, "output": p} for m, p in models]})
    found = []
    for name in ("gpt-6", "Qwen/Qwen3-VL-30B", "Qwen/Qwen3-VL-8B"):
        tariff = table.tariff(f"openai:{name}")
        assert tariff
        found.append(tariff.prices[0].input)
    assert found == [1_000_000, 2_000_000, 0]


def test_a_users_file_gives_prices_and_pictures(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(
        '[[prices]]\nmodels = ["openai:vl"]\ninput = 0.2\noutput = 0.6\n'
        '[[images]]\nmodels = ["openai:vl"]\ntokens = { default = 1500 }\n'
    )
    table = load_prices(file)
    rule = table.image_rule("openai:vl")
    assert table.tariff("openai:vl")
    assert rule
    assert rule.tokens(None, None) == (1500, 1500)


PRICE = {"models": ["openai:x"], "input": 1, "output": 2}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"price": []}, "price: unknown key; did you mean 'prices'?"),
        ({"prices": [PRICE | {"inptu": 1}]}, "prices.0.inptu: unknown key; did you mean 'input'?"),
        ({"prices": [PRICE | {"input": -1}]}, "prices.0.input: Input should be greater"),
        ({"prices": [PRICE | {"input": "cheap"}]}, "prices.0.input: Input should be a valid dec"),
        ({"prices": [PRICE | {"input": 1e-7}]}, "no more than 6 decimal places"),
        ({"prices": [{"models": ["openai:x"], "input": 1}]}, "prices.0.output: Field required"),
        ({"prices": [PRICE, PRICE]}, "prices.1: it overlaps with prices.0"),
        (
            {"prices": [PRICE | {"valid_from": "2026-02-01", "valid_to": "2026-01-01"}]},
            "prices.0.valid_to: 2026-01-01 is before 2026-02-01",
        ),
        ({"images": [{"models": ["openai:x"], "tokens": {"low": -1}}]}, "images.0.tokens.low"),
    ],
)
def test_a_wrong_price_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=r".") as caught:
        load_prices(given)
    assert message in str(caught.value)


def test_a_wrong_price_in_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[[prices]]\nmodels = ["openai:x"]\ninput = 1\noutput = -2\n')
    with pytest.raises(ConfigError, match=r"mine\.toml:4: prices\.0\.output: "):
        load_prices(file)
    file.write_text("[[prices]\n")
    with pytest.raises(ConfigError, match=r"mine\.toml:1: not valid TOML"):
        load_prices(file)
    with pytest.raises(ConfigError, match="cannot read"):
        load_prices(tmp_path / "none.toml")
