"""One decision, told in order: candidates, scores, attributions, layers, pick, outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from pellucid.explain.attribution import TOLERANCE
from pellucid.spec.system import System


@dataclass(frozen=True, slots=True)
class Bar:
    """One feature's part of a raw score.

    Attributes
    ----------
    feature, label : str
        Name and business name.
    shown_value : str
        The feature's value as text.
    attribution : float
        In the unit of the raw score.
    """

    feature: str
    label: str
    shown_value: str
    attribution: float


@dataclass(frozen=True, slots=True)
class Attribution:
    """A raw score, split: base_value + Σ bars + residual = raw_score.

    Attributes
    ----------
    bars : tuple of Bar
        Largest first.
    is_additive : bool
        Whether the residual is within tolerance.
    """

    base_value: float
    raw_score: float
    residual: float
    explainer: str
    bars: tuple[Bar, ...]

    @property
    def is_additive(self) -> bool:
        """Whether the residual is within tolerance."""
        return abs(self.residual) <= TOLERANCE * max(1.0, abs(self.raw_score))


@dataclass(frozen=True, slots=True)
class CandidateView:
    """One candidate of the decision."""

    candidate_id: str
    is_eligible: bool
    ineligible_reason: str | None
    raw_score: float | None
    probability: float | None
    layers: dict[str, float | None]
    is_chosen: bool
    propensity: float | None
    attribution: Attribution | None


@dataclass(frozen=True, slots=True)
class StageView:
    """The pick after one stage of the policy."""

    stage: str
    label: str
    pick: str | None
    is_override: bool


@dataclass(frozen=True, slots=True)
class Story:
    """One decision, told in order.

    Attributes
    ----------
    decision : dict
        The row of `decisions`, nulls left out.
    candidates : tuple of CandidateView
        The chosen one first, then by probability; ineligible ones last.
    stages : tuple of StageView
        In the order in which they acted; empty where picks were not logged.
    outcomes : tuple of dict
        Observations in the order in which they were recorded.
    attempts : tuple of dict
        Every decision on the same request: decision_id, attempt, chosen, decided_at.
    told : tuple of (str, tuple of str)
        The same in words: titles and sentences.
    """

    decision: dict[str, Any]
    candidates: tuple[CandidateView, ...]
    stages: tuple[StageView, ...]
    outcomes: tuple[dict[str, Any], ...]
    attempts: tuple[dict[str, Any], ...]
    told: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def chosen(self) -> CandidateView | None:
        """The chosen candidate, or None."""
        return next((item for item in self.candidates if item.is_chosen), None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        lines = []
        for title, sentences in self.told:
            lines += [title, *(f"  {sentence}" for sentence in sentences)]
        return "\n".join(lines)


def make_story(
    system: System,
    decision: Mapping[str, Any],
    candidates: pa.Table,
    attributions: pa.Table | None,
    outcomes: pa.Table,
    attempts: pa.Table,
) -> Story:
    """Put the records of one decision together.

    Parameters
    ----------
    decision : mapping
        Its row of `decisions`.
    candidates, outcomes : pyarrow.Table
        Its rows of those tables.
    attributions : pyarrow.Table or None
        Its rows of `attributions`.
    attempts : pyarrow.Table
        Decisions of its request.
    """
    explained = {row["candidate_id"]: row for row in (attributions.to_pylist() if attributions
                                                      else [])}  # fmt: skip
    views = [
        _candidate_view(system, row, explained.get(row["candidate_id"]), decision.get("chosen"))
        for row in candidates.to_pylist()
    ]
    views.sort(key=lambda v: (not v.is_chosen, not v.is_eligible, -(v.probability or 0.0)))
    return Story(
        decision={name: value for name, value in decision.items() if value is not None},
        candidates=tuple(views),
        stages=_stages(system, decision),
        outcomes=tuple(outcomes.sort_by("recorded_at").to_pylist()),
        attempts=tuple(attempts.sort_by("attempt").to_pylist()),
    )


def _candidate_view(
    system: System, row: Mapping[str, Any], explained: Mapping[str, Any] | None, chosen: str | None
) -> CandidateView:
    return CandidateView(
        candidate_id=row["candidate_id"],
        is_eligible=row["is_eligible"],
        ineligible_reason=row.get("ineligible_reason"),
        raw_score=row.get("raw_score"),
        probability=row.get("probability"),
        layers={layer.name: row.get(f"layer_{layer.name}") for layer in system.layers},
        is_chosen=row["candidate_id"] == chosen,
        propensity=row.get("propensity"),
        attribution=_attribution(system, row, explained) if explained else None,
    )


def _attribution(
    system: System, row: Mapping[str, Any], explained: Mapping[str, Any]
) -> Attribution:
    labels = {feature.name: feature.label or feature.name for feature in system.features}
    bars = [
        Bar(name, labels.get(name, name), _shown(row.get(f"f_{name}")), value)
        for name, value in (
            (column.removeprefix("a_"), value)
            for column, value in explained.items()
            if column.startswith("a_") and value is not None
        )
    ]
    return Attribution(
        base_value=explained["base_value"],
        raw_score=explained["raw_score"],
        residual=explained["residual"],
        explainer=explained["explainer"],
        bars=tuple(sorted(bars, key=lambda bar: -abs(bar.attribution))),
    )


def _stages(system: System, decision: Mapping[str, Any]) -> tuple[StageView, ...]:
    if not system.layers or decision.get("pick_model") is None:
        return ()
    labels = {"model": "Model"} | {item.name: item.label or item.name for item in system.layers}
    views, before = [], None
    for stage in system.stages:
        pick = decision.get(f"pick_{stage}")
        views.append(StageView(stage, labels[stage], pick, stage != "model" and pick != before))
        before = pick
    return tuple(views)


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.4g}"
    return str(value)
