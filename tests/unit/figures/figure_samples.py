"""One small input for each figure, with a hostile name where data can bring one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from part_samples import change_story, contrast, group_story, traffic
from watch_samples import RATE, WINDOW, anomalies, drift, incident, localized, maturity, performance

from pellucid.figures.anomalies import expected_band
from pellucid.figures.arms import arms
from pellucid.figures.attribution import waterfall
from pellucid.figures.candidates import candidate_scores
from pellucid.figures.drift import distribution, drift_bars
from pellucid.figures.figure import Figure
from pellucid.figures.flow import policy_flow
from pellucid.figures.incidents import incident_timeline
from pellucid.figures.localized import localized_parts
from pellucid.figures.maturity import arrivals, maturing
from pellucid.figures.parts import change_parts, contrast_parts, group_parts, traffic_parts
from pellucid.figures.performance import calibration, predicted_against_realised
from pellucid.figures.quality import performance_over_time
from pellucid.figures.rates import rate_by, rate_over_time
from pellucid.figures.series import series_over_time
from pellucid.figures.traffic import share_over_time
from pellucid.figures.values import value_by

HOSTILE = "<b onmouseover=x>&co</b>"
START = datetime(2026, 10, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class SampleFlow:
    stages: tuple[str, ...]
    nodes: pa.Table
    links: pa.Table


def result_row(
    level: str, value: float | None, n: int = 1000, day: int = 0, **keys: object
) -> dict:
    """A row as `monitor.query.answer` gives it."""
    low, high = (None, None) if value is None else (value - 0.02, value + 0.02)
    return {
        "metric": "approval_rate",
        "segment": "all",
        "level": level,
        "start_at": START + day * DAY,
        "end_at": START + (day + 1) * DAY,
        "value": value,
        "low": low,
        "high": high,
        "n": n,
        **keys,
    }


def share_rows(shares: dict[str, tuple[float, ...]]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            result_row("route", value, day=day, route=name)
            for name, values in shares.items()
            for day, value in enumerate(values)
        ]
    )


def daily(values: dict[int, float]) -> pa.Table:
    return pa.Table.from_pylist([result_row("", v, day=day) for day, v in values.items()])


def country_rows() -> pa.Table:
    return pa.Table.from_pylist(
        [
            result_row("", 0.85, n=3000, country=None),
            result_row("country", 0.9, country="DE"),
            result_row("country", 0.8, country=HOSTILE),
            result_row("country", None, country="JP"),
        ]
    )


def sample_flow() -> SampleFlow:
    """100 decisions: fees move 10 from `a` to the hostile one, the guardrail 5 back."""
    stages = ("Model", "Fees", "Guardrail")
    sizes = {"Model": (60, 40), "Fees": (50, 50), "Guardrail": (55, 45)}
    nodes = [
        {"stage": stage, "candidate": name, "decisions": size, "share": size / 100}
        for stage, pair in sizes.items()
        for name, size in zip(("a", HOSTILE), pair, strict=True)
    ]
    links = [
        ("Model", "Fees", "a", "a", 50),
        ("Model", "Fees", "a", HOSTILE, 10),
        ("Model", "Fees", HOSTILE, HOSTILE, 40),
        ("Fees", "Guardrail", "a", "a", 50),
        ("Fees", "Guardrail", HOSTILE, HOSTILE, 45),
        ("Fees", "Guardrail", HOSTILE, "a", 5),
    ]
    keys = ("stage", "next_stage", "source", "target", "decisions")
    rows = [
        dict(zip(keys, link, strict=True))
        | {"share": link[4] / 100, "is_moved": link[2] != link[3]}
        for link in links
    ]
    return SampleFlow(stages, pa.Table.from_pylist(nodes), pa.Table.from_pylist(rows))


def attributions(*values: float) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "feature": f"f{place}",
                "label": HOSTILE if place == 0 else f"Feature {place}",
                "shown_value": HOSTILE,
                "attribution": value,
            }
            for place, value in enumerate(values)
        ]
    )


def candidates() -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "candidate": "a",
                "is_eligible": True,
                "reason": None,
                "probability": 0.80,
                "layer_fees": -0.03,
                "layer_contract": None,
                "is_chosen": False,
            },
            {
                "candidate": HOSTILE,
                "is_eligible": True,
                "reason": None,
                "probability": 0.78,
                "layer_fees": -0.01,
                "layer_contract": 0.02,
                "is_chosen": True,
            },
            {
                "candidate": "c",
                "is_eligible": False,
                "reason": HOSTILE,
                "probability": None,
                "layer_fees": None,
                "layer_contract": None,
                "is_chosen": False,
            },
        ]
    )


def predictions() -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "route": HOSTILE,
                "predicted": 0.88,
                "realised": 0.85,
                "low": 0.84,
                "high": 0.86,
                "n": 900,
            },
            {
                "route": "b",
                "predicted": 0.80,
                "realised": 0.805,
                "low": 0.78,
                "high": 0.83,
                "n": 400,
            },
        ]
    )


def arm_rows() -> pa.Table:
    keys = [
        ("arm", "ml", None, 0.86),
        ("arm", "control", None, 0.83),
        ("country,arm", "ml", HOSTILE, 0.9),
        ("country,arm", "control", HOSTILE, 0.89),
        ("country,arm", "ml", "JP", 0.9),
    ]
    return pa.Table.from_pylist(
        [result_row(level, value, arm=arm, country=country) for level, arm, country, value in keys]
    )


SAMPLES: dict[str, Callable[[], Figure]] = {
    "share_over_time": lambda: share_over_time(
        share_rows({"a": (0.6, 0.5), HOSTILE: (0.4, 0.5)}), "route"
    ),
    "rate_over_time": lambda: rate_over_time(
        daily({0: 0.84, 1: 0.8, 4: 0.85}), title="Approval rate"
    ),
    "rate_by": lambda: rate_by(country_rows(), "country", previous=country_rows()),
    "policy_flow": lambda: policy_flow(sample_flow()),
    "waterfall": lambda: waterfall(attributions(0.5, -0.2, 0.1), 1.0, 1.4),
    "candidate_scores": lambda: candidate_scores(candidates()),
    "predicted_against_realised": lambda: predicted_against_realised(predictions(), "route"),
    "calibration": lambda: calibration(predictions()),
    "arms": lambda: arms(arm_rows(), "country"),
    "change_parts": lambda: change_parts(change_story()),
    "traffic_parts": lambda: traffic_parts(traffic()),
    "traffic_difference": lambda: traffic_parts(traffic(is_compared=True)),
    "contrast_parts": lambda: contrast_parts(contrast()),
    "group_parts": lambda: group_parts(group_story()),
    "expected_band": lambda: expected_band(anomalies("spike", "shift")),
    "localized_parts": lambda: localized_parts(localized()),
    "maturing": lambda: maturing(maturity()),
    "arrivals": lambda: arrivals(maturity()),
    "performance_over_time": lambda: performance_over_time(performance((0.7, 0.71), (0.72, 0.7))),
    "incident_timeline": lambda: incident_timeline([incident(0), incident(1)], WINDOW),
    "drift_bars": lambda: drift_bars(drift()),
    "distribution": lambda: distribution(drift().columns[0]),
    "series_over_time": lambda: series_over_time(
        share_rows({"a": (0.6, 0.5), HOSTILE: (0.4, 0.5)}), RATE, "route"
    ),
    "value_by": lambda: value_by(country_rows(), "country", RATE),
    "series_of_the_whole": lambda: series_over_time(daily({0: 0.84, 1: 0.8, 4: 0.85}), RATE),
}

_NO_FLOW = SampleFlow((), sample_flow().nodes.slice(0, 0), sample_flow().links.slice(0, 0))
EMPTY: dict[str, Callable[[], Figure]] = {
    "share_over_time": lambda: share_over_time(share_rows({"a": (1.0,)}).slice(0, 0), "route"),
    "rate_over_time": lambda: rate_over_time(daily({0: 0.8}).slice(0, 0)),
    "rate_by": lambda: rate_by(country_rows().slice(0, 0), "country"),
    "policy_flow": lambda: policy_flow(_NO_FLOW),
    "waterfall": lambda: waterfall(attributions(0.1).slice(0, 0), 1.0, 1.0),
    "candidate_scores": lambda: candidate_scores(candidates().slice(2)),
    "predicted_against_realised": lambda: predicted_against_realised(
        predictions().slice(0, 0), "route"
    ),
    "calibration": lambda: calibration(predictions().slice(0, 0)),
    "arms": lambda: arms(arm_rows().slice(0, 1)),
    "expected_band": lambda: expected_band(anomalies()),
    "performance_over_time": lambda: performance_over_time(performance()),
    "incident_timeline": lambda: incident_timeline([], WINDOW),
    "drift_bars": lambda: drift_bars(drift(names=())),
    "series_over_time": lambda: series_over_time(daily({0: 0.8}).slice(0, 0), RATE),
    "value_by": lambda: value_by(country_rows().slice(0, 0), "country", RATE),
}
