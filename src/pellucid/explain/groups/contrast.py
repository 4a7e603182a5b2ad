"""Why A and not B: their mean margin over many decisions, in exact parts, and who won."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pellucid.engine.sql import text
from pellucid.errors import ExplainError
from pellucid.explain import wording
from pellucid.explain.filters import decision_filter
from pellucid.explain.groups.pairs import pairs_sql
from pellucid.explain.groups.parts import kinds_of, parts_table
from pellucid.explain.means import day_sums, day_sums_sql
from pellucid.explain.records import Records, within
from pellucid.explain.stages import find_stages
from pellucid.spec.bind import declared_names
from pellucid.spec.system import System
from pellucid.stats.student import half_width
from pellucid.windows import Window

_TABLES = ("decisions", "candidates", "attributions")
_PARTS_TOLD = 3


@dataclass(frozen=True, slots=True)
class Contrast:
    """Why one candidate and not another, over the decisions in which both could be picked.

    Attributes
    ----------
    candidate, other : str
    window : Window
    n : int
        Decisions stored and explained, both candidates eligible.
    decisions : float
        What they stand for: the sum of their weights.
    days : int
        On which they lie.
    scale : str
        Unit of margin and parts: ``probability``, or that of the raw score.
    is_rescaled : bool
        Whether attributions were brought from the scale of the model to `scale`, in each decision
        by the ratio of the two candidates' difference in probability to that in raw score.
    margin, error : float
        Mean utility of `candidate` less that of `other`, and its standard error.
    degrees : float
        Degrees of freedom of that and of the errors of parts.
    parts : pyarrow.Table
        ``part``, ``kind`` (base, feature, layer, residual), ``label``, ``mean``, ``error``,
        ``degrees``. Their means add up to `margin`.
    wins : pyarrow.Table
        ``winner``, ``decisions``, ``share``: how often each of the two was picked, and others.
    flips : pyarrow.Table
        ``preferred``, ``winner``, ``layer``, ``decisions``, ``share``: where the model alone
        preferred one of the two and the other was picked, by what moved the pick to it.
    unlogged : tuple of str
        What to know of layers whose picks are missing.
    """

    candidate: str
    other: str
    window: Window
    n: int
    decisions: float
    days: int
    scale: str
    is_rescaled: bool
    margin: float
    error: float
    degrees: float
    parts: pa.Table
    wins: pa.Table
    flips: pa.Table
    unlogged: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know before trusting it."""
        found = []
        if self.n < wording.MINIMUM:
            found.append(
                f"Only {wording.decisions(self.n)} behind it: fewer than {wording.MINIMUM}, too "
                "few to tell a habit from luck."
            )
        if self.days < 2:
            found.append("All on one day: what was special about it cannot be told apart.")
        return (*found, *(self.unlogged if self.flips.num_rows else ()))

    @property
    def told(self) -> str:
        """The answer as one paragraph."""
        return " ".join([*_told(self), *self.notes])


def why(
    system: System,
    records: Records,
    candidate: str,
    not_: str,
    *,
    window: Window,
    where: str = "",
) -> Contrast:
    """Split the mean margin between two candidates into features and layers.

    Attributions must be stored for both; only decisions in which both were eligible are looked at.

    Parameters
    ----------
    candidate, not_ : str
        For example two routes.
    where : str
        Decisions to look at; all where empty.

    Returns
    -------
    Contrast
        Standard errors are of differences within a decision, clustered by day where there are two.

    Raises
    ------
    UnknownNameError
        If there is no such candidate in the window.
    ExplainError
        If the two are one, never compete, or no attributions of them are stored.
    SpecError
        If `where` does not bind.
    """
    if candidate == not_:
        raise ExplainError(f"'{candidate}' is on both sides; name two candidates")
    features = records.attributed_features()
    layers = [layer.name for layer in system.layers]
    chosen = decision_filter(system, where)
    stages = find_stages(system, records, (window,))
    pairs = pairs_sql(system, (candidate, not_), window, chosen, features, stages)
    values = ["margin", "base", *(f"a{i}" for i in range(len(features))),
              *(f"l{i}" for i in range(len(layers))), "residual"]  # fmt: skip
    sql = (
        f"{pairs} SELECT day, winner, sign(score) AS preferred, mover, "
        f"bool_or(is_rescaled) AS is_rescaled, {', '.join(day_sums_sql(values, 'w'))} "
        "FROM terms GROUP BY ALL ORDER BY ALL"
    )
    rows = records.query(sql, _TABLES, window, names=declared_names(system))
    if not rows.num_rows:
        raise _nothing(system, records, (candidate, not_), window, chosen)
    sums = day_sums(rows, len(values))
    kinds = kinds_of(system, features, base="In general", layers=True)
    parts = parts_table(kinds, sums.means[1:], sums.errors[1:], np.full(len(kinds), sums.degrees))
    wins, flips = _results(rows, (candidate, not_))
    return Contrast(
        candidate, not_, window, int(sums.n.sum()), float(sums.weight.sum()), len(sums.day),
        "probability" if system.policy_scale == "probability" else system.score_unit,
        bool(pc.any(rows.column("is_rescaled")).as_py()),
        float(sums.means[0]), float(sums.errors[0]), sums.degrees, parts, wins, flips,
        stages.notes,
    )  # fmt: skip


