"""`vistoria plan`: what a run would take, before and after a pilot."""

import json

import pytest

from tests.cli.running import Vistoria, status, words
from tests.cli.test_money import COUNT, billed, document, gemini, photos, run
from tests.servers.gemini import GeminiServer

__all__ = ["gemini", "photos"]


def test_before_anything_was_asked(photos: str, gemini: GeminiServer, vistoria: Vistoria) -> None:
    found = document(vistoria, *run(photos, gemini, command="plan"))
    assert not gemini.sent
    assert (found["total"], found["to_ask"], found["basis"]) == (COUNT, COUNT, "rules")
    assert found["tokens_per_picture"] == 280
    assert found["seconds"] is None
    vistoria(*run(photos, gemini))
    assert found["usd"]["low"] < billed(gemini) < found["usd"]["high"]


def test_a_pilot_is_part_of_the_run(photos: str, gemini: GeminiServer, vistoria: Vistoria) -> None:
    gemini.fault("safety", "gs://bucket/p001.jpg")
    command = run(photos, gemini, "--pilot", "20", command="plan")
    found = document(vistoria, *command)
    assert (found["basis"], found["seen"], found["to_ask"]) == ("pilot", 20, COUNT - 20)
    first = [sent.image for sent in gemini.sent]
    assert len(set(first)) == len(first) == 20
    signs = [f"gs://bucket/p{i:03d}.jpg" for i in range(0, COUNT, 4)]
    assert len(set(first) & set(signs)) == 5, "a quarter, as in the table"
    assert document(vistoria, *command)["usd"] == found["usd"], "the same again, from the ledger"
    assert len(gemini.sent) == 20
    paid = billed(gemini)
    vistoria(*run(photos, gemini))
    assert len(gemini.sent) == COUNT, "no picture of the pilot was asked about again"
    assert found["usd"]["low"] <= billed(gemini) - paid <= found["usd"]["high"]
    assert found["usd"]["high"] < 3 * found["usd"]["low"]
    assert status(vistoria)["run"] == 1


def test_what_it_says(photos: str, gemini: GeminiServer, vistoria: Vistoria) -> None:
    for number in range(COUNT):
        if number % 4 == 1:
            gemini.fault("max_tokens", f"gs://bucket/p{number:03d}.jpg")
    rates = ("--budget", "0.006 USD", "--requests-per-minute", "6000")
    vistoria(*run(photos, gemini, "--pilot", "20", command="plan"))
    shown = words(vistoria(*run(photos, gemini, *rates, command="plan")).stdout)
    assert f"{COUNT} observations, 20 done: 20 to ask" in shown
    assert "from 20 asked before" in shown
    assert "280 of them for each picture" in shown
    assert "failures answer_truncated" in shown
    assert "6,000 calls a minute" in shown
    assert "ceiling $0.0060: enough" in shown
    low = ("--budget", "0.0045 USD")
    allowed = document(vistoria, *run(photos, gemini, *low, command="plan"))["allowed"]
    assert 0 <= allowed < 20


def test_a_pilot_keeps_the_budget(photos: str, gemini: GeminiServer, vistoria: Vistoria) -> None:
    result = vistoria(
        *run(photos, gemini, "--pilot", "30", "--budget", "9 requests", command="plan")
    )
    assert result.exit_code == 1
    assert len(gemini.sent) == 9
    assert f"{COUNT} observations, 9 done: {COUNT - 9} to ask" in words(result.stdout)
    assert "the ceiling of 9 requests is reached" in words(result.stderr)


def test_a_dear_run_is_asked_about(
    photos: str, gemini: GeminiServer, vistoria: Vistoria, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISTORIA_RUN_CONFIRM_COST", "0.0045 USD")
    refused = vistoria(*run(photos, gemini))
    assert refused.exit_code == 2
    assert "more than the $0.0045 of run.confirm_cost" in refused.stderr
    assert not gemini.sent
    assert vistoria(*run(photos, gemini, "--budget", "0.0045 USD")).exit_code == 1, "it is capped"
    assert vistoria(*run(photos, gemini, "--yes")).exit_code == 0


def test_models_without_a_price(table: str, vistoria: Vistoria) -> None:
    echo = ("plan", table, "--column", "uri=photo", "--task", "describe", "--model", "echo:")
    found = json.loads(vistoria(*echo, "--json").stdout)
    assert (found["usd"], found["to_ask"]) == (None, 120)
    shown = vistoria(*echo).stdout
    assert "cost" not in shown
    assert "price" not in shown
    assert status(vistoria)["state"] == "planned"
