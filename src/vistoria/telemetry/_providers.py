"""OpenTelemetry's SDK, set up from the standard OTEL_… variables for the time of a run."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    ConsoleMetricExporter,
    MetricExporter,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import Tracer

from vistoria.errors import ConfigError

_log = logging.getLogger(__name__)

_EXPORTERS = ("otlp", "console", "none")
_PROTOCOL = "http/protobuf"


@dataclass(frozen=True, slots=True)
class Providers:
    """Of metrics and of traces."""

    meters: MeterProvider
    tracers: TracerProvider

    def meter(self) -> Meter:
        """Vistoria's."""
        return self.meters.get_meter("vistoria", version("vistoria"))

    def tracer(self) -> Tracer:
        """Vistoria's."""
        return self.tracers.get_tracer("vistoria", version("vistoria"))


def check_environment(env: Mapping[str, str]) -> None:
    """Raises ConfigError for exporters and protocols that the extra does not bring."""
    for signal in ("TRACES", "METRICS"):
        name = f"OTEL_{signal}_EXPORTER"
        if (given := env.get(name) or "otlp") not in _EXPORTERS:
            raise ConfigError(f"{name} is {given!r}; known here: {', '.join(_EXPORTERS)}")
        names = (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
        name = next((name for name in names if env.get(name)), "")
        if env.get(name, _PROTOCOL) != _PROTOCOL:
            raise ConfigError(
                f"{name} is {env[name]!r}, and Vistoria sends {_PROTOCOL} only: collectors take "
                "that on port 4318; or set run.telemetry = false"
            )


@contextmanager
def provided() -> Iterator[Providers]:
    """This program's own providers where it has set some up, else new ones, which at the end send
    what they hold. What keeps them from sending is logged once and stops nothing."""
    meters, tracers = metrics.get_meter_provider(), trace.get_tracer_provider()
    own_meters = None if isinstance(meters, MeterProvider) else _meters()
    own_tracers = None if isinstance(tracers, TracerProvider) else _tracers()
    with _told_once():
        try:
            yield Providers(
                own_meters or meters,  # type: ignore[arg-type]
                own_tracers or tracers,  # type: ignore[arg-type]
            )
        finally:
            for own in (own_tracers, own_meters):
                if own is not None:
                    own.shutdown()


def _resource() -> Resource:
    # What the environment says goes before this, as OTEL_SERVICE_NAME.
    name = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "vistoria"}
    return Resource.create({"service.version": version("vistoria"), **name})


def _meters() -> MeterProvider:
    kind = os.environ.get("OTEL_METRICS_EXPORTER") or "otlp"
    exporter: MetricExporter = (
        OTLPMetricExporter() if kind == "otlp" else ConsoleMetricExporter(out=sys.stderr)
    )
    readers = [] if kind == "none" else [PeriodicExportingMetricReader(exporter)]
    return MeterProvider(readers, _resource(), shutdown_on_exit=False)


def _tracers() -> TracerProvider:
    kind = os.environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    tracers = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    if kind != "none":
        exporter: SpanExporter = (
            OTLPSpanExporter() if kind == "otlp" else ConsoleSpanExporter(out=sys.stderr)
        )
        tracers.add_span_processor(BatchSpanProcessor(exporter))
    return tracers


class _Once(logging.Handler):
    """Passes the first record on as a warning of ours."""

    told = False

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        if not self.told:
            self.told = True
            _log.warning("telemetry could not be sent: %s", record.getMessage())


@contextmanager
def _told_once() -> Iterator[None]:
    """The SDK logs each failure to send; a run that goes on for hours needs to say it once."""
    log, once = logging.getLogger("opentelemetry"), _Once(logging.WARNING)
    before, log.propagate = log.propagate, False
    log.addHandler(once)
    try:
        yield
    finally:
        log.removeHandler(once)
        log.propagate = before
