"""A collector that takes OTLP over HTTP: what OpenTelemetry's exporters send, decoded."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.servers._serving import Serving

_PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class Point:
    """The newest value of a metric with some attributes; of a histogram its count and sum."""

    attributes: Mapping[str, Any]
    value: float
    count: int = 0


class OtlpServer(Serving):
    """Keeps every span, and the newest points of every metric.

    `status`: what it answers; with another than 200 it keeps nothing. `posts` counts requests.
    """

    def __init__(self, *, status: int = 200) -> None:
        super().__init__()
        self.status = status
        self.posts: Counter[str] = Counter()
        self.resources: list[dict[str, Any]] = []
        self.spans: list[Span] = []
        self.units: dict[str, str] = {}
        self._points: dict[str, list[Point]] = {}

    @property
    def env(self) -> dict[str, str]:
        """Environment that leads exporters here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url}

    def points(self, metric: str) -> list[Point]:
        """Of the latest export."""
        return self._points[metric]

    @property
    def metrics(self) -> set[str]:
        """Their names."""
        return set(self._points)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/traces", self._traces)
        app.router.add_post("/v1/metrics", self._metrics)

    async def _traces(self, request: web.Request) -> web.Response:
        taken = ExportTraceServiceRequest()
        taken.ParseFromString(await request.read())  # type: ignore[no-untyped-call]
        if self._refuses(request):
            return web.Response(status=self.status)
        for resource in taken.resource_spans:
            self.resources.append(values(resource.resource.attributes))
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return web.Response(content_type=_PROTOBUF)  # an empty message has no bytes

    async def _metrics(self, request: web.Request) -> web.Response:
        taken = ExportMetricsServiceRequest()
        taken.ParseFromString(await request.read())  # type: ignore[no-untyped-call]
        if self._refuses(request):
            return web.Response(status=self.status)
        for resource in taken.resource_metrics:
            self.resources.append(values(resource.resource.attributes))
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    self.units[metric.name] = metric.unit
                    self._points[metric.name] = list(_points(metric))
        return web.Response(content_type=_PROTOBUF)

    def _refuses(self, request: web.Request) -> bool:
        assert request.content_type == _PROTOBUF
        self.posts[request.path] += 1
        return self.status != 200


def values(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes as plain values."""
    return {a.key: getattr(a.value, str(a.value.WhichOneof("value"))) for a in attributes}


def _points(metric: Metric) -> Iterable[Point]:
    kind = metric.WhichOneof("data")
    assert kind is not None
    for point in getattr(metric, kind).data_points:
        about = values(point.attributes)
        if kind == "histogram":
            yield Point(about, point.sum, point.count)
        else:
            yield Point(about, getattr(point, str(point.WhichOneof("value"))))
