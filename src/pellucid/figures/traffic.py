"""Where the traffic went: shares over time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from pellucid.figures import numbers
from pellucid.figures.figure import Figure
from pellucid.figures.layout import (
    Json,
    base_layout,
    empty_figure,
    font,
    label,
    note,
    rate_ticks,
    spread,
)  # fmt: skip
from pellucid.figures.rows import at_level, grain_word, stamp, step_of, time_axis
from pellucid.figures.table import Column, Table
from pellucid.figures.tokens import (
    OTHER,
    OTHER_TOKEN,
    candidate_order,
    candidate_tokens,
    shown_candidates,
)

_LONGEST = 20


def share_over_time(
    rows: pa.Table, by: str, *, order: Sequence[str] = (), title: str = "Traffic share"
) -> Figure:
    """Stacked shares over time, labelled at their right end.

    Parameters
    ----------
    rows : pyarrow.Table
        Result of one share metric with a grain, broken down by `by`: ``value`` is 0 to 1 and adds
        up to 1 in each bucket.
    by : str
        The dimension, for example ``route``.
    order : sequence of str, optional
        All candidates in the order that fixes their colours, as `candidate_order`
        gives it. Of more than eight, the first seven are drawn and the rest is "Other".
    title : str
        What the shares are of, for the sentence.
    """
    found = at_level(rows, (by,))
    if not found:
        return empty_figure("decisions")
    times = sorted({row["start_at"] for row in found})
    parts: dict[str, dict[datetime, float]] = defaultdict(dict)
    for row in found:
        parts[str(row[by])][row["start_at"]] = row["value"]
    names = tuple(order) or candidate_order({n: sum(p.values()) for n, p in parts.items()})
    names += tuple(sorted(name for name in parts if name not in names))
    series = _folded(names, parts, times)
    tokens = candidate_tokens(names) | {OTHER: OTHER_TOKEN}
    layout = base_layout(260, hovermode="x unified")
    layout["margin"]["r"] = 42 + round(6.6 * max(min(len(name), _LONGEST) for name in series))
    # A single bucket is drawn over its length: an area needs two ends.
    edges = times if len(times) > 1 else [times[0], max(row["end_at"] for row in found)]
    layout["xaxis"] |= time_axis(edges[0], edges[-1])
    layout["yaxis"] |= {"range": [0, 1], "showgrid": False, **rate_ticks(0, 1)}
    layout["annotations"] = _end_labels(series, tokens)
    moments = [stamp(time) for time in edges]
    repeats = len(edges) // len(times)
    data = tuple(
        {"type": "scatter", "mode": "lines", "stackgroup": "all", "x": moments,
         "y": values * repeats, "name": label(name), "line": {"width": 1, "color": "@surface"},
         "fillcolor": tokens[name], "hovertemplate": "%{y:.1%}"}
        for name, values in series.items()
    )  # fmt: skip
    last = ", ".join(f"{name} {numbers.rate(values[-1])}" for name, values in series.items())
    word = grain_word(step_of(times))
    alt = (
        f"{title} per {word} by {by}, {numbers.day(times[0])} to {numbers.day(times[-1])}. "
        f"In the last {word}: {last}."
    )
    columns = (Column("Start (UTC)", "time"), *(Column(name, "rate") for name in series))
    table = Table(columns, tuple(zip(times, *series.values(), strict=True)))
    return Figure(data, layout, alt, table)


def _folded(
    names: Sequence[str], parts: dict[str, dict[datetime, float]], times: Sequence[datetime]
) -> dict[str, list[float]]:
    shown = [name for name in shown_candidates(names) if name in parts]
    series = {name: [parts[name].get(time, 0.0) for time in times] for name in shown}
    rest = [part for name, part in parts.items() if name not in series]
    if rest:
        series[OTHER] = [sum(part.get(time, 0.0) for part in rest) for time in times]
    return series


def _end_labels(series: dict[str, list[float]], tokens: dict[str, str]) -> list[Json]:
    middles, names, below = [], [], 0.0
    for name, values in series.items():
        if values[-1] > 0:
            middles.append(below + values[-1] / 2)
            names.append(name)
        below += values[-1]
    notes = []
    for name, place in zip(names, spread(middles, 0.076, 0.02, 0.98), strict=True):
        text = f"{label(name, longest=_LONGEST)} <b>{numbers.rate(series[name][-1], 0)}</b>"
        for content, shift, look in (
            ("■", 7, font(13, tokens[name])), (text, 21, font(11.5, "@text")),
        ):  # fmt: skip
            notes.append(
                note(1, place, content, xref="paper", xanchor="left", xshift=shift, font=look)
            )
    return notes
