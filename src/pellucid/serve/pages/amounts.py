"""Amounts in Explore: of one currency at a time, since currencies are never added."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from pellucid.figures.rows import at_level
from pellucid.schema.currencies import minor_decimals
from pellucid.serve.page import Scene
from pellucid.serve.view import View
from pellucid.spec.system import Metric

CURRENCY = "currency"
_ENDS = ("value", "low", "high")


def in_one_currency(scene: Scene, metric: Metric, by: tuple[str, ...]) -> tuple[Scene, Metric, str]:
    """Return a scene of one currency, the metric named after it, and what was left out.

    Neither changes where the metric is no amount, or is broken down by currency.

    Returns
    -------
    Scene
        With the rows of the currency that most of its decisions have.
    Metric
        With the currency in its label.
    str
        Which currencies are not shown; empty where none is left out.
    """
    if metric.value_unit != "money" or CURRENCY in by:
        return scene, metric, ""
    found = at_level(scene.asked.rows("decision_count", by=[CURRENCY]), (CURRENCY,))
    found = sorted((row for row in found if row[CURRENCY]), key=lambda row: -row["n"])
    if not found:
        return scene, metric, ""
    code = str(found[0][CURRENCY])
    label = f"{metric.label or metric.name} in {code}"
    own = View(filters=((CURRENCY, (code,)),), where=scene.asked.where).condition
    others = [str(row[CURRENCY]) for row in found[1:]]
    said = (
        f"{', '.join(others)} are not added: filter by currency to see them"
        if len(others) > 1 else f"{others[0]} is not added: filter by currency to see it"
    ) if others else ""  # fmt: skip
    return (
        replace(scene, asked=replace(scene.asked, where=own)), replace(metric, label=label), said
    )  # fmt: skip


def in_major_units(rows: pa.Table, metric: Metric) -> pa.Table:
    """Return rows of an amount in units of the currency itself, such as euros instead of cents.

    Parameters
    ----------
    rows : pyarrow.Table
        Broken down by currency, or of the one currency that the metric's label ends with.
    """
    if metric.value_unit != "money":
        return rows
    if CURRENCY in rows.column_names:
        codes = [str(code or "") for code in rows.column(CURRENCY).to_pylist()]
    else:
        codes = [metric.label.rsplit(" ", 1)[-1]] * rows.num_rows
    units = np.array([10.0 ** minor_decimals(code) for code in codes])
    for name in _ENDS:
        place = rows.column_names.index(name)
        values = rows.column(name).to_numpy() / units
        rows = rows.set_column(place, name, pa.array(values, pa.float64(), from_pandas=True))
    return rows
