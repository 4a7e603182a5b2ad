"""Stage 6, the consequence: the weekday's decisions as the model without the window decides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.engine.sql import quoted, text
from pellucid.explain.attribution import LoadedModel
from pellucid.explain.explainers.base import encode
from pellucid.explain.learned.daily import WEEKDAY_SQL, Loss
from pellucid.explain.learned.learner import Scores
from pellucid.explain.records import Records, within
from pellucid.schema.tables import SAMPLE_WEIGHT
from pellucid.spec.system import System

Floats = NDArray[np.float64]

MOST_DECISIONS = 20_000
_LARGEST_HASH = 2**64
# The logged probability is the link of the raw score, or scores of another model are no guide.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Consequence:
    """What the policy would have done on the weekday with the model trained without the window.

    Attributes
    ----------
    decisions : float
        Weighted decisions of the weekday in which the candidate was eligible.
    share, share_without : float
        The candidate's share of them: by the logged scores, and by the other model's.
    approvals_lost : float
        Positive outcomes that the other model expects of its picks less those that it expects of
        the picks made, where either is the candidate; over all weeks of the loss.
    """

    decisions: float
    share: float
    share_without: float
    approvals_lost: float


def consequence(
    system: System, records: Records, loss: Loss, model: LoadedModel, counterfactual: Scores
) -> Consequence | None:
    """Replay the weekday's decisions with the scores of a counterfactual model.

    Every eligible candidate is scored again, what the layers added is added again, and the largest
    sum is picked. A model expects most of its own picks, so the gain is the upper end of what may
    be hoped for.

    Returns
    -------
    Consequence or None
        None where the logged probability is not the link of the raw score.
    """
    rows = _weekday_rows(system, records, loss, model.model_id)
    if not rows.num_rows:
        return None
    raw = rows.column("raw_score").to_numpy()
    other = counterfactual(encode(rows, model.features, model.categories))
    added = rows.column("added").to_numpy()
    chance = 1 / (1 + np.exp(-other))
    if system.policy_scale == "probability":
        logged = rows.column("probability").to_numpy()
        if np.nanmax(np.abs(logged - 1 / (1 + np.exp(-raw)))) > _ROUNDING:
            return None
        made, better = logged + added, chance + added
    else:
        made, better = raw + added, other + added
    first = np.flatnonzero(np.diff(rows.column("place").to_numpy(), prepend=-1))
    picked, instead = _largest(made, first), _largest(better, first)
    is_own = pc.equal(rows.column("candidate_id"), loss.candidate).to_numpy()
    had = np.logical_or.reduceat(is_own, first)
    weight = rows.column("w").to_numpy()[first]
    total = float(weight[had].sum())
    if not total:
        return None
    either = is_own[picked] | is_own[instead]
    gained = (weight * (chance[instead] - chance[picked]))[either].sum()
    return Consequence(
        total, float(weight[is_own[picked]].sum() / total),
        float(weight[is_own[instead]].sum() / total), float(gained),
    )  # fmt: skip


def _largest(utility: Floats, first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of the largest utility of each decision, the first of equal ones."""
    ends = np.append(first[1:], len(utility))
    decision = np.repeat(np.arange(len(first)), ends - first)
    best = np.maximum.reduceat(utility, first)
    places = np.where(utility == best[decision], np.arange(len(utility)), len(utility))
    return np.asarray(np.minimum.reduceat(places, first))


def _weekday_rows(system: System, records: Records, loss: Loss, model_id: str) -> pa.Table:
    """Return scored eligible candidates of the policy's decisions on the weekday, or a sample."""
    added = " + ".join(
        ["0.0", *(f"coalesce({quoted(f'layer_{layer.name}')}, 0)" for layer in system.layers)]
    )
    own = (
        f"{within(loss.window)} AND arm IS DISTINCT FROM 'control' "
        f"AND {WEEKDAY_SQL} = {loss.weekday} AND model_id = {text(model_id)}"
    )
    count = records.query(
        f"SELECT count(*) AS n FROM decisions WHERE {own}", ("decisions",), loss.window
    )
    keep = min(1.0, MOST_DECISIONS / max(1, count.column("n")[0].as_py()))
    return records.query(
        f"WITH d AS (SELECT decision_id, coalesce({SAMPLE_WEIGHT}, 1) / {keep} AS w FROM decisions "
        f"WHERE {own} AND hash(decision_id) < {round(keep * (_LARGEST_HASH - 1))}), "
        f"c AS (SELECT * FROM candidates WHERE is_eligible AND raw_score IS NOT NULL "
        f"AND {within(loss.window)}) "
        f"SELECT c.*, d.w, {added} AS added, dense_rank() OVER (ORDER BY decision_id) - 1 AS place "
        "FROM c JOIN d USING (decision_id) ORDER BY decision_id, candidate_id",
        ("decisions", "candidates"),
        loss.window,
    )
