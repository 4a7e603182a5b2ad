"""How late outcomes come, and what rates of young decisions will end at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.monitor.tabular import Tabular
from pellucid.stats.maturity import Development, develop
from pellucid.stats.student import half_width

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Maturity(Tabular):
    """What is known of each cohort's outcomes, and what is to come.

    Attributes
    ----------
    rows : pyarrow.Table
        One row for each cohort: ``start_at``, ``decisions``, ``known`` (with an outcome),
        ``known_share`` (of those that will have one), ``rate`` (of those known; of all decisions
        where only a yes is ever recorded), ``final_rate``, ``low`` and ``high`` (what it is
        expected to end at), ``is_ripe`` (half or more is known).
    curve : pyarrow.Table
        ``delay`` (in cohort lengths), ``positives`` and ``negatives``: shares of each kind that are
        known by then.
    told : str
        The finding, as a paragraph.
    """

    rows: pa.Table
    curve: pa.Table
    told: str


def cohorts_of(
    rows: pa.Table, length: int, *, seen: int, matures: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats, Floats] | None:
    """Count outcomes by cohort and delay.

    An outcome counts from when it was first recorded, by the value that it has now.

    Parameters
    ----------
    rows : pyarrow.Table
        ``decided``, ``value`` and ``first``, in microseconds since 1970; null where there is none.
    length : int
        Of a cohort and of a step of delay, in microseconds.
    seen, matures : int
        Instant of what is known, and age at which labels are final.

    Returns
    -------
    tuple or None
        Starts of the cohorts, their decisions, and the cumulative counts of yes and no; None where
        no outcome is known.
    """
    decided = rows.column("decided").to_numpy().astype(np.int64)
    value, first = (rows.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
                    for name in ("value", "first"))  # fmt: skip
    known = ~np.isnan(value)
    if not known.any():
        return None
    cohort = decided // length
    oldest = int(cohort.min())
    count = int(cohort.max()) - oldest + 1
    delay = np.maximum(first[known] // length - cohort[known], 0).astype(np.int64)
    # What comes after labels are final is late for good: it belongs to the last step.
    last = max(1, min(-(-matures // length), seen // length - oldest))
    delay = np.minimum(delay, last)
    triangles = []
    for is_yes in (True, False):
        picked = (value[known] >= 1) == is_yes
        counts = np.zeros((count, last + 1))
        np.add.at(counts, (cohort[known][picked] - oldest, delay[picked]), 1)
        triangle = np.cumsum(counts, axis=1)
        age = seen // length - (np.arange(count) + oldest)
        triangle[np.arange(last + 1)[None] > age[:, None]] = np.nan
        triangles.append(triangle)
    starts = (np.arange(count) + oldest) * length
    return starts, np.bincount(cohort - oldest, minlength=count), triangles[0], triangles[1]


def maturity_of(
    starts: NDArray[np.int64], decisions: NDArray[np.int64], positives: Floats, negatives: Floats,
    *, label: str, unit: str, since: datetime | None = None,
) -> Maturity:  # fmt: skip
    """Forecast each kind of outcome by itself: they come at different speeds.

    Where a decline is known at once and an approval late, the rate of young decisions is far from
    what it will be; forecasts of both counts are not.

    Parameters
    ----------
    starts : array of int64, shape (cohorts,)
        Microseconds since 1970, in order.
    decisions : array of int64, shape (cohorts,)
    positives, negatives : array of float64, shape (cohorts, delays)
        Cumulative counts by delay, in cohort lengths; NaN where not yet known.
    label, unit : str
        Of the outcome, and of a cohort's length: ``day`` or ``hour``.
    since : datetime, optional
        Older cohorts tell how outcomes come in, and are not shown.

    Raises
    ------
    ShapeError
        If counts are no triangles.
    """
    up, down = develop(positives), develop(negatives)
    known = _latest(positives) + _latest(negatives)
    if not np.nansum(negatives):
        # Only a yes is ever recorded, as of a chargeback: its rate is of all decisions.
        up = _of_exposure(up, positives, decisions.astype(np.float64))
        rate = _share(known, decisions.astype(np.float64))
        final_rate = _share(up.final, decisions.astype(np.float64))
        error = _share(up.error, decisions.astype(np.float64))
        final = up.final
    else:
        final = up.final + down.final
        rate, final_rate = _share(_latest(positives), known), _share(up.final, final)
        # Of a ratio of two independent forecasts.
        spread = ((1 - final_rate) * up.error) ** 2 + (final_rate * down.error) ** 2
        error = _share(np.sqrt(spread), final)
    half = half_width(1.0, np.inf) * error
    ripe = _share(known, final)
    rows = pa.table({
        "start_at": pa.array(starts).cast(pa.timestamp("us", tz="UTC")),
        "decisions": pa.array(decisions), "known": pa.array(known.astype(np.int64)),
        **{name: pa.array(values, pa.float64(), from_pandas=True) for name, values in (
            ("known_share", ripe), ("rate", rate), ("final_rate", final_rate),
            ("low", np.clip(final_rate - half, 0, 1)), ("high", np.clip(final_rate + half, 0, 1)),
        )},
        "is_ripe": pa.array(np.nan_to_num(ripe) >= 0.5),
    })  # fmt: skip
    if since is not None:
        rows = rows.filter(pc.greater_equal(rows.column("start_at"), since))
    curve = pa.table({
        "delay": pa.array(np.arange(positives.shape[1])),
        "positives": pa.array(up.share), "negatives": pa.array(down.share),
    })  # fmt: skip
    return Maturity(rows, curve, _told(rows, up, down, label=label, unit=unit))


def _of_exposure(found: Development, counts: Floats, decisions: Floats) -> Development:
    """Return a forecast that also knows of how many decisions counts are to come.

    A young cohort without any count yet would be forecast to have none for good.

    References
    ----------
    Stanard, J. N. (1985). A simulation test of prediction errors of loss reserve estimation
    techniques (the Cape Cod method). Proceedings of the Casualty Actuarial Society 72.
    """
    reached = np.maximum((~np.isnan(counts)).sum(axis=1) - 1, 0)
    share, known = found.share[reached], _latest(counts)
    exposed = float((decisions * share).sum())
    rate = known.sum() / exposed if exposed else 0.0
    to_come = decisions * (1 - share)
    # Counts that are to come vary as rare events do, and their rate is known from so many.
    variance = to_come * rate + to_come**2 * (rate / exposed if exposed else 0.0)
    return Development(found.share, known + to_come * rate, np.sqrt(variance), found.total_error)


def _told(rows: pa.Table, up: Development, down: Development, *, label: str, unit: str) -> str:
    kinds = [("yes", up)] if not down.final.any() else [("yes", up), ("no", down)]
    told = _times(kinds, label=label, unit=unit)
    young = [row for row in rows.to_pylist() if row["known_share"] and row["known_share"] < 0.995]
    if not young:
        return f"{told} Nothing more is expected."
    first, last = young[0], young[-1]
    told += (
        f" Since {first['start_at']:%d %b} it is not all known: of the last {unit} with any, "
        f"{last['known_share']:.0%} is."
    )
    if last["low"] is not None:
        told += (
            f" Its rate of {last['rate']:.1%} is expected to end at {last['final_rate']:.1%} "
            f"({last['low']:.1%} to {last['high']:.1%})."
        )
    return told


def _times(kinds: list[tuple[str, Development]], *, label: str, unit: str) -> str:
    """Return by when outcomes are known, each kind by itself where they differ."""

    def delay_of(item: Development, share: float) -> str:
        delay = int(np.argmax(item.share >= share))
        return f"within the {unit}" if delay == 0 else f"after {delay} {unit}{'s' * (delay > 1)}"

    said = []
    for share, words in ((0.5, f"Half of {label} is known"), (0.95, "95%")):
        times = [delay_of(item, share) for _, item in kinds]
        if len(set(times)) == 1:
            said.append(f"{words} {times[0]}")
        else:
            parts = [f"{time} where it is {kind}"
                     for time, (kind, _) in zip(times, kinds, strict=True)]  # fmt: skip
            said.append(f"{words} {' and '.join(parts)}")
    return f"{', '.join(said)}."


def _latest(counts: Floats) -> Floats:
    return np.nanmax(np.nan_to_num(counts, nan=-1.0), axis=1).clip(0)


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
