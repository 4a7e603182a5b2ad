"""How well a model did over time: as mature labels say, and as is to be expected without them."""

from __future__ import annotations

from pellucid.figures import numbers
from pellucid.figures.figure import Figure
from pellucid.figures.layout import empty_figure, font, label, note
from pellucid.figures.lines import band, line, line_layout, runs_of
from pellucid.figures.rows import Row, step_of
from pellucid.figures.table import Column, Kind, Table
from pellucid.monitor.performance.performance import Performance

_SHARES = frozenset({"roc_auc", "accuracy", "precision", "recall", "specificity", "f1"})


def performance_over_time(
    found: Performance, measure: str = "roc_auc", *, title: str = "AUC"
) -> Figure:
    """Line of a measure as mature labels tell it, over the line of what is expected of all.

    Parameters
    ----------
    found : Performance
        Asked with a grain.
    measure : str
        One that needs no cutoff.
    title : str
        Name of the measure, for the sentence.
    """
    rows = [row for row in found.rows.to_pylist()
            if row["measure"] == measure and row["cutoff"] is None and row["level"] == "bucket"
            and (numbers.is_known(row["value"]) or numbers.is_known(row["expected"]))]  # fmt: skip
    if not rows:
        return empty_figure("mature labels")
    runs = runs_of(rows, step_of([row["start_at"] for row in rows]))
    measured = [[row for row in run if numbers.is_known(row["value"])] for run in runs]
    measured = [run for run in measured if run]
    ends = [row[key] for row in rows for key in ("value", "low", "high", "expected")]
    is_share = measure in _SHARES
    layout = line_layout(rows[0]["start_at"], rows[-1]["start_at"], ends, is_share=is_share)
    layout["margin"]["t"] = 22
    layout["annotations"] = [
        note(0, 1, text, xref="paper", yref="paper", xanchor="left", yanchor="bottom",
             xshift=shift, yshift=4, font=font(11, colour))
        for text, colour, shift in (("measured", "@accent", 0), ("expected", "@faint", 66))
    ]  # fmt: skip

    def shown(value: float | None) -> str:
        return numbers.rate(value) if is_share else numbers.number(value, 3)

    def hover(row: Row) -> str:
        return (
            f"<b>{shown(row['value'])}</b>, {shown(row['low'])} to {shown(row['high'])}"
            f"<br>{shown(row['expected'])} expected<br>n {numbers.count(row['n'])}"
        )

    data = (
        *(band(run) for run in measured),
        line(runs, lambda _: "", value="expected", colour="@faint", dash="dot")
        | {"hoverinfo": "skip"},
        line(measured, hover),
    )
    kind: Kind = "rate" if is_share else "number"
    table = Table(
        (Column("Start (UTC)", "time"), Column(title, kind), Column("95% interval", "interval"),
         Column("Expected", kind), Column("n", "count"), Column("Waiting", "count")),
        tuple((row["start_at"], row["value"], (row["low"], row["high"]), row["expected"], row["n"],
               row["pending"]) for row in rows),
    )  # fmt: skip
    last = rows[-1]
    alt = (
        f"{label(title)} over time, in {len(rows)} steps: {shown(last['value'])} measured and "
        f"{shown(last['expected'])} expected in the last."
    )
    return Figure(data, layout, alt, table)
