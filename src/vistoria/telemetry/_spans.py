"""Traces: a span per run, and one per call to a service or per batch of a local model."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from vistoria.events import CallReturned, Delivered, Event, Settled, Started, Stopping
from vistoria.telemetry._names import ERROR, OPERATION, RESPONSE_MODEL, TASK, Named

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer
    from opentelemetry.util.types import AttributeValue

_SECOND = 1_000_000_000  # nanoseconds


class Spans:
    """Of one run, while it is entered.

    A call has a trace of its own that links to the run's: a run may have 10^6 calls, which no
    viewer shows as one trace, and so a sampler decides on each.
    """

    def __init__(self, tracer: "Tracer", model: str, task: str, *, local: bool) -> None:
        """`model`: `provider:model`; `local`: there are batches, not calls."""
        self._tracer, self._local = tracer, local
        named = Named.of(model)
        self._name = f"{named.operation} {named.model}"
        self._every: dict[str, AttributeValue] = {**named.attributes, TASK: task}
        self._counts = {"answered": 0, "failed": 0}
        about = {**self._every, OPERATION: "invoke_workflow", "gen_ai.workflow.name": task}
        self._run = tracer.start_span(f"invoke_workflow {task}", attributes=about)
        self._links = [Link(self._run.get_span_context())]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for status, count in self._counts.items():
            self._run.set_attribute(f"vistoria.{status}", count)
        if kind is not None:
            self._run.set_attribute(ERROR, kind.__name__)
            self._run.set_status(Status(StatusCode.ERROR, str(error)))
        self._run.end()

    def take(self, event: Event) -> None:
        """Notes an event."""
        match event:
            case Started():
                self._every["vistoria.run.id"] = event.run_id
                self._run.set_attribute("vistoria.run.id", event.run_id)
                self._run.set_attribute("vistoria.total", event.total)
                self._run.set_attribute("vistoria.pending", event.pending)
            case CallReturned():
                self._call(event)
            case Settled():
                for attempt in event.attempts:
                    self._counts[attempt.status] += 1
                if self._local:
                    self._batch(event)
            case Delivered():
                self._delivery(event)
            case Stopping():
                self._run.set_attribute("vistoria.stopped_by", event.reason)

    def _call(self, call: CallReturned) -> None:
        about: dict[str, AttributeValue] = {
            **self._every, "gen_ai.output.type": "json", "vistoria.ordinal": call.ordinal,
        }  # fmt: skip
        if call.model_version is not None:
            about[RESPONSE_MODEL] = call.model_version
        if (usage := call.usage) is not None:
            about["gen_ai.usage.input_tokens"] = usage.input_tokens
            about["gen_ai.usage.output_tokens"] = usage.output_tokens + usage.thinking_tokens
            about["gen_ai.usage.reasoning.output_tokens"] = usage.thinking_tokens
            about["gen_ai.usage.cache_read.input_tokens"] = usage.cached_tokens
        if call.reason is not None:
            about[ERROR] = call.reason
        span = self._tracer.start_span(
            self._name, Context(), SpanKind.CLIENT, about, self._links,
            start_time=int(call.sent_at * _SECOND),
        )  # fmt: skip
        if call.reason is not None:
            span.set_status(Status(StatusCode.ERROR))
        span.end(int((call.sent_at + call.seconds) * _SECOND))

    def _delivery(self, event: Delivered) -> None:
        """In the trace of who sent it, where it says which."""
        carrier = {} if event.traceparent is None else {"traceparent": event.traceparent}
        about = {name: value for name, value in self._every.items() if name != OPERATION}
        about["vistoria.outcome"] = event.outcome
        span = self._tracer.start_span(
            "process event", TraceContextTextMapPropagator().extract(carrier, Context()),
            SpanKind.CONSUMER, about, self._links, start_time=int(event.at * _SECOND),
        )  # fmt: skip
        if event.outcome in ("failed", "given_up", "left"):
            span.set_status(Status(StatusCode.ERROR, event.outcome))
        span.end(int((event.at + event.seconds) * _SECOND))

    def _batch(self, event: Settled) -> None:
        if not event.attempts:
            return
        begun = min(attempt.started_at for attempt in event.attempts)
        seconds = sum(attempt.seconds for attempt in event.attempts)
        about = {**self._every, "vistoria.observations": len(event.attempts)}
        span = self._tracer.start_span(
            self._name, Context(), SpanKind.INTERNAL, about, self._links,
            start_time=int(begun * _SECOND),
        )  # fmt: skip
        span.end(int((begun + seconds) * _SECOND))
