"""Numbers for people never mislead: signs, decimals, separators."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pellucid.figures import numbers


@pytest.mark.parametrize(("value", "text"), [
    (0.8482, "84.8%"), (0.0, "0.0%"), (-0.0001, "0.0%"), (1.0, "100.0%"),
    (None, "–"), (float("nan"), "–"),
])  # fmt: skip
def test_rate_has_one_decimal(value, text):
    assert numbers.rate(value) == text


@pytest.mark.parametrize(("value", "text"), [
    (0.022, "+2.2 pp"), (-0.0032, "−0.3 pp"), (-0.0004, "±0.0 pp"), (0.0, "±0.0 pp"),
    (None, "–"),
])  # fmt: skip
def test_differences_of_rates_are_points_and_never_minus_zero(value, text):
    assert numbers.points(value) == text


@pytest.mark.parametrize(("value", "is_compact", "text"), [
    (66_927, True, "66,927"), (999_999, True, "999,999"), (1_000_000, True, "1.00M"),
    (4_912_000, True, "4.91M"), (999_999_999, True, "1.00B"), (4_912_000, False, "4,912,000"),
    (-1234, False, "−1,234"), (12_345_678, True, "12.3M"),
])  # fmt: skip
def test_counts_are_compact_only_from_a_million(value, is_compact, text):
    assert numbers.count(value, is_compact=is_compact) == text


@pytest.mark.parametrize(("minor", "currency", "text"), [
    (28520, "USD", "$285.20"), (1200, "JPY", "¥1,200"), (-505, "EUR", "−€5.05"),
    (1234, "KWD", "KWD 1.234"), (199, "CHF", "CHF 1.99"), (None, "EUR", "–"), (150, None, "1.50"),
])  # fmt: skip
def test_money_knows_the_minor_unit_of_its_currency(minor, currency, text):
    assert numbers.money(minor, currency) == text


def test_compact_money_is_for_key_figures():
    assert numbers.money(491_000_000, "EUR", is_compact=True) == "€4.91M"


@pytest.mark.parametrize(("value", "text"), [(0.578, "+0.58"), (-0.18, "−0.18"), (-0.004, "±0.00")])
def test_log_odds_are_signed(value, text):
    assert numbers.log_odds(value) == text


def test_times_are_shown_in_the_zone_of_the_page():
    when = datetime(2026, 10, 29, 23, 59, tzinfo=UTC)
    assert numbers.instant(when) == "29 Oct 23:59"
    assert numbers.instant(when, timezone(timedelta(hours=9))) == "30 Oct 08:59"
    assert numbers.day(when) == "29 Oct"


def test_interval_and_relative():
    assert numbers.interval(0.839, 0.856) == "83.9–85.6%"
    assert numbers.interval(None, 0.856) == "–"
    assert numbers.relative(0.007) == "+0.7%"
    assert numbers.number(-0.001) == "0.00"
