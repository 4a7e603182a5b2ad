"""Many regular series of one metric, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ShapeError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

Kind = Literal["count", "total", "rate", "value"]
WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSet:
    """Values of one metric in whole UTC days, one row for each series.

    UTC has no daylight saving: where people's clocks move, the season moves by an hour, and follows
    within the weeks that a baseline looks back.

    Attributes
    ----------
    kind : str
        ``count`` of rows; ``total``: sum that grows with traffic; ``rate``: hits per trial;
        ``value``: any other.
    values : array of float64, shape (series, days x points_a_day)
        NaN where there is none. Of a rate, 0 to 1.
    n : array of float64, same shape
        Rows behind each value; of a rate, its trials.
    start_on : numpy.datetime64[D]
        First day.
    points_a_day : int
        24 or 1.
    errors : array of float64, same shape, optional
        Standard errors of values, where they are known; NaN where not.
    maturity : array of float64, same shape, optional
        Part of the outcomes behind a point that are in, 0 to 1.
    """

    kind: Kind
    values: Floats
    n: Floats
    start_on: np.datetime64
    points_a_day: int
    errors: Floats | None = None
    maturity: Floats | None = None

    def __post_init__(self) -> None:
        parts = {"n": self.n, "errors": self.errors, "maturity": self.maturity}
        for name, part in parts.items():
            if part is not None and part.shape != self.values.shape:
                raise ShapeError(
                    f"`{name}` has shape {part.shape} and the values {self.values.shape}; "
                    "give one for each value"
                )
        if self.values.ndim != 2 or self.values.shape[1] % self.points_a_day:
            raise ShapeError(
                f"values of shape {self.values.shape} are not series of whole days of "
                f"{self.points_a_day} points; pad the first and the last day with NaN"
            )

    @property
    def is_volume(self) -> bool:
        """Whether values grow with traffic, so that seasons multiply."""
        return self.kind in ("count", "total")

    @property
    def days(self) -> int:
        """Days that the series span."""
        return int(self.values.shape[1] // self.points_a_day)

    def rows(self, start: int, stop: int) -> SeriesSet:
        """Return some of the series."""

        def part(values: Floats | None) -> Floats | None:
            return None if values is None else values[start:stop]

        return replace(self, values=self.values[start:stop], n=self.n[start:stop],
                       errors=part(self.errors), maturity=part(self.maturity))  # fmt: skip

    def since(self, day: int) -> SeriesSet:
        """Return the series from one of their days on."""
        first = day * self.points_a_day

        def part(values: Floats | None) -> Floats | None:
            return None if values is None else values[:, first:]

        return replace(self, values=self.values[:, first:], n=self.n[:, first:],
                       errors=part(self.errors), maturity=part(self.maturity),
                       start_on=self.start_on + day)  # fmt: skip

    def days_off(self, holidays: Sequence[np.datetime64]) -> Bools:
        """Return which days are holidays, shape (days,)."""
        every = self.start_on + np.arange(self.days)
        return np.isin(every, np.array(list(holidays), dtype="datetime64[D]"))


def stacked(parts: Sequence[SeriesSet]) -> SeriesSet:
    """Return series of several sets of one metric and span as one set."""
    first = parts[0]

    def joined(name: str) -> Floats | None:
        own = [getattr(part, name) for part in parts]
        return None if own[0] is None else np.concatenate(own)

    return replace(
        first, values=np.concatenate([part.values for part in parts]),
        n=np.concatenate([part.n for part in parts]), errors=joined("errors"),
        maturity=joined("maturity"),
    )  # fmt: skip
