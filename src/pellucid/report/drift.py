"""A drift report as one small HTML page: no script, nothing requested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from pellucid.figures import numbers
from pellucid.figures.tokens import css_variables
from pellucid.monitor.drift.drift import Drift
from pellucid.monitor.drift.report import ColumnDrift, DriftReport
from pellucid.report.page import environment, write_page

_MOST_BARS = 24
_WIDTH, _HEIGHT = 240.0, 44.0
_TONES = {"moved": "bad", "no values": "bad", "slightly": "warn", "constant": "warn",
          "steady": "good", "too few rows": "quiet"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bar:
    """A bin of a column: its share in the window as a bar, in the baseline as a line over it.

    Attributes
    ----------
    name : str
        Value or span, with both shares.
    x, width, y, height, line : float
        In the drawing's units; `y` and `height` of the bar, `line` the height of the baseline.
    """

    name: str
    x: float
    width: float
    y: float
    height: float
    line: float


@dataclass(frozen=True, slots=True)
class Row:
    """A column as the page shows it."""

    item: ColumnDrift
    tone: str
    bars: Sequence[Bar]
    numbers: Sequence[tuple[str, str]]


def render_drift(report: DriftReport) -> str:
    """Return a drift report as one HTML document that opens offline.

    Raises
    ------
    MissingExtraError
        If jinja2 is not installed.
    """
    templates = environment("pellucid.report")
    from markupsafe import Markup

    style = (files("pellucid.report") / "templates" / "drift.css").read_text("utf-8")
    return templates.get_template("drift.html.j2").render(
        report=report,
        rows=[_row(item) for item in report.columns],
        style=Markup(css_variables() + style),  # noqa: S704 - ours
        width=_WIDTH,
        height=_HEIGHT,
    )


def write_drift(report: DriftReport, path: Path) -> int:
    """Write a drift report as one HTML file, whole or not at all; return its size in bytes.

    Raises
    ------
    MissingExtraError
        If jinja2 is not installed.
    """
    return write_page(render_drift(report), path)


def _row(item: ColumnDrift) -> Row:
    return Row(item, _TONES[item.verdict], _bars(item.drift), _numbers(item))


def _bars(drift: Drift) -> list[Bar]:
    support = drift.support
    now, before = (
        counts / counts.sum() if counts.sum() else np.zeros(len(counts))
        for counts in (support.counts, support.baseline)
    )
    shown = _most_telling(drift, now, before)
    top = max([*now[shown], *before[shown]], default=0.0)
    if not top:
        return []
    step = _WIDTH / len(shown)
    bars = []
    for place, index in enumerate(shown):
        height = _HEIGHT * now[index] / top
        bars.append(Bar(
            f"{support.names[index]}: {before[index]:.2%} → {now[index]:.2%}",
            round(place * step + 0.5, 2), round(step - 1, 2), round(_HEIGHT - height, 2),
            round(height, 2), round(_HEIGHT * (1 - before[index] / top), 2),
        ))  # fmt: skip
    return bars


def _most_telling(drift: Drift, now: np.ndarray, before: np.ndarray) -> list[int]:
    """Return the bins to draw: all of a number, of a category those that have or moved most."""
    used = np.flatnonzero(now + before > 0)
    if drift.kind != "category":
        # What is missing is said in words: beside a few bins it would dwarf them.
        return list(range(len(now) - 1))
    if len(used) <= _MOST_BARS:
        return list(used.tolist())
    order = np.argsort(-np.maximum(now, before)[used], kind="stable")
    return sorted(used[order[:_MOST_BARS]].tolist())


def _numbers(item: ColumnDrift) -> list[tuple[str, str]]:
    drift = item.drift
    found = [
        ("PSI", f"{drift.psi:.4f}, of which chance explains up to {drift.psi_noise:.4f}"),
        ("Jensen-Shannon", f"{drift.jensen_shannon:.4f}"),
        ("Hellinger", f"{drift.hellinger:.4f}"),
        ("Largest change of one share", f"{drift.l_infinity:.2%}"),
        ("Kolmogorov-Smirnov", f"{drift.kolmogorov_smirnov:.4f}"),
        ("Wasserstein, in standard deviations", f"{drift.wasserstein:.4f}"),
        ("Rows", f"{numbers.count(drift.baseline_n)} → {numbers.count(drift.n)}"),
        ("Missing", f"{drift.baseline_missing:.2%} → {drift.missing:.2%}"),
        ("Adjusted p-value", f"{item.q_value:.2g}"),
    ]
    return [(name, text) for name, text in found if "nan" not in text]
