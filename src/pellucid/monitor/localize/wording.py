"""The paragraph that tells where a change comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.monitor.localize.parts import Part, Whole
from pellucid.spec.system import Metric

_MINUS = "−"
_HARDLY = 0.05
_THREE_DIGITS = 100


@dataclass(frozen=True, slots=True)
class Units:
    """How the values of a metric are written.

    Attributes
    ----------
    label : str
        Its name for people.
    is_share : bool
        Whether it is of 0 to 1, and moves by points.
    is_relative : bool
        Whether effects are relative: of counts and totals.
    """

    label: str
    is_share: bool
    is_relative: bool

    @classmethod
    def of(cls, metric: Metric) -> Units:
        """Return the units of a metric."""
        return cls(
            metric.label or metric.name,
            metric.finalizer == "rate" or metric.value_unit in ("share", "points"),
            metric.finalizer in ("count", "total"),
        )

    def value(self, value: float) -> str:
        """Return a value."""
        if self.is_share:
            return f"{value:.1%}".replace("-", _MINUS)
        return _plain(_number(value, is_whole=self.is_relative))

    def amount(self, change: float) -> str:
        """Return a change of the metric, signed."""
        if self.is_share:
            return _signed(f"{abs(100 * change):.1f}", change) + " pp"
        return _signed(_number(abs(change), is_whole=self.is_relative), change)

    def effect(self, effect: float) -> str:
        """Return the effect on a slice, signed."""
        if not self.is_relative:
            return self.amount(effect)
        return _signed(f"{abs(effect):.1%}", effect)


def conditions_text(conditions: Sequence[tuple[str, str]]) -> str:
    """Return conditions in words.

    Examples
    --------
    >>> conditions_text([("country", "BR"), ("route", "cedar")])
    'country=BR and route=cedar'
    """
    return " and ".join(f"{name}={value}" for name, value in conditions)


def told_change(
    whole: Whole, slices: Sequence[tuple[tuple[str, str], ...]], names: tuple[str, str],
    units: Units,
) -> str:  # fmt: skip
    """Return the paragraph: the change, each slice's part of it, and what is left."""
    change = whole.value - whole.baseline
    size = units.amount(change).lstrip(f"+{_MINUS}±")
    verb = "fell" if change < 0 else "rose"
    ends = f"from {units.value(whole.baseline)} to {units.value(whole.value)}"
    said = [f"{units.label} {verb} {size}, {ends} ({names[0]} against {names[1]})."]
    is_still = not size.strip("0., p")
    if is_still:
        said = [f"{units.label} hardly changed: {ends} ({names[0]} against {names[1]})."]
    rest = whole.parts[-1]
    if not slices:
        said.append(_nothing(whole, units))
        return " ".join(said)
    for part, conditions in zip(whole.parts, slices, strict=False):
        is_part = not is_still and part.contribution * change > 0
        said.append(_slice_text(part, conditions_text(conditions), units, is_part=is_part))
    if whole.shift:
        said.append(
            f"Everything else moved too, together by {units.effect(whole.shift)}, which makes "
            f"{units.amount(rest.contribution)}."
        )
    else:
        said.append(
            f"The rest, {units.amount(rest.contribution)}, is spread; no other slice stands out."
        )
    return " ".join(said)


def _nothing(whole: Whole, units: Units) -> str:
    if whole.shift:
        return (
            f"Everyone moved, by {units.effect(whole.shift)}: no slice stands out from the others."
        )
    return "No slice stands out: what differs among them may be chance."


def _slice_text(part: Part, name: str, units: Units, *, is_part: bool) -> str:
    """Return what a slice did: a part of the change, or one against it."""
    own = units.amount(part.contribution)
    said = f"{own} of it is {name}" if is_part else f"{name} moved it by {own}"
    interval = ""
    if math.isfinite(part.low):
        interval = f" (95%: {units.effect(part.low)} to {units.effect(part.high)})"
    if math.isnan(part.effect):
        said += ", which only one of the two windows has"
    else:
        said += (
            f": {units.value(part.baseline)} to {units.value(part.value)}, "
            f"{units.effect(part.effect)}{interval}"
        )
    if abs(part.mix) > _HARDLY * abs(part.contribution):
        said += f"; of that {units.amount(part.rate)} by itself, {units.amount(part.mix)} by volume"
    return f"{said}."


def _signed(size: str, value: float) -> str:
    sign = "±" if not size.strip("0.,%") else _MINUS if value < 0 else "+"
    return sign + size


def _number(value: float, *, is_whole: bool) -> str:
    """Return a number; of those that are no counts, three digits and all before the point."""
    return f"{value:,.0f}" if is_whole or abs(value) >= _THREE_DIGITS else f"{value:.3g}"


def _plain(text: str) -> str:
    return text.replace("-", _MINUS)
