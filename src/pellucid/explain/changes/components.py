"""What a policy was made of in two periods, each applied to the decisions of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.errors import ExplainError
from pellucid.explain import wording
from pellucid.explain.attribution import LoadedModel
from pellucid.explain.changes.periods import NAMED, Periods
from pellucid.explain.changes.policy_tables import Recovered, recover_rule, recover_terms
from pellucid.explain.changes.replay_story import DRAWN, MOVES, REST, SWAPPED, TRAVELS
from pellucid.explain.records import Records
from pellucid.spec.system import System
from pellucid.windows import Window

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

POPULATION, ELIGIBILITY, MODEL, LAYER = "population", "eligibility", "model", "layer"
_LABELS = {
    POPULATION: "Population", ELIGIBILITY: "Eligibility rules", MODEL: "Model version",
    REST: "Not replayed", DRAWN: "Drawn decisions",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Component:
    """A part of the policy, as it was in each period.

    Attributes
    ----------
    name : str
        ``eligibility``, ``model``, or the name of a layer.
    kind : str
        ``eligibility``, ``model`` or ``layer``.
    handling : str
        ``swapped`` where that of one period can be applied to decisions of the other; ``with its
        decisions`` where it cannot, so that it counts as population; ``not replayed`` for a layer
        that logs picks and no terms.
    known_by : tuple of str
        What its tables are looked up by, beside the candidate; of the model, its versions.
    versions : array of float64, shape (2, n, c)
        That of the baseline and that of the window, on each candidate of all n decisions: 1 where
        eligible, the score on the policy's scale, or the term.
    own_kept : float
        Part of the candidates to which that of the other period could not be applied: they keep
        their own; without a score they are not picked.
    stays : tuple of str
        Reasons for which candidates are ruled out, and which stay with their decisions.
    """

    name: str
    kind: str
    handling: str
    known_by: tuple[str, ...]
    versions: Floats
    own_kept: float = 0.0
    stays: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether it is another in the one period than in the other, on any of the decisions."""
        return self.handling == SWAPPED and not np.allclose(
            self.versions[0], self.versions[1], rtol=0.0, atol=1e-9, equal_nan=True
        )


def find_components(
    system: System, records: Records, periods: Periods, windows: Sequence[Window]
) -> list[Component]:
    """Return eligibility, model and layers of both periods, in the order in which they act.

    Raises
    ------
    ExplainError
        If the file of a model was not logged, a feature of one is missing in the other's period,
        or the two periods score on different scales.
    """
    rules = _eligibility(periods)
    layers = [_layer(name, periods, rules) for name in periods.terms]
    return [rules, _model(system, records, periods, windows), *layers]


def _own(periods: Periods, side: int) -> Bools:
    return periods.side[periods.place] == side


def _placed(periods: Periods, versions: Sequence[NDArray[np.generic]], empty: float) -> Floats:
    return np.stack([periods.dense(np.asarray(rows, dtype=np.float64), empty) for rows in versions])


def _eligibility(periods: Periods) -> Component:
    """Return who may be picked by the rules of each period.

    Rules are told apart by the reason that they give. One that is no table in a period in which it
    removed anybody stays with its decisions.
    """
    found: dict[int, list[Recovered]] = {}
    removed = ~periods.eligible
    for reason in np.unique(periods.reason[removed]).tolist():
        by_rule = removed & (periods.reason == reason)
        tables = [
            recover_rule(by_rule, periods.eligible, _own(periods, side), periods.keys)
            for side in (0, 1)
        ]
        known = [table for table in tables if table is not None]
        if len(known) == len(tables):
            found[reason] = known
    stays = removed & ~np.isin(periods.reason, list(found))
    versions, own_kept = [], np.zeros(len(removed), dtype=bool)
    for side in (0, 1):
        other = ~_own(periods, side)
        ruled_out = stays.copy()
        for reason, both in found.items():
            own = removed & (periods.reason == reason)
            table = both[side]
            ruled_out |= np.where(other & table.known, table.values > 0, own)
            own_kept |= other & ~table.known & (periods.eligible | own)
        versions.append(~ruled_out)
    names = {name for both in found.values() for table in both for name in table.names}
    # Where only those who were allowed are logged, who was not is not known.
    is_complete = len(removed) == len(periods.side) * len(periods.candidates)
    is_table = bool(found) or (is_complete and not removed.any())
    return Component(
        ELIGIBILITY, ELIGIBILITY, SWAPPED if is_table else TRAVELS,
        tuple(name for name in periods.keys.dimensions if name in names),
        _placed(periods, versions, 0.0), float(own_kept.mean()),
        tuple(periods.reasons[place] for place in np.unique(periods.reason[stays])),
    )  # fmt: skip


