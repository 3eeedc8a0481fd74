"""What runs cost: a ceiling that holds and can be raised, prices that are not known, the bill."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.running import Spawn, Vistoria, status, words
from tests.servers._model import Behaviour
from tests.servers.gemini import KEY, GeminiServer

COUNT = 40
MODEL = "gemini:gemini-3.1-flash-lite"  # $0.25 and $1.50 per million tokens


@pytest.fixture
def gemini() -> Iterator[GeminiServer]:
    """Vertex AI, as it were."""
    with GeminiServer(Behaviour(latency=0.005)) as server:
        yield server


@pytest.fixture
def photos(tmp_path: Path) -> str:
    """A table of 40 photos of two kinds of assets."""
    ids = [f"p{i:03d}" for i in range(COUNT)]
    kinds = ["pole" if i % 4 else "sign" for i in range(COUNT)]
    uris = [f"gs://bucket/{name}.jpg" for name in ids]
    pq.write_table(pa.table({"id": ids, "uri": uris, "asset_type": kinds}), tmp_path / "p.parquet")
    return "p.parquet"


def run(
    photos: str, gemini: GeminiServer, *more: str, model: str = MODEL, command: str = "run"
) -> tuple[str, ...]:
    """The arguments of a run of Gemini over the photos."""
    options = ("vertex=true", f"api_key={KEY}", f"base_url={gemini.url}")
    named = ("--task", "vegetation", "--model", model, "--concurrency", "4")
    return (command, photos, *named, *(x for o in options for x in ("-o", o)), *more)


def billed(gemini: GeminiServer) -> float:
    """Dollars that the server would put on the bill."""
    return float(gemini.tokens["input"] * 0.25 + gemini.tokens["output"] * 1.5) / 1e6


def document(vistoria: Vistoria, *args: str) -> dict[str, Any]:
    """What a command with --json says."""
    result = vistoria(*args, "--json")
    assert result.exit_code in (0, 1), result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_bill_is_exact(photos: str, gemini: GeminiServer, vistoria: Vistoria) -> None:
    result = vistoria(*run(photos, gemini))
    assert result.exit_code == 0, result.stderr
    cost = status(vistoria)["cost"]
    assert cost["usd"] == pytest.approx(billed(gemini), abs=1e-12)
    assert cost["requests"] == COUNT
    assert sum(cost["usd_by_field"].values()) == pytest.approx(cost["usd"], abs=1e-11)
    assert cost["usd_of_model"] == cost["usd_of_task"] == cost["usd"]
    assert f"cost ${cost['usd']:.4f}"[:9] in words(result.stderr)
    assert "cost $0.0" in words(vistoria("status").stdout)


def test_a_ceiling_holds_and_a_higher_one_goes_on(
    photos: str, gemini: GeminiServer, vistoria: Vistoria
) -> None:
    result = vistoria(*run(photos, gemini, "--budget", "0.005 USD", "--json"))
    first = json.loads(result.stdout)
    assert (result.exit_code, first["session"]["outcome"]) == (1, "stopped")
    assert 0 < first["answered"] < COUNT
    assert billed(gemini) <= 0.005
    assert first["cost"]["usd"] == pytest.approx(billed(gemini), abs=1e-12)
    assert first["ceiling"] == "$0.0050"
    said = words(result.stderr)
    assert "the ceiling of $0.0050 is reached" in said
    assert "a higher budget" in said
    again = document(vistoria, *run(photos, gemini, "--budget", "0.005 USD"))
    assert again["answered"] == first["answered"], "the ceiling is that of all sessions"
    rest = document(vistoria, *run(photos, gemini, "--budget", "1 USD"))
    assert rest["answered"] == COUNT
    assert gemini.billed.total() == COUNT, "nothing was asked twice"


@pytest.mark.parametrize(("budget", "bound"), [("9 requests", 9), ("15k tokens", None)])
def test_other_bounds(
    photos: str, gemini: GeminiServer, vistoria: Vistoria, budget: str, bound: int | None
) -> None:
    found = document(vistoria, *run(photos, gemini, "--budget", budget))
    assert f"the ceiling of {'9' if bound else '15,000'}" in found["session"]["stopped_by"]
    assert 0 < gemini.billed.total() < COUNT
    assert not bound or len(gemini.sent) == bound
    assert bound or sum(gemini.tokens.values()) <= 15_000


def test_an_unknown_price_is_not_zero(
    photos: str, gemini: GeminiServer, vistoria: Vistoria, tmp_path: Path
) -> None:
    command = run(photos, gemini, model="gemini:1234567890")
    refused = vistoria(*command, "--budget", "1 USD")
    assert refused.exit_code == 2
    assert "unknown" in refused.stderr
    assert "Give them in a file of prices" in refused.stderr
    assert not gemini.sent
    prices = tmp_path / "mine.toml"
    prices.write_text(
        '[[prices]]\nmodels = ["gemini:1234567890"]\ninput = 1\noutput = 2\n'
        '[[images]]\nmodels = ["gemini:1234567890"]\ntokens = { default = 280 }\n'
    )
    some = document(
        vistoria, *command, "--budget", "1 USD", "--prices", str(prices), "--limit", "3"
    )
    tokens = gemini.tokens
    assert some["cost"]["usd"] == pytest.approx((tokens["input"] + 2 * tokens["output"]) / 1e6)
    unpriced = vistoria(*command)
    assert unpriced.exit_code == 0
    assert "price unknown" in unpriced.stderr
    costs = [run["cost"]["usd"] for run in json.loads(vistoria("status", "--json").stdout)]
    assert costs == [None, some["cost"]["usd"]], "another limit is another run"


def test_only_failed_for_a_reason_goes_to_another_model(
    photos: str, gemini: GeminiServer, vistoria: Vistoria
) -> None:
    for number in range(5):
        gemini.fault("safety", f"gs://bucket/p00{number}.jpg", times=1)
    gemini.fault("max_tokens", "gs://bucket/p007.jpg", times=1)
    first = document(vistoria, *run(photos, gemini))
    assert first["failed"] == {"image_refused": 5, "answer_truncated": 1}
    other = run(photos, gemini, "--only", "failed:image_refused", model="gemini:gemini-3.8-flash")
    second = document(vistoria, *other)
    assert (second["total"], second["answered"]) == (5, 5)
    wrong = vistoria(*run(photos, gemini, "--only", "failed:image_refuse"))
    assert wrong.exit_code == 2
    assert "did you mean 'image_refused'?" in wrong.stderr
    assert vistoria(*run(photos, gemini, "--only", "all")).exit_code == 2


@pytest.mark.parametrize("choice", ["ask", "skip"])
def test_what_a_killed_run_had_asked(
    photos: str, gemini: GeminiServer, vistoria: Vistoria, spawn: Spawn, choice: str
) -> None:
    gemini.behaviour = Behaviour(latency=30)
    child = spawn(*run(photos, gemini, "--progress", "none"))
    while len(gemini.sent) < 4:
        assert child.poll() is None, child.communicate()
    assert status(vistoria)["cost"]["in_flight"] == 4
    assert "4 calls, at most $0.0" in vistoria("status").stdout
    child.kill()
    child.communicate()
    gemini.behaviour = Behaviour()
    result = vistoria(*run(photos, gemini, "--ambiguous", choice, "--json"))
    found = json.loads(result.stdout)
    assert found["session"]["lost"] == found["cost"]["lost_calls"] == 4
    assert found["cost"]["usd"] == pytest.approx(billed(gemini) + found["cost"]["lost_usd"])
    if choice == "ask":
        assert (found["answered"], len(gemini.sent)) == (COUNT, COUNT + 4)
        assert "asked again" in words(result.stderr)
        return
    assert found["failed"] == {"answer_lost": 4}
    assert len(gemini.sent) == COUNT, "each was asked once"
    assert document(vistoria, *run(photos, gemini))["session"]["answered"] == 0
    last = document(vistoria, *run(photos, gemini, "--only", "failed:answer_lost"))
    assert (last["answered"], last["failed"]) == (COUNT, {})
