"""Metrics: what a run's events add up to."""

from typing import TYPE_CHECKING

from vistoria.events import CallReturned, CallSent, Event, LimitChanged, Settled, Spent
from vistoria.telemetry._names import ERROR, RESPONSE_MODEL, TASK, Named

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

_DOLLAR = 1e12  # picodollars
# Boundaries that the conventions advise.
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = tuple(4**power for power in range(14))


class Measures:
    """Counts one run."""

    def __init__(self, meter: "Meter", model: str, task: str) -> None:
        """`model`: `provider:model`."""
        self._every = {**Named.of(model).attributes, TASK: task}
        self._spent = 0
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="How long calls to the model's service took.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Tokens billed for a call.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )
        self._active = meter.create_up_down_counter(
            "vistoria.requests.active", unit="{request}", description="Calls in flight."
        )
        self._requests = meter.create_counter(
            "vistoria.requests", unit="{request}", description="Calls made, retries included."
        )
        self._observations = meter.create_counter(
            "vistoria.observations", unit="{observation}", description="Answered, copied, failed."
        )
        self._cost = meter.create_counter(
            "vistoria.cost", unit="{USD}", description="Billed, where prices are known."
        )
        self._limit = meter.create_gauge(
            "vistoria.limit.concurrency", unit="{request}", description="Calls at once, at most."
        )
        self._rate = meter.create_gauge(
            "vistoria.limit.rate",
            unit="{request}/s",
            description="Calls per second, at most; 0: as many as go at once.",
        )
        self._out = meter.create_gauge(
            "vistoria.outage", unit="1", description="1 while the service lets nothing through."
        )

    def take(self, event: Event) -> None:
        """Counts an event in."""
        match event:
            case CallSent():
                self._active.add(1, self._every)
            case CallReturned():
                self._returned(event)
            case Settled():
                self._settled(event)
            case Spent(now=int(now)) if now > self._spent:
                self._cost.add((now - self._spent) / _DOLLAR, self._every)
                self._spent = now
            case LimitChanged():
                self._limit.set(event.concurrency, self._every)
                self._rate.set(event.rate or 0.0, self._every)
                self._out.set(int(event.outage is not None), self._every)

    def _returned(self, call: CallReturned) -> None:
        about = dict(self._every)
        if call.reason is not None:
            about[ERROR] = call.reason
        self._active.add(-1, self._every)
        self._requests.add(1, about)
        if call.model_version is not None:
            about[RESPONSE_MODEL] = call.model_version
        self._duration.record(call.seconds, about)
        usage = call.usage
        if usage is None:
            return
        about.pop(ERROR, None)
        written = usage.output_tokens + usage.thinking_tokens
        for kind, count in (("input", usage.input_tokens), ("output", written)):
            self._tokens.record(count, {**about, "gen_ai.token.type": kind})

    def _settled(self, event: Settled) -> None:
        counts: dict[tuple[str, str | None], int] = {}
        for attempt in event.attempts:
            status = "copied" if attempt.copied else attempt.status
            key = (status, attempt.reason)
            counts[key] = counts.get(key, 0) + 1
        for (outcome, reason), count in counts.items():
            about = {**self._every, "vistoria.status": outcome}
            if reason is not None:
                about[ERROR] = reason
            self._observations.add(count, about)
