"""What the adapters cost the caller of a service, call by call.

Each call is timed with the adapter and without it, in turns, on a logger that takes nothing: the
rest of a record's way is in bench_live_log. Four candidates have twenty features each.
"""

from __future__ import annotations

import tempfile
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from harness import Report, Spread, parse_options, progress
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from prometheus_client import CollectorRegistry, generate_latest

import pellucid
from pellucid.log import decision as decisions

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NAMES = [f"x{n}" for n in range(20)]
ROUTES = list("abcd")


class Nowhere:
    """The doors of a logger, with nothing behind them."""

    def take(self, record: Any, kind: str = "decision") -> None:
        """Take a decision whose block has ended."""

    def decision(self, id: str, **fields: Any) -> decisions.Decision:  # noqa: A002
        """Begin a decision, as a logger does."""
        return decisions.Decision({"id": id, **fields}, self.take)

    def record(self, record: Any) -> None:
        """Take a record."""


class Model:
    """Answers at once, so that the rest shows."""

    feature_names_in_ = NAMES
    answer = np.full((4, 2), 0.5)

    def predict_proba(self, _: Any) -> np.ndarray:
        """Return the same for all rows."""
        return self.answer


LOG: Any = Nowhere()


def score(route: str, amount: float, country: str, card: str) -> float:  # noqa: ARG001
    return 0.5


def route(payment_id: str) -> str:  # noqa: ARG001
    return "a"


def in_a_decision(call: Callable[[], object]) -> Callable[[], None]:
    def block() -> None:
        with LOG.decision("d", at=NOW):
            call()

    return block


def spans(processor: SpanProcessor, *, decides: bool) -> Callable[[], None]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("bench")
    features = {f"feature.{name}": 0.5 for name in NAMES}
    attributes = {f"http.header{n}": "text" for n in range(12)}

    def span() -> None:
        with tracer.start_as_current_span("decide", attributes=attributes) as current:
            if decides:
                current.set_attribute("pellucid.decision.chosen", "a")
                for name in ROUTES:
                    given = {"id": name, "probability": 0.5, **features}
                    current.add_event("pellucid.candidate", given)

    return span


def microseconds(call: Callable[[], object], number: int) -> float:
    return min(timeit.repeat(call, number=number, repeat=5)) / number * 1e6


def main() -> None:
    options = parse_options(__doc__, rounds=7)
    found = Report("adapters", "what do the adapters cost the caller?", options.scale == 1)

    def compare(
        case: str, ours: Callable[[], object], other: Callable[[], object], *, number: int,
        each: int = 1,
    ) -> None:  # fmt: skip
        number = max(100, round(number * options.scale))
        sides = [
            (microseconds(ours, number) / each, microseconds(other, number) / each)
            for _ in range(options.rounds)
        ]
        added = Spread.of([mine - theirs for mine, theirs in sides])
        found.add(case, "us wall, added", added)

    block = in_a_decision(lambda: None)
    number = max(100, round(20_000 * options.scale))
    alone = [microseconds(block, number) for _ in range(options.rounds)]
    # Importing one of them makes decisions known to their context, from then on.
    from pellucid.log.adapters.deciding import log_decisions
    from pellucid.log.adapters.models import LoggedModel
    from pellucid.log.adapters.opentelemetry import DecisionSpanProcessor
    from pellucid.log.adapters.prometheus import HealthCollector
    from pellucid.log.adapters.scoring import log_scores

    followed = [microseconds(block, number) for _ in range(options.rounds)]
    found.add("a decision's block", "us wall, no adapter imported", Spread.of(alone))
    found.add("a decision's block, found by adapters", "us wall, added",
              Spread.of([b - a for a, b in zip(alone, followed, strict=True)]))  # fmt: skip
    logged = log_scores()(score)
    compare("log_scores, a call", *(
        in_a_decision(lambda f=f: [f(name, 1.5, "BR", "debit") for name in ROUTES])
        for f in (logged, score)
    ), number=5000, each=4)  # fmt: skip
    decided = log_decisions(LOG, lambda payment_id: {"id": payment_id})(route)
    compare("log_decisions, a call", lambda: decided("p"), lambda: route("p"), number=10_000)
    frame = pd.DataFrame(np.full((4, 20), 0.5), columns=NAMES, index=ROUTES)
    model = LoggedModel(Model(), LOG)
    for kind, rows in (("pandas", frame), ("numpy", frame.to_numpy())):
        compare(f"LoggedModel.predict_proba, {kind}", *(
            in_a_decision(lambda call=call, rows=rows: call(rows))
            for call in (lambda rows: model.predict_proba(rows, ids=ROUTES), Model().predict_proba)
        ), number=2000)  # fmt: skip
    for case, decides in (("another span", False), ("a span that decides", True)):
        ours = spans(DecisionSpanProcessor(LOG), decides=decides)
        compare(f"DecisionSpanProcessor, {case}", ours,
                spans(SpanProcessor(), decides=decides), number=500)  # fmt: skip
    registry = CollectorRegistry()
    with tempfile.TemporaryDirectory() as folder:
        registry.register(HealthCollector(pellucid.Logger("bench", to=folder)))
        compare("HealthCollector, a scrape", lambda: generate_latest(registry), lambda: None,
                number=500)  # fmt: skip
    progress("less is better; a decision's whole way is in bench_live_log")
    found.finish()


if __name__ == "__main__":
    main()
