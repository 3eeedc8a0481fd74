"""OpenTelemetry: a run's events as metrics and traces, for those who watch many programs at once.

    telemetry = open_telemetry(wanted=True)
    with telemetry.watching("gemini:…", "utility_pole", emit) as watched:
        job.work(plan, ledger, watched)

The engine knows none of this. Names follow OpenTelemetry's conventions for generative AI where they
have one (https://github.com/open-telemetry/semantic-conventions-genai), else begin with
`vistoria.`; docs/telemetry.md lists them. No picture, address, prompt or answer leaves this way.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from vistoria.errors import MissingExtra
from vistoria.events import Event, Sink

__all__ = ["Telemetry", "open_telemetry"]

_log = logging.getLogger(__name__)

_WHERE_TO = tuple(f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT" for signal in ("", "TRACES_", "METRICS_"))


def open_telemetry(wanted: bool | None, env: Mapping[str, str] | None = None) -> "Telemetry | None":
    """What watches runs; None where that is off.

    `wanted`: None leaves it to the environment, which asks for it by naming where to send to
    (OTEL_EXPORTER_OTLP_ENDPOINT or that of traces or metrics). Raises MissingExtra when it is
    wanted and not installed, ConfigError when the environment asks for what we cannot do.
    """
    env = os.environ if env is None else env
    named = any(env.get(name) for name in _WHERE_TO)
    if wanted is False or (wanted is None and not named):
        return None
    if env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    try:
        from vistoria.telemetry._providers import check_environment  # noqa: PLC0415 - of an extra
    except ImportError:
        missing = MissingExtra("OpenTelemetry metrics and traces", "otel")
        if wanted:
            raise missing from None
        _log.warning("nothing is sent to OTEL_EXPORTER_OTLP_ENDPOINT: %s", missing)
        return None
    check_environment(env)
    return Telemetry()


class Telemetry:
    """Sends what runs do to where the environment says, or to a program's own providers."""

    @contextmanager
    def watching(self, model: str, task: str, emit: Sink, *, local: bool = False) -> Iterator[Sink]:
        """A sink that hears of one run before `emit` does; sends what is left at the end.

        `model`: `provider:model`; `local`: it computes in this process, a batch at a time.
        """
        from vistoria.telemetry._measures import Measures  # noqa: PLC0415 - of an extra
        from vistoria.telemetry._providers import provided  # noqa: PLC0415
        from vistoria.telemetry._spans import Spans  # noqa: PLC0415

        with provided() as providers:
            measures = Measures(providers.meter(), model, task)
            with Spans(providers.tracer(), model, task, local=local) as spans:

                def listen(event: Event) -> None:
                    measures.take(event)
                    spans.take(event)
                    emit(event)

                yield listen