def _nothing(
    system: System, records: Records, pair: tuple[str, str], window: Window, chosen: str
) -> ExplainError:
    """Return the error that says why there is not one decision to look at."""
    for name in pair:
        records.check_candidate(name, window)
    sql = (
        f"SELECT coalesce(sum(x), 0) AS x, coalesce(sum(y), 0) AS y, "
        "coalesce(sum(x * y), 0) AS both FROM (SELECT max(CAST(candidate_id = "
        f"{text(pair[0])} AS INT)) AS x, max(CAST(candidate_id = {text(pair[1])} AS INT)) AS y "
        "FROM candidates SEMI JOIN (SELECT decision_id FROM decisions "
        f"WHERE {within(window)} AND {chosen}) AS d ON d.decision_id = candidates.decision_id "
        f"WHERE {within(window)} AND is_eligible GROUP BY candidates.decision_id)"
    )
    names = declared_names(system)
    found = records.query(sql, ("candidates", "decisions"), window, names=names).to_pylist()[0]
    seen = wording.span(window)
    if not found["both"]:
        return ExplainError(
            f"'{pair[0]}' and '{pair[1]}' never compete from {seen}: '{pair[0]}' was eligible in "
            f"{wording.decisions(found['x'])}, '{pair[1]}' in {found['y']:,.0f}, both in none; "
            "look at who was eligible first"
        )
    return ExplainError(
        f"'{pair[0]}' and '{pair[1]}' compete in {wording.decisions(found['both'])} from {seen}, "
        "but no scores and attributions of both are stored for one of them; explain them first "
        "with obs.attribute(over=...), or `pellucid attribute`"
    )


def _results(rows: pa.Table, pair: tuple[str, str]) -> tuple[pa.Table, pa.Table]:
    """Return who won, and which moves made the one win that the model did not prefer."""
    names = {"x": pair[0], "y": pair[1], "other": "another"}
    total = pc.sum(rows.column("weight")).as_py()
    won = dict.fromkeys(names, 0.0)
    moved: dict[tuple[str, str, str], float] = {}
    for row in rows.select(["winner", "mover", "weight"]).to_pylist():
        won[row["winner"]] += row["weight"]
        if row["mover"] is not None:
            loser = "y" if row["winner"] == "x" else "x"
            key = (names[loser], names[row["winner"]], row["mover"])
            moved[key] = moved.get(key, 0.0) + row["weight"]
    order = sorted(moved, key=lambda key: (-moved[key], key))
    weights = np.array([moved[key] for key in order], dtype=np.float64)
    wins = pa.table({
        "winner": [names[key] for key in won], "decisions": list(won.values()),
        "share": [value / total for value in won.values()],
    })  # fmt: skip
    columns = {
        name: pa.array([key[place] for key in order], pa.string())
        for place, name in enumerate(("preferred", "winner", "layer"))
    }
    return wins, pa.table({**columns, "decisions": weights, "share": weights / total})


def _told(contrast: Contrast) -> list[str]:
    first, second, rest = contrast.wins.column("share").to_pylist()
    a, b, scale = contrast.candidate, contrast.other, contrast.scale
    others = f", and another in {wording.percent(rest)}" if rest else ""
    is_unclear = abs(contrast.margin) < half_width(contrast.error, contrast.degrees)
    ahead, behind = (a, b) if contrast.margin >= 0 else (b, a)
    parts = [row for row in contrast.parts.to_pylist() if row["kind"] != "residual"]
    top = sorted(parts, key=lambda row: -abs(row["mean"]))[:_PARTS_TOLD]
    lines = [
        f"{a} and {b} could both be picked in {wording.decisions(contrast.decisions)} from "
        f"{wording.span(contrast.window)}: {a} was in {wording.percent(first)} of them, {b} in "
        f"{wording.percent(second)}{others}.",
        f"On average {ahead} stood ahead of {behind} by "
        f"{wording.signed(abs(contrast.margin), scale).lstrip('+±')}"
        f"{wording.give_or_take(contrast.error, scale, contrast.degrees)}"
        f"{', so no clear lead' if is_unclear else ''}.",
    ]
    shown = [f"{row['label']} {wording.signed(row['mean'], scale)}" for row in top if row["mean"]]
    if shown:
        lines.append(f"What counted most, for {a} where plus: {wording.listed(shown)}.")
    flips = contrast.flips.to_pylist()
    if flips:
        total = sum(row["share"] for row in flips)
        most = flips[0]
        lines.append(
            f"In {wording.percent(total)} of them the one that the model rated lower of the two "
            f"was picked, most of all {most['winner']} over {most['preferred']} by "
            f"{most['layer']} ({wording.percent(most['share'])})."
        )
    return lines
