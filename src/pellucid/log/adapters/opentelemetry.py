"""Spans of OpenTelemetry to decisions and outcomes; docs/logging.md has the attributes' names."""

from __future__ import annotations

from pellucid.errors import MissingExtraError
from pellucid.log.adapters.spans import Carried, decision_of, outcomes_of
from pellucid.log.client import Logger
from pellucid.log.gather import RefusedError
from pellucid.log.refusal import Refusal

try:
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.trace import StatusCode
except ImportError as error:
    raise MissingExtraError(
        package="opentelemetry-sdk", extra="opentelemetry", purpose="logging from spans"
    ) from error


class DecisionSpanProcessor(SpanProcessor):
    """Logs the decision and the outcomes that a span carries, when it ends.

    Every span that is recorded is read, exported or not; one that the sampler leaves out is never
    seen. A span that ended in an error before anything was chosen is no decision. What cannot be
    read is refused and counted in the logger's health; nothing is raised. The logger stays its
    maker's to close.

    Parameters
    ----------
    log : Logger
        Takes the records.
    system : str, optional
        Read only spans that have this as ``pellucid.system``; for services with several loggers.

    Examples
    --------
    >>> provider = TracerProvider()                                       # doctest: +SKIP
    >>> provider.add_span_processor(DecisionSpanProcessor(log))           # doctest: +SKIP
    """

    def __init__(self, log: Logger, *, system: str | None = None) -> None:
        self._log = log
        self._system = system

    def on_end(self, span: ReadableSpan) -> None:
        """Log what the span carries."""
        carried = Carried.by(span)
        if carried is None or self._system not in (None, carried.system):
            return
        for log in (self._log_outcomes, self._log_decision):
            try:
                log(carried)
            except RefusedError as refusal:
                self._log.record(Refusal(refusal.reason))
            except Exception as problem:  # noqa: BLE001 - the app's span ends, whatever it carries
                self._log.record(Refusal(f"a span could not be read ({type(problem).__name__})"))

    def _log_decision(self, carried: Carried) -> None:
        record = decision_of(carried)
        if record is None:
            return
        if carried.span.status.status_code is StatusCode.ERROR and record.get("chosen") is None:
            return
        self._log.record(record)

    def _log_outcomes(self, carried: Carried) -> None:
        for outcome in outcomes_of(carried):
            self._log.outcome(**outcome)
