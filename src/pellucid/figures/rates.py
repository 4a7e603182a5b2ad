"""Rates with their intervals: over time, and by dimension."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pellucid.figures import numbers
from pellucid.figures.dots import Side, bar_between, dot_layout, dots, reference_line
from pellucid.figures.figure import Figure
from pellucid.figures.layout import Json, empty_figure, font, label, note
from pellucid.figures.lines import band, line, line_layout, runs_of
from pellucid.figures.rows import Row, at_level, grain_word, stamp, step_of, whole_of
from pellucid.figures.table import Column, Table

_MOST_ROWS = 24


def rate_over_time(rows: pa.Table, *, title: str = "Rate") -> Figure:
    """Line of a rate over time with its interval as a band; the lowest point is labelled.

    Parameters
    ----------
    rows : pyarrow.Table
        Result of one rate metric with a grain; rows of the whole are drawn.
    title : str
        Name of the rate, for the sentence.
    """
    found = sorted(at_level(rows, ()), key=lambda row: row["start_at"])
    if not found:
        return empty_figure("mature labels")
    step = step_of([row["start_at"] for row in found])
    runs = runs_of(found, step)
    ends = [row[key] for row in found for key in ("low", "high", "value")]
    layout = line_layout(found[0]["start_at"], found[-1]["start_at"], ends, is_share=True)
    layout["margin"]["r"] = 56
    worst = min(found, key=lambda row: row["value"])
    layout["annotations"] = _line_notes(found, worst)
    rings = () if worst is found[-1] else (_ring(worst),)
    data = (*(band(run) for run in runs), line(runs, _hover), *rings)
    word = grain_word(step)
    best = max(found, key=lambda row: row["value"])
    alt = (
        f"{title} per {word}, {numbers.day(found[0]['start_at'])} to "
        f"{numbers.day(found[-1]['start_at'])}: last {numbers.rate(found[-1]['value'])}, lowest "
        f"{numbers.rate(worst['value'])} on {numbers.day(worst['start_at'])}, highest "
        f"{numbers.rate(best['value'])} on {numbers.day(best['start_at'])}."
    )
    columns = (Column("Start (UTC)", "time"), Column(title, "rate"),
               Column("95% interval", "interval"), Column("n", "count"))  # fmt: skip
    cells = tuple(
        (row["start_at"], row["value"], (row["low"], row["high"]), row["n"]) for row in found
    )
    return Figure(data, layout, alt, Table(columns, cells))


def _hover(row: Row) -> str:
    return (
        f"<b>{numbers.rate(row['value'], 2)}</b>, "
        f"{numbers.interval(row['low'], row['high'])}<br>n {numbers.count(row['n'])}"
    )


def _ring(row: Row) -> Json:
    return {
        "type": "scatter", "mode": "markers", "x": [stamp(row["start_at"])], "y": [row["value"]],
        "hoverinfo": "skip", "cliponaxis": False,
        "marker": {"size": 9, "color": "@surface", "line": {"color": "@down", "width": 2.2}},
    }  # fmt: skip


def _line_notes(found: Sequence[Row], worst: Row) -> list[Json]:
    last = found[-1]
    notes = [
        note(stamp(last["start_at"]), last["value"], f"<b>{numbers.rate(last['value'])}</b>",
             xanchor="left", xshift=6, font=font(12, "@accent"))
    ]  # fmt: skip
    if worst is not last:
        is_late = found.index(worst) > 0.6 * len(found)
        notes.append(
            note(stamp(worst["start_at"]), worst["value"],
                 f"lowest <b>{numbers.rate(worst['value'])}</b>", yanchor="top", yshift=-2,
                 xanchor="right" if is_late else "left", xshift=-10 if is_late else 10,
                 font=font(11, "@down"))
        )  # fmt: skip
    return notes


def rate_by(
    rows: pa.Table, by: str, *, title: str = "Rate", previous: pa.Table | None = None
) -> Figure:
    """Dots with 95% intervals and n, best first; a tick marks the previous period.

    Parameters
    ----------
    rows : pyarrow.Table
        Result of one rate metric, broken down by `by`; the whole is drawn as a reference line.
    by : str
        The dimension. Of more than 24 values, those with most rows are drawn.
    title : str
        Name of the rate, for the sentence.
    previous : pyarrow.Table, optional
        The same for the previous period.
    """
    found = sorted(at_level(rows, (by,)), key=lambda row: -(row["n"] or 0))
    if not found:
        return empty_figure("mature labels")
    dropped = len(found) - _MOST_ROWS
    found = sorted(found[:_MOST_ROWS], key=lambda row: (-row["value"], str(row[by])))
    earlier = [] if previous is None else at_level(previous, (by,))
    before = {row[by]: row["value"] for row in earlier}
    sides = (
        Side("", [f"<b>{numbers.rate(row['value'])}</b>" for row in found], 50),
        Side("n", [numbers.count(row["n"]) for row in found], 62, ("@muted",), is_wide_only=True),
    )
    intervals = [
        (place, row["low"], row["high"]) for place, row in enumerate(found)
        if numbers.is_known(row["low"]) and numbers.is_known(row["high"])
    ]  # fmt: skip
    ticks = [(before[row[by]], place) for place, row in enumerate(found) if row[by] in before]
    held = [row["value"] for row in found] + [end for _, *ends in intervals for end in ends]
    layout = dot_layout([row[by] for row in found], held + [x for x, _ in ticks], sides)
    layout["shapes"] = [bar_between(low, high, y, "@accent/35") for y, low, high in intervals]
    whole = whole_of(rows)
    if whole:
        text = f"all {numbers.rate(whole['value'])}"
        line, name = reference_line(whole["value"], text, len(found))
        layout["shapes"].append(line)
        layout["annotations"].append(name)
    hover = [
        f"<b>{label(row[by])}</b> {numbers.rate(row['value'], 2)}<br>"
        f"{numbers.interval(row['low'], row['high'], 2)}, n {numbers.count(row['n'])}"
        for row in found
    ]
    data = (
        dots([x for x, _ in ticks], [y for _, y in ticks],
             [f"previous period {numbers.rate(x, 2)}" for x, _ in ticks],
             symbol="line-ns-open", colour="@faint", size=11),
        dots([row["value"] for row in found], list(range(len(found))), hover),
    )  # fmt: skip
    first, last = found[0], found[-1]
    more = f" {dropped} more with fewer rows are not drawn." if dropped > 0 else ""
    alt = (
        f"{title} by {by} with 95% intervals, {len(found)} values: highest {first[by]} "
        f"{numbers.rate(first['value'])} (n {numbers.count(first['n'])}), lowest {last[by]} "
        f"{numbers.rate(last['value'])} (n {numbers.count(last['n'])}).{more}"
    )
    return Figure(data, layout, alt, _rate_table(found, by, title, before, whole))


def _rate_table(
    found: Sequence[Row], by: str, title: str, before: dict[str, float], whole: Row | None
) -> Table:
    columns = [Column(by.replace("_", " ").capitalize()), Column(title, "rate"),
               Column("95% interval", "interval"), Column("n", "count")]  # fmt: skip
    rows = [[row[by], row["value"], (row["low"], row["high"]), row["n"]] for row in found]
    total = None
    if whole:
        total = ["All", whole["value"], (whole["low"], whole["high"]), whole["n"]]
    if before:
        columns.append(Column("vs previous", "points"))
        for row in rows:
            row.append(row[1] - before[row[0]] if row[0] in before else None)
        if total:
            total.append(None)
    return Table(tuple(columns), tuple(map(tuple, rows)), tuple(total) if total else None)
