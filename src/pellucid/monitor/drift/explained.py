"""What the stored attributions of a period add up to: by day, model, and what they compare with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pellucid.engine.sql import instant, quoted
from pellucid.errors import SpecError, UnknownNameError
from pellucid.monitor.drift.drift import FEWEST_ROWS
from pellucid.schema.tables import SAMPLE_WEIGHT
from pellucid.stats.dispersion import DayTotals, Floats
from pellucid.windows import Window

SUBJECT = "attribution drift"
# Its text names the reference too.
_EXPLAINER = "explainer"
_WEIGHT = f"coalesce({SAMPLE_WEIGHT}, 1)"
_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Explained:
    """Sums of the attributions of one model, by day.

    Attributes
    ----------
    model_id, scale : str
        Scale is that of the attributions, such as ``log_odds``.
    n : int
        Explained candidates.
    has : array of bool, shape (features,)
        Features that have an attribution at all.
    signed, absolute : DayTotals
        Of the attributions, and of their absolute values.
    """

    model_id: str
    scale: str
    n: int
    has: np.ndarray[tuple[int], np.dtype[np.bool_]]
    signed: DayTotals
    absolute: DayTotals

    @property
    def importance(self) -> Floats:
        """Mean absolute attribution of each feature, shape (features,)."""
        return self.absolute.means


def explained_sql(features: Sequence[str], window: Window, picked: str = "") -> str:
    """Return the query that `explained_side` reads, of a window; days are microseconds since 1970.

    Parameters
    ----------
    picked : str
        Query of ``decision_id`` and ``candidate_id`` of the candidates to take; all where empty.
    """
    sums = [f"sum({_WEIGHT}) AS weight, sum({_WEIGHT} * {_WEIGHT}) AS square"]
    for place, name in enumerate(features):
        value = f"CAST({quoted(f'a_{name}')} AS DOUBLE)"
        sums.append(
            f"coalesce(sum({_WEIGHT} * {value}), 0) AS signed_{place}, "
            f"coalesce(sum({_WEIGHT} * abs({value})), 0) AS absolute_{place}, "
            f"count({value}) AS count_{place}"
        )
    semi = f" SEMI JOIN ({picked}) AS own USING (decision_id, candidate_id)" if picked else ""
    return (
        f"SELECT epoch_us(decided_at) // {_DAY} * {_DAY} AS day, model_id, explainer, "
        f"output_scale, count(*) AS n, {', '.join(sums)} FROM attributions{semi} "
        f"WHERE decided_at >= {instant(window.start)} AND decided_at < {instant(window.end)} "
        "GROUP BY day, model_id, explainer, output_scale"
    )


def two_models(
    rows: pa.Table, baseline: pa.Table, model: str = "", baseline_model: str = ""
) -> tuple[str, str]:
    """Return whose attributions to compare: of one model, unless the baseline has too few of it.

    Raises
    ------
    UnknownNameError
        If a model that is named has no attributions on its side.
    """
    counts, prior = _counts(rows), _counts(baseline)
    for name, known in ((model, counts), (baseline_model, prior)):
        if name and name not in known:
            raise UnknownNameError(kind="model with attributions", name=name, known=known)
    own = model or max(sorted(counts), key=lambda name: counts[name])
    usual = own if prior.get(own, 0) >= FEWEST_ROWS else max(sorted(prior), key=prior.__getitem__)
    return own, baseline_model or usual


def same_reference(rows: pa.Table, baseline: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return what was explained in the same way, against the same reference, on both sides.

    All of both sides where there is no such thing.
    """
    if not is_same_reference(rows, baseline):
        return rows, baseline
    kept, prior = (
        side.filter(pc.is_in(side.column(_EXPLAINER), value_set=other.column(_EXPLAINER)))
        for side, other in ((rows, baseline), (baseline, rows))
    )
    return kept, prior


def is_same_reference(rows: pa.Table, baseline: pa.Table) -> bool:
    """Whether anything was explained in the same way, against the same reference, on both sides."""
    shared = pc.is_in(rows.column(_EXPLAINER), value_set=baseline.column(_EXPLAINER))
    return bool(pc.any(shared).as_py())


def of_model(rows: pa.Table, model: str) -> pa.Table:
    """Return the rows of a model."""
    return rows.filter(pc.equal(rows.column("model_id"), model))


def explained_count(rows: pa.Table) -> int:
    """Return the explained candidates behind rows."""
    return int(sum(rows.column("n").to_pylist()))


def explained_side(rows: pa.Table, count: int) -> Explained:
    """Return what the attributions of one model add up to.

    Parameters
    ----------
    rows : pyarrow.Table
        Of `explained_sql`.
    count : int
        Features.

    Raises
    ------
    SpecError
        If they are on several scales.
    """
    scales = sorted(set(rows.column("output_scale").to_pylist()))
    model = str(rows.column("model_id")[0].as_py())
    if len(scales) > 1:
        raise SpecError(SUBJECT, [
            f"attributions of {model} on {' and '.join(scales)} do not add up together; narrow the "
            "windows to days with one of them"
        ])  # fmt: skip
    days, place = np.unique(rows.column("day").to_numpy(), return_inverse=True)

    def added(name: str) -> Floats:
        values = rows.column(name).to_numpy().astype(np.float64)
        return np.bincount(place, values, len(days)).astype(np.float64)

    def each(name: str) -> Floats:
        columns = [added(f"{name}_{index}") for index in range(count)]
        return np.stack(columns, axis=1) if columns else np.zeros((len(days), 0))

    weight, square = added("weight"), added("square")
    return Explained(
        model, scales[0], explained_count(rows), each("count").sum(axis=0) > 0,
        DayTotals(weight, square, each("signed")), DayTotals(weight, square, each("absolute")),
    )  # fmt: skip


def _counts(rows: pa.Table) -> dict[str, int]:
    found = rows.group_by("model_id").aggregate([("n", "sum")])
    names, sums = (found.column(name).to_pylist() for name in ("model_id", "n_sum"))
    return dict(zip(names, sums, strict=True))
