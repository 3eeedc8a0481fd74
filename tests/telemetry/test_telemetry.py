"""Metrics and traces of real runs, sent by OpenTelemetry's exporters to a collector here."""

import json
import logging
import os
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

import vistoria
from tests.servers._model import Behaviour
from tests.servers.gemini import KEY, GeminiServer
from tests.servers.otlp import OtlpServer, values
from vistoria.cli import main
from vistoria.errors import ConfigError, MissingExtra
from vistoria.records import Usage
from vistoria.result import Result
from vistoria.telemetry import open_telemetry

ROWS = 30
TASK = """
instructions = "Look at the pole in the middle."

[[fields]]
name = "material"
kind = "choice"
help = "Of what it is made."
choices = ["wood", "metal"]
"""
MODEL = "gemini-3.5-flash-lite"


@pytest.fixture(autouse=True)
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Without the variables of whoever runs this."""
    for name in [name for name in os.environ if name.startswith(("OTEL_", "VISTORIA_"))]:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def collector(env: pytest.MonkeyPatch) -> Iterator[OtlpServer]:
    """The environment leads to it."""
    with OtlpServer() as running:
        for name, value in running.env.items():
            env.setenv(name, value)
        yield running


@pytest.fixture
def gemini() -> Iterator[GeminiServer]:
    """Answers after some milliseconds."""
    with GeminiServer(Behaviour(latency=0.01, spread=0.2)) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, env: pytest.MonkeyPatch) -> Path:
    """Holds a table of addresses and a task; the current folder."""
    names = [f"photo-{i:02d}" for i in range(ROWS)]
    uris = [f"gs://bucket/{i}.jpg" for i in range(ROWS)]
    pq.write_table(pa.table({"id": names, "uri": uris}), tmp_path / "photos.parquet")
    (tmp_path / "pole.toml").write_text(TASK)
    env.chdir(tmp_path)
    return tmp_path


def ask(server: GeminiServer, **settings: Any) -> Result:
    """A run over the table."""
    return vistoria.run(
        "photos.parquet", task="pole.toml", model=f"gemini:{MODEL}", ledger="l.sqlite",
        vertex=True, api_key=KEY, base_url=server.url, concurrency=8, **settings,
    )  # fmt: skip


def sums(collector: OtlpServer, metric: str, key: str) -> dict[Any, float]:
    """Value by one attribute."""
    found: Counter[Any] = Counter()
    for point in collector.points(metric):
        found[point.attributes.get(key)] += point.value  # type: ignore[assignment]
    return dict(found)


def test_a_run_is_told_in_numbers(
    collector: OtlpServer, gemini: GeminiServer, folder: Path
) -> None:
    gemini.fault("safety", "gs://bucket/3.jpg")
    gemini.fault("exhausted", "gs://bucket/4.jpg", times=2, retry_after="0.05")
    gemini.fault("internal", "gs://bucket/5.jpg", times=1)
    result = ask(gemini)
    assert sums(collector, "vistoria.observations", "error.type") == {None: 29, "image_refused": 1}
    requests = sums(collector, "vistoria.requests", "error.type")
    assert requests == {None: 29, "rate_limited": 2, "transient": 1, "image_refused": 1}
    durations = collector.points("gen_ai.client.operation.duration")
    assert sum(point.count for point in durations) == ROWS + 3
    assert all(0.0 < point.value < 60.0 for point in durations)
    tokens = sums(collector, "gen_ai.client.token.usage", "gen_ai.token.type")
    assert tokens["input"] == gemini.tokens["input"] > 0
    assert tokens["output"] == gemini.tokens["output"] > 0
    (cost,) = collector.points("vistoria.cost")
    assert cost.value > 0
    assert cost.value == pytest.approx((result.costs.spent.money or 0) / 1e12)
    assert [p.value for p in collector.points("vistoria.requests.active")] == [0]
    assert 1 <= collector.points("vistoria.limit.concurrency")[0].value <= 8
    assert collector.points("vistoria.outage")[0].value == 0
    for name in collector.metrics - {"vistoria.limit.rate"}:
        for point in collector.points(name):
            assert point.attributes["gen_ai.provider.name"] == "gcp.gen_ai"
            assert point.attributes["gen_ai.operation.name"] == "generate_content"
            assert point.attributes["gen_ai.request.model"] == MODEL
    assert collector.units["gen_ai.client.operation.duration"] == "s"
    assert collector.units["gen_ai.client.token.usage"] == "{token}"
    assert {r["service.name"] for r in collector.resources} == {"vistoria"}


def test_a_run_and_its_calls_are_spans(
    collector: OtlpServer, gemini: GeminiServer, folder: Path
) -> None:
    gemini.fault("safety", "gs://bucket/3.jpg")
    before = time.time_ns()
    ask(gemini)
    runs = [span for span in collector.spans if span.name == "invoke_workflow pole"]
    calls = [span for span in collector.spans if span.name == f"generate_content {MODEL}"]
    assert (len(runs), len(calls)) == (1, ROWS)
    about = values(runs[0].attributes)
    assert (about["vistoria.total"], about["vistoria.pending"]) == (ROWS, ROWS)
    assert (about["vistoria.answered"], about["vistoria.failed"]) == (ROWS - 1, 1)
    for call in calls:
        assert call.kind == Span.SPAN_KIND_CLIENT
        assert [link.span_id for link in call.links] == [runs[0].span_id]
        assert call.trace_id != runs[0].trace_id, "so that a sampler decides on each"
        assert before <= call.start_time_unix_nano < call.end_time_unix_nano <= time.time_ns()
        asked = values(call.attributes)
        assert asked["gen_ai.request.model"] == MODEL
        assert "error.type" in asked or asked["gen_ai.response.model"].startswith("gemini-")
        assert asked["gen_ai.usage.input_tokens"] > 0
        assert asked["vistoria.run.id"] == about["vistoria.run.id"]
    refused = [call for call in calls if call.status.code == Status.STATUS_CODE_ERROR]
    assert [values(call.attributes)["error.type"] for call in refused] == ["image_refused"]
    told = str(collector.spans) + str(collector.points("vistoria.requests"))
    assert "gs://" not in told
    assert "material" not in told, "neither pictures, addresses, prompts nor answers"


def test_the_sdk_decides_which_calls_are_kept(
    collector: OtlpServer, gemini: GeminiServer, folder: Path, env: pytest.MonkeyPatch
) -> None:
    env.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    env.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    ask(gemini)
    calls = [span for span in collector.spans if span.kind == Span.SPAN_KIND_CLIENT]
    assert 0 < len(calls) < ROWS
    assert sums(collector, "vistoria.requests", "error.type") == {None: ROWS}


def test_a_local_model_has_a_span_per_batch(collector: OtlpServer, folder: Path) -> None:
    (folder / "photos").mkdir()
    for number in range(3):
        (folder / "photos" / f"{number}.jpg").write_bytes(b"no picture")
    vistoria.run("photos", task="pole.toml", model="echo:", ledger="l.sqlite")
    batches = [s for s in collector.spans if s.kind == Span.SPAN_KIND_INTERNAL and s.links]
    assert sum(values(span.attributes)["vistoria.observations"] for span in batches) == 3
    assert {span.name for span in batches} == {"generate_content echo"}
    assert sum(p.value for p in collector.points("vistoria.observations")) == 3


@pytest.mark.parametrize("status", [200, 400, 503])
def test_a_collector_that_is_out_stops_nothing(
    gemini: GeminiServer, folder: Path, env: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, status: int,
) -> None:  # fmt: skip
    """It is away (200), refuses, or has too much to do."""
    with OtlpServer(status=status) as collector:
        url = collector.url
        env.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        env.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1" if status == 200 else url)
        began = time.monotonic()
        with caplog.at_level(logging.WARNING, logger="vistoria"):
            assert ask(gemini).report.answered == ROWS
        assert time.monotonic() - began < 60.0
    told = [r for r in caplog.records if "telemetry could not be sent" in r.getMessage()]
    assert len(told) == 1


def test_where_it_is_on(env: pytest.MonkeyPatch) -> None:
    assert open_telemetry(None, {}) is None
    assert open_telemetry(None, {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x"}) is not None
    assert open_telemetry(True, {}) is not None
    assert open_telemetry(False, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}) is None
    assert open_telemetry(True, {"OTEL_SDK_DISABLED": "true"}) is None


@pytest.mark.parametrize("way", ["flag", "variable", "file"])
def test_a_project_switches_it_on(
    way: str, gemini: GeminiServer, folder: Path, env: pytest.MonkeyPatch
) -> None:
    words = [
        "run", "photos.parquet", "--task", "pole.toml", "--model", f"gemini:{MODEL}", "--yes",
        *("-o", "vertex=true", "-o", f"api_key={KEY}", "-o", f"base_url={gemini.url}"), "--json",
    ]  # fmt: skip
    for signal in ("TRACES", "METRICS"):
        env.setenv(f"OTEL_{signal}_EXPORTER", "console")
    if way == "flag":
        words.append("--telemetry")
    elif way == "variable":
        env.setenv("VISTORIA_RUN_TELEMETRY", "true")
    else:
        (folder / "vistoria.toml").write_text("[run]\ntelemetry = true\n")
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.stderr
    assert "invoke_workflow pole" in result.stderr
    assert "gen_ai.client.token.usage" in result.stderr
    assert json.loads(result.stdout)["answered"] == ROWS, "data alone"


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
)
def test_what_cannot_be_done_is_said(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is '{value}'"):
        open_telemetry(True, {name: value})


def test_a_project_without_it_sends_nothing(
    collector: OtlpServer, gemini: GeminiServer, folder: Path, env: pytest.MonkeyPatch
) -> None:
    ask(gemini, telemetry=False)
    assert not collector.posts
    env.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")
    ask(gemini, fresh=True)
    assert not collector.posts


def test_without_the_extra_it_says_how_to_install() -> None:
    """In a process of its own, in which the SDK cannot be found."""
    script = """
        import logging, sys
        sys.modules["opentelemetry"] = None
        from vistoria.errors import MissingExtra
        from vistoria.telemetry import open_telemetry
        logging.basicConfig(format="%(message)s")
        assert open_telemetry(None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}) is None
        try:
            open_telemetry(True, {})
        except MissingExtra as error:
            print(error)
    """
    words = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(words, capture_output=True, check=True, text=True)
    assert "pip install 'vistoria[otel]'" in done.stdout
    assert "pip install 'vistoria[otel]'" in done.stderr, "only a warning, where nobody asked"
    assert issubclass(MissingExtra, vistoria.VistoriaError)


def test_usage_of_a_call_that_failed_is_counted(collector: OtlpServer) -> None:
    """As of an answer cut off at the output limit, which is billed."""
    from vistoria.events import CallReturned, CallSent, ignore

    telemetry = open_telemetry(True)
    assert telemetry is not None
    usage = Usage(input_tokens=100, output_tokens=5, thinking_tokens=20)
    with telemetry.watching("openai:gpt-x", "pole", ignore) as watched:
        watched(CallSent(service="s"))
        watched(
            CallReturned(
                service="s",
                ordinal=1,
                sent_at=time.time(),
                seconds=1.0,
                reason="answer_truncated",
                usage=usage,
            )
        )
    tokens = sums(collector, "gen_ai.client.token.usage", "gen_ai.token.type")
    assert tokens == {"input": 100, "output": 25}
