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


def in_one_currency(
    scene: Scene, metric: Metric, by: tuple[str, ...]
) -> tuple[Scene, Metric, str, str]:
    """Return a scene of one currency, the metric named after it, and what was left out.

    Neither changes where the metric is no amount, or is broken down by currency.

    Returns
    -------
    Scene
        With the rows of the currency that most of its decisions have.
    Metric
        With the currency in its label.
    str
        The currency; empty where there is not one.
    str
        Which currencies are not shown; empty where none is left out.
    """
    if metric.value_unit != "money" or CURRENCY in by:
        return scene, metric, "", ""
    found = at_level(scene.asked.rows("decision_count", by=[CURRENCY]), (CURRENCY,))
    found = sorted((row for row in found if row[CURRENCY]), key=lambda row: -row["n"])
    if not found:
        return scene, metric, "", ""
    code = str(found[0][CURRENCY])
    label = f"{metric.label or metric.name} in {code}"
    own = View(filters=((CURRENCY, (code,)),), where=scene.asked.where).condition
    others = [str(row[CURRENCY]) for row in found[1:]]
    said = (
        f"{', '.join(others)} are not added: filter by currency to see them"
        if len(others) > 1 else f"{others[0]} is not added: filter by currency to see it"
    ) if others else ""  # fmt: skip
    own_scene = replace(scene, asked=replace(scene.asked, where=own))
    return own_scene, replace(metric, label=label), code, said


def in_major_units(rows: pa.Table, metric: Metric, currency: str) -> pa.Table:
    """Return rows of an amount in units of the currency itself, such as euros instead of cents.

    Parameters
    ----------
    rows : pyarrow.Table
        Broken down by currency, or of one.
    currency : str
        That one; where it is empty, as of a row without a currency, units stay as they are.
    """
    if metric.value_unit != "money":
        return rows
    codes = [currency] * rows.num_rows
    if CURRENCY in rows.column_names:
        codes = rows.column(CURRENCY).to_pylist()
    units = np.array([10.0 ** minor_decimals(code) if code else 1.0 for code in codes])
    for name in _ENDS:
        place = rows.column_names.index(name)
        values = rows.column(name).to_numpy() / units
        rows = rows.set_column(place, name, pa.array(values, pa.float64(), from_pandas=True))
    return rows
