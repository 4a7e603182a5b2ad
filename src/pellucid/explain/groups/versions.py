"""One model against another on the same candidates; other customers told from another model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.errors import ExplainError, UnknownNameError
from pellucid.explain import wording
from pellucid.explain.attribution import LoadedModel, attribute
from pellucid.explain.filters import check_apart, decision_filter
from pellucid.explain.means import sums_by_day
from pellucid.explain.records import DAY_SQL, Records, within
from pellucid.schema.tables import MODELS, SAMPLE_WEIGHT
from pellucid.spec.bind import declared_names
from pellucid.spec.system import System
from pellucid.store.reader import read_rows
from pellucid.windows import Window

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TOLD = 3


@dataclass(frozen=True, slots=True)
class VersionChange:
    """One model against another.

    Attributes
    ----------
    before, after : str
        Model ids.
    window : Window
        Whose candidates both scored.
    baseline : Window or None
        The earlier population, where a change of scores is split.
    where : str
    n : int
        Decisions of the window that were scored again.
    scale : str
        Of the scores.
    difference, error : float
        Mean score of the later model less that of the earlier, over the picks of the window, and
        its standard error.
    degrees : float
        Degrees of freedom of that and of the errors of parts.
    parts : pyarrow.Table
        ``part``, ``kind`` (base, feature), ``label``, ``before``, ``after``, ``difference``,
        ``error``, ``degrees``: mean attributions by both models against one reference population,
        that of the earlier one. Differences add up to `difference`.
    picks : pyarrow.Table
        ``candidate``, ``before``, ``after``, ``change``: the share that each would have by the
        scores of each model alone, without layers.
    moved : float
        Part of the decisions in which the two models alone prefer another candidate.
    split : pyarrow.Table
        With a baseline: ``part`` (population, model, interaction), ``change``: of the mean score
        from the earlier model on the baseline to the later one on the window. Population and model
        add up to it; the interaction is half in each, and shown for itself.
    """

    before: str
    after: str
    window: Window
    baseline: Window | None
    where: str
    n: int
    scale: str
    difference: float
    error: float
    degrees: float
    parts: pa.Table
    picks: pa.Table
    moved: float
    split: pa.Table

    @property
    def told(self) -> str:
        """The answer as one paragraph."""
        lines = [
            f"On {wording.decisions(self.n)} from {wording.span(self.window)}, {self.after} scores "
            f"what was picked {wording.signed(self.difference, self.scale)} against {self.before}"
            f"{wording.give_or_take(self.error, self.scale, self.degrees)}, and alone would prefer "
            f"another candidate in {wording.percent(self.moved)}."
        ]
        rows = sorted(self.parts.to_pylist(), key=lambda row: -abs(row["difference"]))[:_TOLD]
        shown = [f"{row['label']} {wording.signed(row['difference'], self.scale)}"
                 for row in rows if row["difference"]]  # fmt: skip
        if shown:
            lines.append(f"What it weighs otherwise: {wording.listed(shown)}.")
        split = {row["part"]: row["change"] for row in self.split.to_pylist()}
        if split:
            lines.append(
                f"From {wording.span(self.baseline)} the mean score changed by "
                f"{wording.signed(split['population'] + split['model'], self.scale)}: other "
                f"decisions {wording.signed(split['population'], self.scale)}, the other model "
                f"{wording.signed(split['model'], self.scale)}."
                if self.baseline else ""
            )  # fmt: skip
        if self.n < wording.MINIMUM:
            lines.append(f"Fewer than {wording.MINIMUM} decisions: too few to go by.")
        return " ".join(lines)


def compare_models(
    system: System, records: Records, before: str, after: str, *, window: Window,
    baseline: Window | None = None, where: str = "", most_decisions: int = 2000,
) -> VersionChange:  # fmt: skip
    """Score logged candidates with two models and split the difference into features.

    Parameters
    ----------
    before, after : str
        Model ids; both files must be logged, on one scale.
    baseline : Window, optional
        An earlier period, to tell a change of model from one of customers.
    most_decisions : int, default 2000
        Decisions of each period to score, drawn by a hash of their id.

    Raises
    ------
    UnknownNameError
        If no such model was logged.
    ExplainError
        If a model's file was not logged, the two are on different scales, or no decision has
        picked a candidate that both can score.

    References
    ----------
    Kitagawa, E. M. (1955). Components of a Difference Between Two Rates, for population and model:
    Shapley values of the two over the four means of each model on each population.
    """
    if baseline:
        check_apart(window, baseline)
    models = [_model(records, name) for name in (before, after)]
    if models[0].output_scale != models[1].output_scale:
        raise ExplainError(
            f"'{before}' scores in {models[0].output_scale} and '{after}' in "
            f"{models[1].output_scale}; only scores on one scale compare"
        )
    chosen = decision_filter(system, where)
    rows = _candidates(system, records, window, chosen, most_decisions)
    if not pc.any(rows.column("is_picked")).as_py():
        among = f" where {where}" if where else ""
        raise ExplainError(f"no decision{among} from {wording.span(window)} has a scored pick")
    difference, error, degrees, parts = _by_feature(system, models, rows)
    moved, picks = _picks(models, rows)
    split: dict[str, float] = {}
    if baseline is not None:
        then = _candidates(system, records, baseline, chosen, most_decisions)
        if not pc.any(then.column("is_picked")).as_py():
            raise ExplainError(f"no decision from {wording.span(baseline)} has a scored pick")
        split = _population_and_model(models, then, rows)
    return VersionChange(
        before, after, window, baseline, where,
        len(pc.unique(rows.column("decision_id"))), models[0].output_scale, difference, error,
        degrees, parts, picks, moved,
        pa.table({"part": pa.array(list(split), pa.string()),
                  "change": pa.array(list(split.values()), pa.float64())}),
    )  # fmt: skip


def _model(records: Records, name: str) -> LoadedModel:
    known = [row["model_id"] for row in read_rows(records.lake, MODELS.name, ["model_id"])
             .to_pylist()]  # fmt: skip
    if name not in known:
        raise UnknownNameError(kind="model", name=name, known=known)
    model = records.model(name)
    if model is None:
        raise ExplainError(f"the file of model '{name}' was not logged; log it with log.model(...)")
    return model


def _candidates(
    system: System, records: Records, window: Window, chosen: str, most: int
) -> pa.Table:
    sql = (
        f"WITH d AS (SELECT decision_id, chosen, {DAY_SQL} AS day, coalesce({SAMPLE_WEIGHT}, 1) "
        f"AS w FROM decisions WHERE {within(window)} AND ({chosen}) AND chosen IS NOT NULL "
        f"ORDER BY hash(decision_id) LIMIT {most}) SELECT c.*, d.day, d.w, "
        "c.candidate_id = d.chosen AS is_picked FROM candidates AS c "
        "JOIN d ON d.decision_id = c.decision_id "
        f"WHERE {within(window)} AND c.is_eligible AND c.raw_score IS NOT NULL "
        "ORDER BY c.decision_id, c.candidate_id"
    )
    return records.query(sql, ("decisions", "candidates"), window, names=declared_names(system))


def _by_feature(
    system: System, models: Sequence[LoadedModel], rows: pa.Table
) -> tuple[float, float, float, pa.Table]:
    picked = rows.filter(rows.column("is_picked"))
    reference = models[0].reference or models[1].reference
    features = list(dict.fromkeys(name for model in models for name in model.features))
    columns = []
    for model in models:
        found = attribute(replace(model, reference=reference), picked)
        columns.append(np.column_stack([
            found.column("base_value").to_numpy(),
            *(found.column(f"a_{name}").to_numpy() if name in model.features
              else np.zeros(picked.num_rows) for name in features),
        ]).astype(np.float64))  # fmt: skip
    weight, day = picked.column("w").to_numpy().astype(np.float64), picked.column("day").to_numpy()
    sums = [sums_by_day(values, weight, day) for values in columns]
    gaps = sums_by_day(columns[1] - columns[0], weight, day)
    total = sums_by_day((columns[1] - columns[0]).sum(axis=1)[:, None], weight, day)
    labels = {feature.name: feature.label or feature.name for feature in system.features}
    size = np.abs(gaps.means[1:])
    order = [0, *(1 + np.argsort(-size, kind="stable")).tolist()]
    names = ["base", *features]
    parts = pa.table({
        "part": pa.array([names[place] for place in order], pa.string()),
        "kind": pa.array(["feature" if place else "base" for place in order], pa.string()),
        "label": pa.array([labels.get(names[place], names[place]) if place else "In general"
                           for place in order], pa.string()),
        "before": sums[0].means[order], "after": sums[1].means[order],
        "difference": gaps.means[order], "error": gaps.errors[order],
        "degrees": np.full(len(order), gaps.degrees),
    })  # fmt: skip
    return float(total.means[0]), float(total.errors[0]), total.degrees, parts


def _picks(models: Sequence[LoadedModel], rows: pa.Table) -> tuple[float, pa.Table]:
    ids, place = np.unique(np.array(rows.column("decision_id").to_pylist()), return_inverse=True)
    names = np.array(rows.column("candidate_id").to_pylist())
    weight = np.zeros(len(ids))
    weight[place] = rows.column("w").to_numpy()
    preferred = []
    for model in models:
        score = model.explainer.raw_score(model.matrix(rows))
        # The first of level candidates in the order of their names, as in replaying.
        order = np.lexsort((np.arange(len(score)), -score, place))
        preferred.append(names[order[np.flatnonzero(np.diff(place[order], prepend=-1))]])
    every = sorted({*preferred[0], *preferred[1]})
    shares = [[float(weight[found == name].sum() / weight.sum()) for name in every]
              for found in preferred]  # fmt: skip
    change = np.array(shares[1]) - np.array(shares[0])
    table = pa.table({"candidate": every, "before": shares[0], "after": shares[1],
                      "change": change})  # fmt: skip
    order = np.argsort(-np.abs(change), kind="stable")
    moved = float(weight[preferred[0] != preferred[1]].sum() / weight.sum())
    return moved, table.take(pa.array(order))


def _population_and_model(
    models: Sequence[LoadedModel], then: pa.Table, now: pa.Table
) -> dict[str, float]:
    means = np.zeros((2, 2))
    for population, rows in enumerate((then, now)):
        picked = rows.filter(rows.column("is_picked"))
        weight = picked.column("w").to_numpy()
        for place, model in enumerate(models):
            score = model.explainer.raw_score(model.matrix(picked))
            means[place, population] = float(weight @ score / weight.sum())
    return {
        "population": float((means[0, 1] - means[0, 0] + means[1, 1] - means[1, 0]) / 2),
        "model": float((means[1, 0] - means[0, 0] + means[1, 1] - means[0, 1]) / 2),
        "interaction": float(means[1, 1] - means[1, 0] - means[0, 1] + means[0, 0]),
    }