def _layer(name: str, periods: Periods, rules: Component) -> Component:
    term = periods.terms[name]
    logged = np.nan_to_num(term)
    if not logged.any():
        return Component(name, LAYER, MOVES, (), _placed(periods, (logged, logged), 0.0))
    sides = [_own(periods, side) for side in (0, 1)]
    tables = [recover_terms(term, own & periods.eligible, periods.keys) for own in sides]
    known = [table for table in tables if table is not None]
    if len(known) < len(tables):
        return Component(name, LAYER, TRAVELS, (), _placed(periods, (logged, logged), 0.0))
    own_term = logged
    for own, table, other in zip(sides, known, known[::-1], strict=True):
        # A candidate that was not allowed has a term too, for when the other's rules allow it: by
        # its own period's table, whatever was logged in its stead; else the other's.
        removed = own & ~periods.eligible
        own_term = np.where(removed & np.isnan(term) & other.known, other.values, own_term)
        own_term = np.where(removed & table.known, table.values, own_term)
    versions = [
        np.where(~own & table.known, table.values, own_term)
        for own, table in zip(sides, known, strict=True)
    ]
    allowed = rules.versions.max(axis=0)[periods.place, periods.whose] > 0
    kept = [~own & ~table.known & allowed for own, table in zip(sides, known, strict=True)]
    names = dict.fromkeys(item for table in known for item in table.names)
    return Component(name, LAYER, SWAPPED, tuple(names), _placed(periods, versions, 0.0),
                     float((kept[0] | kept[1]).mean()))  # fmt: skip


def _model(
    system: System, records: Records, periods: Periods, windows: Sequence[Window]
) -> Component:
    """Return the scores of each decision by its own model, and by the main one of the other."""
    of_row = periods.model[periods.place]
    mains = [periods.models.index(name) for name in main_models(periods)]
    versions = np.full((2, len(of_row)), np.nan)
    scales = set()
    for place, name in enumerate(periods.models):
        model = _loaded(records, name)
        _check_features(model, periods, mains.index(place) if place in mains else None, windows)
        is_linked = system.policy_scale == "probability" and model.output_scale == "log_odds"
        scales.add("probability" if is_linked else model.output_scale)
        # Its own decisions, and those of the other period if it is the main model of its own.
        needed = np.stack([
            np.where(_own(periods, side), of_row == place, mains[side] == place) for side in (0, 1)
        ])  # fmt: skip
        rows = np.flatnonzero(needed.any(axis=0))
        score = np.full(len(of_row), np.nan)
        score[rows] = _scores(model, periods.rows.take(pa.array(rows)), is_linked=is_linked)
        versions = np.where(needed, score, versions)
    if len(scales) > 1:
        raise ExplainError(
            f"models of the two periods score in {wording.listed(sorted(scales))}; only scores on "
            "one scale compare: narrow the periods to models of one scale"
        )
    unscored = (periods.eligible & np.isnan(versions).any(axis=0)).mean()
    placed = _placed(periods, list(versions), np.nan)
    return Component(MODEL, MODEL, SWAPPED, periods.models, placed, float(unscored))


def main_models(periods: Periods) -> tuple[str, str]:
    """Return the model that made most decisions of the baseline, and that of the window."""
    count = len(periods.models)
    weight = np.bincount(periods.side * count + periods.model, periods.weight, 2 * count)
    before, after = weight.reshape(2, count).argmax(axis=1).tolist()
    return periods.models[before], periods.models[after]


def _loaded(records: Records, name: str) -> LoadedModel:
    model = records.model(name)
    if model is None:
        raise ExplainError(
            f"the file of model '{name}' was not logged, so it cannot score what another decided; "
            "log it with log.model(...), or ask why_changed, which needs no model"
        )
    return model


def _check_features(
    model: LoadedModel, periods: Periods, side: int | None, windows: Sequence[Window]
) -> None:
    """Raise where the period that a model did not decide lacks a feature that its own has."""
    if side is None:
        return
    own = pa.array(_own(periods, side))
    names = [f"f_{name}" for name in model.features if f"f_{name}" in periods.rows.column_names]
    rows = periods.rows.select(names)
    has = [_logged(rows.filter(mask)) for mask in (own, pc.invert(own))]
    lacking = [name for name in model.features if name in has[0] and name not in has[1]]
    if lacking:
        raise ExplainError(
            f"model '{model.model_id}' needs {wording.listed(lacking)}, which the decisions of the "
            f"{NAMED[1 - side]} ({wording.span(windows[1 - side])}) do not have; only decisions "
            "with all features of both models can be replayed: choose periods in which they are "
            "logged, or ask why_changed, which needs no model"
        )


def _logged(rows: pa.Table) -> set[str]:
    return {name.removeprefix("f_") for name in rows.column_names
            if rows.column(name).null_count < rows.num_rows}  # fmt: skip


def _scores(model: LoadedModel, rows: pa.Table, *, is_linked: bool) -> Floats:
    """Return scores on the policy's scale; NaN where there is nothing to score by."""
    matrix = model.matrix(rows)
    score = np.full(len(matrix), np.nan)
    has_features = ~np.isnan(matrix).all(axis=1)
    score[has_features] = model.explainer.raw_score(matrix[has_features])
    if not is_linked:
        return score
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-score)))


def label_of(system: System, name: str, kind: str) -> str:
    """Return what people call a part of a change."""
    labels = {layer.name: layer.label or layer.name for layer in system.layers}
    return labels[name] if kind == LAYER else _LABELS[kind]
