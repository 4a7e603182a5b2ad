"""Measures: the additive states that a scan folds and that metrics are finalized from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from pellucid.errors import SpecError
from pellucid.spec.system import Finalizer, Metric

Fold = Literal["count", "sum", "sum_squares", "sum_products", "smallest", "largest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One mergeable state.

    Attributes
    ----------
    fold : str
        ``count`` of rows, ``sum``, ``sum_squares``, ``sum_products`` of `value` and `per`, or the
        ``smallest`` or ``largest`` `value` (text).
    value, per : str
        SQL snippets.
    where : str
        Rows to fold; all where empty. Rows where `value` or `per` is null are left out.
    """

    fold: Fold
    value: str = ""
    per: str = ""
    where: str = ""


# A null currency is a currency of its own: it must not pass for the others.
_CURRENCY = "coalesce(currency, '?')"


def measures_of(metric: Metric) -> dict[str, Measure]:
    """Return the measures that a metric's finalizer needs, by the role each plays there.

    Raises
    ------
    SpecError
        If the finalizer is unknown, or what it needs is absent.
    """
    where = metric.where
    if metric.finalizer not in get_args(Finalizer):
        known = ", ".join(get_args(Finalizer))
        raise SpecError(
            f"metric '{metric.name}'", [f"has no finalizer '{metric.finalizer}'; one of {known}"]
        )
    if metric.finalizer not in ("count", "share") and not metric.value:
        raise SpecError(f"metric '{metric.name}'", [f"a {metric.finalizer} needs `value`"])
    if metric.finalizer in ("count", "share"):
        return {"n": Measure(fold="count", where=where)}
    if metric.finalizer == "rate":
        return {
            "n": Measure(fold="count", where=_both(where, f"({metric.value}) IS NOT NULL")),
            "hits": Measure(fold="count", where=_both(where, metric.value)),
        }
    if metric.finalizer == "ratio":
        known = _both(where, f"({metric.value}) IS NOT NULL", f"({metric.per}) IS NOT NULL")
        return {
            "n": Measure(fold="count", where=known),
            "sum": Measure(fold="sum", value=metric.value, where=known),
            "sum_per": Measure(fold="sum", value=metric.per, where=known),
            "squares": Measure(fold="sum_squares", value=metric.value, where=known),
            "squares_per": Measure(fold="sum_squares", value=metric.per, where=known),
            "products": Measure(
                fold="sum_products", value=metric.value, per=metric.per, where=known
            ),
            **_currency(metric, known),
        }
    known = _both(where, f"({metric.value}) IS NOT NULL")
    measures = {
        "n": Measure(fold="count", where=known),
        "sum": Measure(fold="sum", value=metric.value, where=known),
        **_currency(metric, known),
    }
    if metric.finalizer == "mean":
        measures["squares"] = Measure(fold="sum_squares", value=metric.value, where=known)
    return measures


def _currency(metric: Metric, where: str) -> dict[str, Measure]:
    if metric.value_unit != "money":
        return {}
    return {
        "currency_low": Measure(fold="smallest", value=_CURRENCY, where=where),
        "currency_high": Measure(fold="largest", value=_CURRENCY, where=where),
    }


def _both(*conditions: str) -> str:
    present = [condition for condition in conditions if condition]
    if len(present) == 1:
        return present[0]
    return " AND ".join(f"({condition})" for condition in present)
