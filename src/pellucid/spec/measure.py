"""Measures: the additive states that a scan folds and that metrics are finalized from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from pellucid.errors import SpecError
from pellucid.schema.tables import SAMPLE_WEIGHT
from pellucid.spec.expression import all_of
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


def measures_of(metric: Metric, *, is_weighted: bool = False) -> dict[str, Measure]:
    """Return the measures that a metric's finalizer needs, by the role each plays there.

    Parameters
    ----------
    is_weighted : bool, default False
        Whether rows stand for 1 / keep rate of them: then ``n`` still counts rows, ``weight`` and
        the sums are weighted, and squares and products hold w² for the variances.

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
    if is_weighted:
        return _weighted(metric)
    if metric.finalizer in ("count", "share"):
        return {"n": Measure(fold="count", where=where)}
    if metric.finalizer == "rate":
        return {
            "n": Measure(fold="count", where=_known(metric)),
            "hits": Measure(fold="count", where=all_of(where, metric.value)),
        }
    known = _known(metric)
    if metric.finalizer == "ratio":
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
    measures = {
        "n": Measure(fold="count", where=known),
        "sum": Measure(fold="sum", value=metric.value, where=known),
        **_currency(metric, known),
    }
    if metric.finalizer == "mean":
        measures["squares"] = Measure(fold="sum_squares", value=metric.value, where=known)
    return measures


def _weighted(metric: Metric) -> dict[str, Measure]:
    known, weight = _known(metric), SAMPLE_WEIGHT
    value, per = f"{weight} * ({metric.value})", f"{weight} * ({metric.per})"
    measures = {
        "n": Measure(fold="count", where=known),
        "weight": Measure(fold="sum", value=weight, where=known),
    }
    if metric.finalizer in ("share", "rate", "mean"):
        measures["weight_squares"] = Measure(fold="sum_squares", value=weight, where=known)
    if metric.finalizer == "rate":
        hit = all_of(metric.where, metric.value)
        measures |= {
            "hits": Measure(fold="count", where=hit),
            "hit_weight": Measure(fold="sum", value=weight, where=hit),
            "hit_squares": Measure(fold="sum_squares", value=weight, where=hit),
        }
    if metric.finalizer in ("total", "mean", "ratio"):
        measures["sum"] = Measure(fold="sum", value=value, where=known)
        measures |= _currency(metric, known)
    if metric.finalizer in ("mean", "ratio"):
        below = per if metric.finalizer == "ratio" else weight
        measures |= {
            "squares": Measure(fold="sum_squares", value=value, where=known),
            "products": Measure(fold="sum_products", value=value, per=below, where=known),
        }
    if metric.finalizer == "ratio":
        measures |= {
            "sum_per": Measure(fold="sum", value=per, where=known),
            "squares_per": Measure(fold="sum_squares", value=per, where=known),
        }
    if metric.finalizer in ("count", "total") and metric.unit != "candidate":
        measures["spread"] = Measure(fold="sum", value=_spread(metric), where=known)
    return measures


def _spread(metric: Metric) -> str:
    """Return what a row adds to the variance of a count or total; see `total_interval`."""
    parts = [SAMPLE_WEIGHT, f"({SAMPLE_WEIGHT} - 1)"]
    if metric.finalizer == "total":
        parts += [f"({metric.value})"] * 2
    if metric.unit == "decision":
        # The attempts of a request are kept or left out together, and 1 + 3 + ... + (2m - 1) = m².
        parts.append("(2 * attempt - 1)")
    return " * ".join(parts)


def _known(metric: Metric) -> str:
    """Return the condition that a row is in the metric's population and its values are known."""
    values = (metric.value, metric.per) if metric.finalizer == "ratio" else (metric.value,)
    needed = () if metric.finalizer in ("count", "share") else values
    return all_of(metric.where, *(f"({value}) IS NOT NULL" for value in needed))


def _currency(metric: Metric, where: str) -> dict[str, Measure]:
    if metric.value_unit != "money":
        return {}
    return {
        "currency_low": Measure(fold="smallest", value=_CURRENCY, where=where),
        "currency_high": Measure(fold="largest", value=_CURRENCY, where=where),
    }
