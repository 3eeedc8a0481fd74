"""`vistoria run --size auto`: the smallest pictures that get the same labels."""

import base64
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cli.running import Vistoria, words
from tests.cli.test_money import COUNT, billed, document, photos, run
from tests.servers._answers import answer_for
from tests.servers._model import Call
from tests.servers.gemini import GeminiServer
from tests.servers.openai import KEY, OpenAIServer

__all__ = ["photos"]


class Looking(GeminiServer):
    """Its answers depend on how finely it looks; `seed` says how a picture is seen."""

    seed: Callable[[str, str, int], str] = staticmethod(lambda image, fineness, time: image)

    def text(self, call: Call) -> str:
        """The answer to what is seen."""
        fineness = resolution(call.body)
        time = sum(1 for s in self.sent if (s.image, resolution(s.body)) == (call.image, fineness))
        return json.dumps(answer_for(call.schema or {}, self.seed(call.image, fineness, time)))


def resolution(body: dict[str, Any]) -> str:
    """low, medium or high."""
    given: str = body["generationConfig"]["mediaResolution"]
    return given.rsplit("_", 1)[-1].lower()


@pytest.fixture
def gemini() -> Iterator[Looking]:
    """Gives the same answers at every size."""
    with Looking() as server:
        yield server


def asked(gemini: GeminiServer) -> dict[str, int]:
    """Resolution → requests."""
    found = [resolution(sent.body) for sent in gemini.sent]
    return {name: found.count(name) for name in ("high", "medium", "low")}


AUTO = ("--size", "auto:30")


def test_the_smallest_is_taken_when_nothing_changes(
    photos: str, gemini: Looking, vistoria: Vistoria
) -> None:
    result = vistoria(*run(photos, gemini, *AUTO, "--json"))
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert (found["size"]["chosen"], found["size"]["pictures"]) == ("low", 30)
    assert asked(gemini) == {"high": 60, "medium": 30, "low": COUNT}, "the pilot's answers count"
    assert (found["answered"], found["session"]["done_before"]) == (COUNT, 30)
    said = words(result.stderr)
    assert "chosen: low, which saves 840 tokens a picture, 33,600 over the run" in said
    first, *_, last = found["size"]["trials"]
    saved = first["usd_per_picture"] - last["usd_per_picture"]
    assert saved == pytest.approx(840 * 0.25e-6)
    again = document(vistoria, *run(photos, gemini, *AUTO))
    assert again["session"]["answered"] == 0
    assert len(gemini.sent) == 90 + COUNT, "the same command asks nothing again"


def test_a_size_that_changes_labels_is_not_taken(
    photos: str, gemini: Looking, vistoria: Vistoria
) -> None:
    gemini.seed = lambda image, fineness, time: image + ("!" if fineness == "low" else "")
    found = document(vistoria, *run(photos, gemini, *AUTO))
    assert found["size"]["chosen"] == "medium"
    assert [trial["accepted"] for trial in found["size"]["trials"]] == [True, True, False]
    assert found["answered"] == COUNT
    assert asked(gemini) == {"high": 60, "medium": COUNT, "low": 30}
    models = [line.split("\t")[2] for line in vistoria("status").stdout.splitlines()[1:5]]
    assert [model.partition(" ")[2] for model in models] == [
        "(media_resolution high)",
        "(media_resolution high, repeat 1)",
        "(media_resolution medium)",
        "(media_resolution low)",
    ]


def test_a_model_that_wavers_anyway_may_look_less_closely(
    photos: str, gemini: Looking, vistoria: Vistoria
) -> None:
    gemini.seed = lambda image, fineness, time: f"{image} {fineness} {time}"
    found = document(vistoria, *run(photos, gemini, *AUTO))
    assert found["size"]["chosen"] == "low"
    assert max(one["repeat"] for one in found["size"]["trials"][1]["differences"].values()) > 0.3


def test_a_size_at_which_pictures_fail_is_not_taken(
    photos: str, gemini: Looking, vistoria: Vistoria
) -> None:
    gemini.seed = lambda image, fineness, time: image
    plain = gemini.text
    gemini.text = lambda call: "?" if resolution(call.body) == "medium" else plain(call)  # type: ignore[method-assign]
    found = document(vistoria, *run(photos, gemini, *AUTO))
    assert found["size"]["chosen"] == "high"
    assert asked(gemini)["low"] == 0


def test_one_budget_for_all_sizes(photos: str, gemini: Looking, vistoria: Vistoria) -> None:
    stopped = vistoria(*run(photos, gemini, *AUTO, "--budget", "70 requests"))
    assert stopped.exit_code == 1
    assert len(gemini.sent) == 70
    assert "no size was chosen: the ceiling of 70 requests is reached" in words(stopped.stderr)
    found = document(vistoria, *run(photos, gemini, *AUTO, "--budget", "125 requests"))
    assert "the ceiling of 125 requests is reached: 125 spent" in found["session"]["stopped_by"]
    assert len(gemini.sent) == 125
    vistoria(*run(photos, gemini, *AUTO, "--budget", "120 requests"))
    assert len(gemini.sent) == 125
    assert found["answered"] == 35
    assert billed(gemini) > found["cost"]["usd"]


def test_wrong_use(photos: str, gemini: Looking, vistoria: Vistoria, table: str) -> None:
    for wrong in (("--size", "small"), ("--size", "auto:3"), (*AUTO, "--fresh")):
        assert vistoria(*run(photos, gemini, *wrong)).exit_code == 2
    local = vistoria("run", table, "--column", "uri=photo", "--task", "street_asset",
                     "--model", "echo:", *AUTO)  # fmt: skip
    assert local.exit_code == 2
    assert "would save nothing" in local.stderr
    assert not gemini.sent


def test_pixels_where_there_is_no_resolution(tmp_path: Path, vistoria: Vistoria) -> None:
    for number in range(22):
        colour = (number * 10, 90, 90)
        Image.new("RGB", (1600, 900), colour).save(tmp_path / f"{number:02d}.jpg", quality=40)
    prices = tmp_path / "prices.toml"
    prices.write_text('[[prices]]\nmodels = ["openai:*"]\ninput = 1\noutput = 2\n')
    with OpenAIServer() as server:
        server.answer = lambda image, schema: answer_for(schema, "always the same")
        named = ("--task", "vegetation", "--model", "openai:qwen3-vl", "--prices", str(prices))
        options = ("-o", f"base_url={server.url}/v1", "-o", f"api_key={KEY}")
        found = document(vistoria, "run", ".", *named, *options, "--size", "auto")
        sides = [longer_side(sent.body) for sent in server.sent]
    assert (found["size"]["chosen"], found["size"]["setting"]) == (384, "images.max_side")
    assert [sides.count(side) for side in (1024, 768, 512, 384)] == [44, 22, 22, 22]
    assert found["answered"] == 22


def longer_side(body: dict[str, Any]) -> int:
    """Pixels of the picture in a request."""
    parts = body["messages"][-1]["content"]
    url = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
    return max(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).size)
