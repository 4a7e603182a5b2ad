"""Why this share: how much traffic a candidate gets, where, and what makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pellucid.figures import numbers
from pellucid.figures.rates import rate_by
from pellucid.figures.rows import Row, at_level, whole_of
from pellucid.figures.series import series_over_time
from pellucid.figures.table import Column, Table
from pellucid.observatory import Observatory
from pellucid.report.content import Card, KeyFigure, Section
from pellucid.report.traffic import learned_section, share_cards
from pellucid.serve.page import Built, Choice, Page, Part, Scene, labels_of, noun_of
from pellucid.stats.intervals import wilson_interval
from pellucid.windows import Window

_LEARNED_WINDOW = "56d"
_SHARE, _REASON = "traffic_share", "ineligible_reason"
_NEVER = "It was not picked in any of these decisions. Widen the time range or remove a filter."


def _keys(_: Observatory, candidates: Sequence[str]) -> Mapping[str, Sequence[str]]:
    return {"candidate": tuple(candidates)}


def _choices(scene: Scene) -> tuple[Choice, ...]:
    return (scene.candidate_choice("candidate", noun_of(scene.obs)),)


def _share(scene: Scene) -> Built:
    candidate, asked = scene.picked("candidate"), scene.of_all_candidates.asked
    row = _share_row(scene, candidate, asked.window)
    if row is None:
        return None
    before = asked.previous and _share_row(scene, candidate, asked.previous)
    change = numbers.points(row["value"] - before["value"]) if before else ""
    allowed = next((
        item for item in asked.rows("eligibility_rate", by=[asked.candidate]).to_pylist()
        if item[asked.candidate] == candidate and item["value"] is not None
    ), None)  # fmt: skip
    figures = [
        KeyFigure(label="Decisions", value=numbers.count(row["numerator"], is_compact=True),
                  n=f"of {numbers.count(row['n'])}",
                  definition=f"Decisions for which {candidate} was picked."),
        KeyFigure(label="Share of traffic", value=numbers.rate(row["value"]), change=change,
                  interval=f"95% interval {numbers.interval(row['low'], row['high'])}",
                  definition=scene.obs.metrics[_SHARE].meaning),
    ]  # fmt: skip
    if allowed is not None:
        figures.append(KeyFigure(
            label="Allowed in", value=numbers.rate(allowed["value"]),
            n=f"n {numbers.count(allowed['n'])} decisions",
            definition=scene.obs.metrics["eligibility_rate"].meaning,
        ))  # fmt: skip
    return Section(title=candidate, kpis=tuple(figures), cards=_refusals(scene, candidate))


def _share_row(scene: Scene, candidate: str, window: Window) -> Row | None:
    """Return the share of a candidate, 0 where it was never picked; None without decisions."""
    asked = scene.of_all_candidates.asked
    rows = asked.rows(_SHARE, by=[asked.candidate], window=window)
    own = next((row for row in rows.to_pylist() if row[asked.candidate] == candidate), None)
    whole = whole_of(rows)
    return own or (_none_of(whole) if whole and whole["n"] else None)


def _none_of(row: Row) -> Row:
    """Return a share of none of a row's decisions."""
    low, high = wilson_interval(np.zeros(1), np.array([float(row["n"])]))
    return {**row, "value": 0.0, "numerator": 0.0, "low": float(low[0]), "high": float(high[0])}


def _refusals(scene: Scene, candidate: str) -> tuple[Card, ...]:
    """Return which rules kept a candidate out, and how often; none where it was always allowed."""
    asked = scene.of_all_candidates.asked
    rows = asked.rows("candidate_count", by=[asked.candidate, _REASON], where="NOT is_eligible")
    found = [row for row in at_level(rows, (asked.candidate, _REASON))
             if row[asked.candidate] == candidate]  # fmt: skip
    if not found:
        return ()
    total = sum(row["value"] for row in found)
    table = Table(
        (Column("Rule"), Column("Decisions", "count"), Column("Share", "bar")),
        tuple(((row[_REASON] or "(no reason given)").replace("_", " "), row["value"],
               row["value"] / total)
              for row in sorted(found, key=lambda row: -row["value"])),
    )  # fmt: skip
    return (Card(title=f"Why {candidate} was not allowed", table=table,
                 subtitle="Decisions in which a rule kept it out, before anything was scored"),
            )  # fmt: skip


def _where(scene: Scene) -> Built:
    candidate, asked = scene.picked("candidate"), scene.of_all_candidates.asked
    key = asked.candidate
    daily = asked.rows(_SHARE, by=[key], grain="1d")
    daily = daily.filter(pc.equal(daily.column(key), candidate))
    if not daily.num_rows:
        return None
    cards = [Card(
        title="Share over time", subtitle="Of all decisions, per day; hover for interval and n",
        figure=series_over_time(daily, scene.obs.metrics[_SHARE], key, order=scene.order),
        width="half",
    )]  # fmt: skip
    filtered = dict(scene.view.filters)
    free = [name for name in scene.obs.system.dimension_names if name not in filtered]
    if free:
        named = labels_of(scene.obs)[free[0]].lower()
        rows = _of_candidate(asked.rows(_SHARE, by=[free[0], key]), free[0], key, candidate)
        before = asked.previous and _of_candidate(
            asked.rows(_SHARE, by=[free[0], key], window=asked.previous), free[0], key, candidate
        )
        cards.append(Card(
            title=f"Share by {named}", subtitle=f"Of the decisions of each {named}; 95% interval"
            + ("; the tick is the previous period" if before else ""),
            figure=rate_by(rows, free[0], title=f"Share of {candidate}", previous=before or None),
            width="half",
        ))  # fmt: skip
    return Section(title="", cards=tuple(cards))


def _of_candidate(rows: pa.Table, dimension: str, key: str, candidate: str) -> pa.Table:
    """Return a candidate's shares of each value's decisions as levels of that dimension alone."""
    levels = {f"{dimension},{key}": dimension, key: ""}
    own = [{**row, "level": levels[row["level"]]} for row in rows.to_pylist()
           if row[key] == candidate and row["level"] in levels]  # fmt: skip
    known = {row[dimension] for row in own if row["level"] == dimension}
    own += [_none_of(row) for row in at_level(rows, (dimension,)) if row[dimension] not in known]
    return pa.Table.from_pylist(own, schema=rows.schema)


def _why(scene: Scene) -> Built:
    candidate = scene.picked("candidate")
    row = _share_row(scene, candidate, scene.asked.window)
    if row is None or not row["numerator"]:
        return None
    cards = share_cards(scene.of_all_candidates.asked, candidate)
    return Section(title=f"Why {candidate} has its share", cards=cards)


def _learned(scene: Scene) -> Built:
    section = learned_section(scene.obs.learned(over=_LEARNED_WINDOW))
    return section and replace(section, title="What the model learned of the calendar")


TRAFFIC = Page(
    name="traffic", title="Why this share", group="Explain", can_compare=True,
    lead="How much traffic one candidate gets, where, and what makes it so much.",
    parts=(
        Part(name="share", title="Share of traffic", build=_share),
        Part(name="where", title="When and where", build=_where, empty=_NEVER),
        Part(name="why", title="Why it has its share", build=_why, empty=_NEVER),
        Part(name="learned", title="What the model learned of the calendar", build=_learned,
             empty="The model shows no habit of the calendar that costs traffic every week.",
             asks_first="Looks for traffic lost every week by what the model learned, and trains "
             "it again without the days that taught it: about half a minute."),
    ),
    keys=_keys, choices=_choices,
)  # fmt: skip
