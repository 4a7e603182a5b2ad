"""How rare the last hours are: right where nothing happened, quick where something did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pellucid.monitor.anomalies.series import SeriesSet
from pellucid.monitor.checks.evidence import gather_evidence, since_when

DAYS, FIRST, HOURS = 42, 35, 24
START = FIRST * HOURS


def series(kind: str, seed: int, count: int = 150, *, level: float = 20.0) -> SeriesSet:
    draw = np.random.default_rng(seed)
    shape = (count, DAYS * HOURS)
    trials = draw.poisson(level, shape).astype(np.float64)
    if kind == "rate":
        hits = draw.binomial(trials.astype(int), 0.85)
        values = np.divide(hits, trials, out=np.full(shape, np.nan), where=trials > 0)
    elif kind == "count":
        values = trials
    else:
        values = draw.normal(3.0, 1.0 / np.sqrt(np.maximum(trials, 1)))
    return SeriesSet(kind=kind, values=values, n=trials, points_a_day=HOURS,  # type: ignore[arg-type]
                     start_on=np.datetime64("2026-09-01"))  # fmt: skip


def fallen(quiet: SeriesSet, at: int, rate: float, seed: int = 1) -> SeriesSet:
    """Return rates of which the first ten fell to `rate` from a point on."""
    draw = np.random.default_rng(seed)
    values = quiet.values.copy()
    trials = quiet.n[:10, at:]
    hits = draw.binomial(trials.astype(int), rate)
    values[:10, at:] = np.divide(hits, trials, out=np.full(trials.shape, np.nan), where=trials > 0)
    return replace(quiet, values=values)


@pytest.mark.parametrize("kind", ["rate", "count", "value"])
@pytest.mark.parametrize("level", [3.0, 30.0])
def test_p_values_of_quiet_series_are_as_rare_as_they_say(kind: str, level: float) -> None:
    found = gather_evidence(series(kind, 3, level=level), first=FIRST).p_values[:, START:]
    known = found[np.isfinite(found)]
    assert 0.05 < (known <= 0.1).mean() < 0.2
    assert (known <= 0.01).mean() < 0.025
    assert (known <= 1e-5).mean() < 1e-3


def test_a_collapse_is_told_in_its_first_hour() -> None:
    at = START + 50
    found = gather_evidence(fallen(series("rate", 5), at, 0.02), first=FIRST)
    assert (found.p_values[:10, at] < 1e-5).all()
    assert (found.side[:10, at] == -1).all()
    assert (since_when(found.scores[:10], np.full(10, at + 5)) == at).all()


def test_a_small_fall_is_told_by_many_hours_that_none_of_would_tell() -> None:
    at = START + 30
    found = gather_evidence(fallen(series("rate", 7), at, 0.72), first=FIRST)
    alone = np.abs(found.scores[:10, at : at + 24])
    assert np.median(alone) < 2.5
    assert (found.p_values[:10, at + 6 : at + 24].min(axis=1) < 1e-4).all()
    begun = since_when(found.scores[:10], np.full(10, at + 23))
    assert np.abs(begun - at).max() <= 5


def test_what_happens_later_changes_nothing_before() -> None:
    at = START + 40
    quiet = series("rate", 11)
    before, after = (
        gather_evidence(item, first=FIRST) for item in (quiet, fallen(quiet, at, 0.1))
    )  # fmt: skip
    np.testing.assert_array_equal(before.p_values[:, :at], after.p_values[:, :at])


def test_the_order_of_series_does_not_matter() -> None:
    quiet = series("count", 13, count=40)
    order = np.random.default_rng(0).permutation(40)
    turned = replace(quiet, values=quiet.values[order], n=quiet.n[order])
    np.testing.assert_allclose(
        gather_evidence(turned, first=FIRST).p_values,
        gather_evidence(quiet, first=FIRST).p_values[order],
    )


def test_holidays_gaps_and_flat_series_say_nothing() -> None:
    quiet = series("rate", 17, count=30)
    values = quiet.values.copy()
    values[0] = np.nan
    values[1] = 1.0
    gone = np.datetime64("2026-09-01") + (FIRST + 2)
    found = gather_evidence(replace(quiet, values=values), first=FIRST, holidays=[gone])
    assert np.isnan(found.p_values[0]).all()
    assert not (found.p_values[1, START:] < 0.001).any()
    day = slice((FIRST + 2) * HOURS, (FIRST + 3) * HOURS)
    assert np.isnan(found.p_values[:, day]).all()


def test_rows_where_there_never_were_any_are_told() -> None:
    quiet = series("count", 9)
    values = quiet.values.copy()
    at = START + HOURS + 3
    values[:10] = 0.0
    values[:10, at] = 30.0
    with np.errstate(invalid="raise"):
        found = gather_evidence(replace(quiet, values=values), first=FIRST)
    assert (found.p_values[:10, at] < 1e-4).all()
    assert (found.side[:10, at] == 1).all()
