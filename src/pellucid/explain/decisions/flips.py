"""The smallest change of one thing that would have sent a decision elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.engine.sql import text
from pellucid.errors import ExplainError, UnknownNameError
from pellucid.explain import wording
from pellucid.explain.attribution import LoadedModel
from pellucid.explain.decisions.decision import find_decision
from pellucid.explain.decisions.flip_search import Search, feature_flips, linked_scores
from pellucid.explain.levels import shared_features
from pellucid.explain.records import Records
from pellucid.explain.traffic.terms import only, scored_terms
from pellucid.spec.system import System
from pellucid.windows import DAY, Window

Floats = NDArray[np.float64]

_TOLD = 3


@dataclass(frozen=True, slots=True)
class Flips:
    """What would have sent one decision elsewhere, one thing changed at a time.

    Attributes
    ----------
    decision_id, chosen : str
    to : str
        Where to; empty for anywhere else.
    rival : str
        The candidate that was the closest, or `to`.
    margin : float
        Utility of the chosen one less that of the rival, in the policy's unit.
    scale : str
        That unit.
    layers : pyarrow.Table
        ``layer``, ``label``, ``chosen_term``, ``rival_term``, ``needed``: how far the layer's term
        must fall for the chosen one, or rise for the rival.
    features : pyarrow.Table
        ``feature``, ``label``, ``candidate`` whose feature it is (null where it is the decision's),
        ``value`` and ``needed``, as text, ``pick`` that it would bring, and ``distance``: for a
        number the part of the reference population between the two values, for a category the part
        that has another one. Nearest first; a feature that flips nothing alone has no row.
    has_model : bool
        Whether the model's file was logged; without it `features` is empty.
    """

    decision_id: str
    chosen: str
    to: str
    rival: str
    margin: float
    scale: str
    layers: pa.Table
    features: pa.Table
    has_model: bool

    @property
    def told(self) -> str:
        """The answer as one paragraph."""
        scale = "probability" if self.scale == "probability" else ""
        lines = [
            f"{self.chosen} was ahead of {self.rival} by "
            f"{wording.signed(self.margin, scale).lstrip('+±')}: any layer that took that much "
            f"from it, or gave it to {self.rival}, would have sent the decision there."
        ]
        shown = [
            f"{row['label']}{' of ' + row['candidate'] if row['candidate'] else ''} "
            f"{row['needed']} instead of {row['value']} (to {row['pick']})"
            for row in self.features.slice(0, _TOLD).to_pylist()
        ]
        if shown:
            lines.append(f"Of single features, the nearest that would: {wording.listed(shown)}.")
        elif self.has_model:
            lines.append("No single feature, at any value seen before, would have.")
        else:
            lines.append("Which feature would have cannot be told: the model's file is not logged.")
        return " ".join(lines)


def find_flips(system: System, records: Records, decision_id: str, *, to: str = "") -> Flips:
    """Find the smallest change of one feature or one layer's term that flips a decision.

    Every value of a feature that the model's reference population has is tried, for the decision's
    own features in all its candidates at once; between a number that does not flip it and one that
    does, the border is sought, unless the feature has whole numbers only.

    Parameters
    ----------
    to : str
        The candidate to send it to; anywhere else where empty.

    Raises
    ------
    UnknownNameError
        If there is no such decision, or the candidate was not in it.
    ExplainError
        If the decision cannot be replayed from its scores and terms, or has no rival.
    """
    row = find_decision(records, decision_id)
    moment = Window(row["decided_at"], row["decided_at"] + timedelta(microseconds=1))
    own = f"decision_id = {text(decision_id)}"
    terms = scored_terms(system, records, moment, [own])
    if not terms.flags[0].any():
        raise ExplainError(
            f"decision '{decision_id}' cannot be replayed: its picks, or the score of an eligible "
            "candidate, were not logged"
        )
    utilities = only(terms, terms.flags[0]).utilities
    names = [name for name, base in zip(utilities.candidates, utilities.base[0], strict=True)
             if np.isfinite(base)]  # fmt: skip
    places = [utilities.candidates.index(name) for name in names]
    layered = utilities.added[:, 0, places]
    total = utilities.base[0, places] + layered.sum(axis=0)
    chosen, rival = _rivals(decision_id, names, total, str(row["chosen"]), to)
    margin = float(total[chosen] - total[rival])
    layers = pa.table({
        "layer": pa.array([layer.name for layer in system.layers], pa.string()),
        "label": pa.array([layer.label or layer.name for layer in system.layers], pa.string()),
        "chosen_term": layered[:, chosen], "rival_term": layered[:, rival],
        "needed": np.full(len(layered), margin),
    })  # fmt: skip
    model = records.model(row["model_id"])
    found: list[dict[str, object]] = []
    if model is not None:
        rows = records.rows("candidates", where=own, window=moment)
        order = pc.index_in(pa.array(names), value_set=rows.column("candidate_id").combine_chunks())
        day = Window(row["decided_at"] - DAY, row["decided_at"] + DAY)
        matrix = model.matrix(rows.take(order))
        is_linked = system.policy_scale == "probability" and model.output_scale == "log_odds"
        search = Search(
            model,
            matrix,
            total,
            linked_scores(model, matrix, is_linked=is_linked),
            chosen,
            names.index(to) if to else -1,
            is_linked,
        )
        labels = {feature.name: feature.label or feature.name for feature in system.features}
        shared = shared_features(records, model.features, day)
        usual = records.reference_rows(row["model_id"])
        found = feature_flips(
            search, np.empty((0, len(model.features))) if usual is None else model.matrix(usual),
            names, shared, labels, _fixed(usual, model),
        )  # fmt: skip
    return Flips(
        decision_id, names[chosen], to, names[rival], margin,
        "probability" if system.policy_scale == "probability" else system.score_unit, layers,
        _table(found), model is not None,
    )  # fmt: skip


def _rivals(
    decision_id: str, names: Sequence[str], total: Floats, logged: str, to: str
) -> tuple[int, int]:
    if to and to not in names:
        raise UnknownNameError(kind="eligible candidate", name=to, known=names)
    chosen = int(total.argmax())
    if names[chosen] != logged:
        raise ExplainError(
            f"decision '{decision_id}' went to '{logged}', though its logged scores and terms put "
            f"'{names[chosen]}' first: something that is not logged as a term moved it"
        )
    if to == logged or len(names) < 2:
        raise ExplainError(
            f"decision '{decision_id}' went to '{logged}'"
            + (" already" if to else ", the only one that was eligible")
        )
    others = np.where(np.arange(len(names)) == chosen, -np.inf, total)
    return chosen, names.index(to) if to else int(others.argmax())


def _fixed(usual: pa.Table | None, model: LoadedModel) -> frozenset[str]:
    """Return the features that are the same for a candidate in all decisions, such as its name."""
    if usual is None or "candidate_id" not in usual.column_names:
        return frozenset()
    columns = [name for name in model.features if f"f_{name}" in usual.column_names]
    counts = usual.group_by("candidate_id").aggregate(
        [(f"f_{name}", "count_distinct") for name in columns]
    )
    return frozenset(
        name for name in columns
        if max(counts.column(f"f_{name}_count_distinct").to_pylist()) < 2
    )  # fmt: skip


def _table(found: Sequence[dict[str, object]]) -> pa.Table:
    kinds = {name: pa.string() for name in
             ("feature", "label", "candidate", "value", "needed", "pick")}  # fmt: skip
    schema = pa.schema([*kinds.items(), ("distance", pa.float64())])
    return pa.Table.from_pylist(list(found), schema=schema)
