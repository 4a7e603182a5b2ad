"""ML against the control arm: did deciding by model help, and where."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pellucid.figures import numbers
from pellucid.figures.dots import Side, bar_between, dot_layout, dots, key_notes
from pellucid.figures.figure import Figure
from pellucid.figures.layout import Json, empty_figure, label
from pellucid.figures.rows import Row, at_level
from pellucid.figures.table import Column, Table
from pellucid.stats.intervals import newcombe_interval

ML, CONTROL = "ml", "control"
_LANE = 0.17
Pair = tuple[str, Row, Row]


def arms(rows: pa.Table, by: str = "", *, arm: str = "arm", title: str = "Rate") -> Figure:
    """Rate of both arms with intervals, for the whole and for each value of a dimension.

    Shapes tell the arms apart as well as colours; the last columns hold the difference and how
    many control decisions stand behind it.

    Parameters
    ----------
    rows : pyarrow.Table
        Result of one rate metric, broken down by `arm`, or by `by` and `arm`. Values without
        both arms are left out.
    by : str, optional
        The dimension; empty draws the whole only.
    arm : str, default "arm"
        Column that holds ``ml`` and ``control``.
    title : str
        Name of the rate, for the sentence.
    """
    pairs = _pairs(rows, by, arm)
    if not pairs:
        return empty_figure("values with decisions in both arms")
    has_whole = pairs[0][0] == "All"
    changes = [ml["value"] - control["value"] for _, ml, control in pairs]
    sides = (
        Side("ML − control", [f"<b>{numbers.points(change)}</b>" for change in changes], 84,
             [_tone(ml, control) for _, ml, control in pairs]),
        Side("n control", [numbers.count(control["n"]) for *_, control in pairs], 70,
             ("@muted",), is_wide_only=True),
    )  # fmt: skip
    ends = [row[key] for _, *both in pairs for row in both for key in ("value", "low", "high")
            if numbers.is_known(row[key])]  # fmt: skip
    layout = dot_layout([name for name, *_ in pairs], ends, sides, first_bold=has_whole)
    layout["height"] += 5 * len(pairs)
    layout["shapes"] = _bars(pairs)
    layout["annotations"] += key_notes([("◆", "@accent", "ML"), ("●", "@neutral", "control")])
    places = range(len(pairs))
    data = (
        dots([c["value"] for *_, c in pairs], [y + _LANE for y in places],
             [_hover(name, "control", c) for name, _, c in pairs], colour="@neutral", size=9,
             name="control"),
        dots([m["value"] for _, m, _ in pairs], [y - _LANE for y in places],
             [_hover(name, "ML", m) for name, m, _ in pairs], symbol="diamond", name="ML"),
    )  # fmt: skip
    return Figure(data, layout, _alt(pairs, changes, by, title), _table(pairs, changes, by))


def _pairs(rows: pa.Table, by: str, arm: str) -> list[Pair]:
    found: dict[str, dict[str, Row]] = {}
    if "level" in rows.column_names:
        for row in at_level(rows, (arm,)):
            found.setdefault("All", {})[row[arm]] = row
    if by:
        for row in at_level(rows, (by, arm)):
            found.setdefault(str(row[by]), {})[row[arm]] = row
    elif not found:
        found["All"] = {row[arm]: row for row in at_level(rows, (arm,))}
    pairs = [
        (name, both[ML], both[CONTROL]) for name, both in found.items()
        if ML in both and CONTROL in both
    ]  # fmt: skip
    return sorted(pairs, key=lambda pair: (pair[0] != "All", -pair[1]["n"], pair[0]))


def _bars(pairs: Sequence[Pair]) -> list[Json]:
    return [
        bar_between(row["low"], row["high"], place + shift, colour, 4)
        for place, (_, ml, control) in enumerate(pairs)
        for row, shift, colour in ((ml, -_LANE, "@accent/35"), (control, _LANE, "@neutral/40"))
        if numbers.is_known(row["low"]) and numbers.is_known(row["high"])
    ]


def _ends(ml: Row, control: Row) -> tuple[float, float] | None:
    is_known = all(numbers.is_known(row[key]) for row in (ml, control) for key in ("low", "high"))
    if not is_known:
        return None
    sides = [(row["value"], row["low"], row["high"]) for row in (ml, control)]
    return newcombe_interval(*sides)


def _tone(ml: Row, control: Row) -> str:
    ends = _ends(ml, control)
    if ends is None or ends[0] <= 0 <= ends[1]:
        return "@muted"
    return "@up" if ends[0] > 0 else "@down"


def _hover(name: str, arm: str, row: Row) -> str:
    return (
        f"<b>{label(name)}</b>, {arm}<br>{numbers.rate(row['value'], 2)} "
        f"({numbers.interval(row['low'], row['high'])})<br>n {numbers.count(row['n'])}"
    )


def _alt(pairs: Sequence[Pair], changes: Sequence[float], by: str, title: str) -> str:
    name, ml, control = pairs[0]
    clear = sum(_tone(m, c) != "@muted" for _, m, c in pairs)
    where = f" by {by}" if by else ""
    return (
        f"{title} of the ML and control arms{where}. {name}: ML {numbers.rate(ml['value'])} "
        f"(n {numbers.count(ml['n'])}), control {numbers.rate(control['value'])} "
        f"(n {numbers.count(control['n'])}), difference {numbers.points(changes[0])}. "
        f"The difference is clear of 0 in {clear} of {len(pairs)} rows."
    )


def _table(pairs: Sequence[Pair], changes: Sequence[float], by: str) -> Table:
    columns = (
        Column(by.replace("_", " ").capitalize() or "Population"), Column("ML", "rate"),
        Column("n ML", "count"), Column("Control", "rate"), Column("n control", "count"),
        Column("ML − control", "points"), Column("from", "points"), Column("to", "points"),
    )  # fmt: skip
    rows = tuple(
        (name, ml["value"], ml["n"], control["value"], control["n"], change,
         *(_ends(ml, control) or (None, None)))
        for (name, ml, control), change in zip(pairs, changes, strict=True)
    )  # fmt: skip
    return Table(columns, rows)
