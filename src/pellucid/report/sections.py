"""The sections of a report: each asks, draws and says what it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.errors import ExplainError
from pellucid.explain.traffic.flow import Flow
from pellucid.figures import numbers
from pellucid.figures.arms import arms
from pellucid.figures.flow import moves_table, policy_flow
from pellucid.figures.performance import calibration, predicted_against_realised
from pellucid.figures.pivot import heat_table
from pellucid.figures.rates import rate_by, rate_over_time
from pellucid.figures.table import Column, Table
from pellucid.figures.traffic import share_over_time
from pellucid.monitor.query import Question
from pellucid.report.content import Card, KeyFigure, Section
from pellucid.report.questions import Asked
from pellucid.windows import Window

Row = dict[str, Any]
_MOST_REASONS = 12
_MOST_MOVES = 8
_MOST_VALUES = 24


def key_figures(asked: Asked) -> tuple[KeyFigure, ...]:
    """Return the numbers at the top."""
    rate = asked.rate
    wanted = ["decision_count"]
    wanted += [f"request_{rate.name}"] if rate else []
    wanted += ["override_rate"] if asked.obs.system.layers else []
    wanted = list(dict.fromkeys(name for name in wanted if name in asked.obs.metrics))
    totals, daily, amounts = _figures(asked, wanted)
    now, before = _of_window(totals, asked.window), {}
    if asked.previous is not None:
        before = _of_window(totals, asked.previous)
    days: dict[str, list[float | None]] = {}
    for row in daily.to_pylist():
        if row["start_at"] >= asked.window.start:
            days.setdefault(row["metric"], []).append(row["value"])
    figures = [
        _key_figure(asked, name, now[name], before.get(name), tuple(days.get(name, ())))
        for name in wanted
    ]
    return (*figures, *_amount(asked, amounts))


def _figures(asked: Asked, wanted: Sequence[str]) -> list[pa.Table]:
    """Return the totals, the days and the amounts by currency: one reading of the rows for all."""
    windows = [asked.window, *([asked.previous] if asked.previous else [])]

    def question(*metrics: str, by: Sequence[str] = (), grain: str = "") -> Question:
        return asked.obs.question(*metrics, by=by, grain=grain, where=asked.where, over=windows,
                                  as_of=asked.as_of)  # fmt: skip

    answers = asked.obs.ask_together([
        question(*wanted), question(*wanted, grain="1d"), question("amount", by=["currency"])
    ])  # fmt: skip
    return [found.rows for found in answers]


def _of_window(rows: pa.Table, window: Window) -> dict[str, Row]:
    found = rows.filter(pc.equal(rows.column("start_at"), pa.scalar(window.start)))
    return {row["metric"]: row for row in found.to_pylist()}


def traffic_section(asked: Asked, order: Sequence[str]) -> Section:
    """Return what was routed where, with what result."""
    noun = _noun(asked)
    share = asked.rows("traffic_share", by=[asked.candidate], grain="1d")
    shares = share.filter(pc.equal(share.column("level"), asked.candidate))
    cards = [
        Card(title=f"Traffic by {noun}",
             subtitle="Share of decisions per day; each is named with its last day",
             figure=share_over_time(shares, asked.candidate, order=order), width="half")
    ]  # fmt: skip
    rate = asked.rate
    if rate is not None:
        daily = asked.rows(rate.name, grain="1d")
        cards.insert(0, Card(
            title=rate.label, subtitle="Per day, with its 95% interval; mature labels only",
            figure=rate_over_time(daily, title=rate.label), width="half",
        ))  # fmt: skip
        cards += [
            Card(title=f"{rate.label} by {_readable(asked, name).lower()}",
                 subtitle="95% interval" + ("; the tick is the previous period" if asked.previous
                                            else ""),
                 figure=_rate_by(asked, rate.name, rate.label, name), width="half")
            for name in (asked.candidate, asked.dimension) if name
        ]  # fmt: skip
    return Section(title="What was routed where, with what result", cards=tuple(cards))


def policy_section(
    asked: Asked, order: Sequence[str], *,
    decisions_with: Callable[[Mapping[str, str]], str] | None = None,
) -> Section | None:  # fmt: skip
    """Return what each policy layer changed, or None where there is no flow.

    Parameters
    ----------
    decisions_with : callable, optional
        From values by column to where a server lists the decisions that have them.
    """
    try:
        flow = asked.obs.flow(over=asked.window, where=asked.where, as_of=asked.as_of)
    except ExplainError:
        return None
    links = flow.links.to_pylist()
    findings = []
    for stage in flow.stages[1:]:
        moved = [link for link in links if link["next_stage"] == stage and link["is_moved"]]
        share = sum(link["share"] for link in moved)
        top = max(moved, key=lambda link: link["decisions"], default=None)
        most = f", most of all from {top['source']} to {top['target']}" if top else ""
        findings.append(f"{stage} moved {numbers.rate(share)} of decisions{most}.")
    if flow.outside:
        findings.append(
            f"{numbers.count(flow.outside)} decisions are not in the picture: no pick of the model "
            "was logged for them, as in the control arm."
        )
    cards = (
        Card(title="Policy layers",
             subtitle="Where the model wanted to send traffic, and what each layer changed",
             figure=policy_flow(flow, order=order)),
        Card(title="Layer by layer", findings=tuple(findings)),
        Card(title="Largest moves", table=_moves(flow, decisions_with)),
    )  # fmt: skip
    return Section(title="What the policy changed", cards=cards)


def _moves(flow: Flow, decisions_with: Callable[[Mapping[str, str]], str] | None) -> Table:
    table = moves_table(flow, most=_MOST_MOVES)
    if decisions_with is None:
        return table
    picks = dict(zip(flow.stages, flow.picks, strict=True))
    before = dict(zip(flow.stages[1:], flow.picks, strict=False))
    rows = tuple(
        (*row, ("decisions", decisions_with({before[row[0]]: row[1], picks[row[0]]: row[2]})))
        for row in table.rows
    )
    return replace(table, columns=(*table.columns, Column("", "link")), rows=rows)


def eligibility_section(asked: Asked) -> Section | None:
    """Return who was allowed and why not, or None where no candidates were logged."""
    dimension = asked.dimension
    by = [asked.candidate, *([dimension] if dimension else [])]
    rows = asked.rows("eligibility_rate", by=by)
    if not (pc.sum(rows.column("n")).as_py() or 0):
        return None
    noun = _noun(asked)
    cards = []
    if dimension:
        table = heat_table(
            rows, asked.candidate, dimension, row_label=noun.capitalize(), is_candidate=True
        )
        cards.append(Card(
            title="How often each was allowed",
            subtitle=f"Share of decisions in which the {noun} was eligible, by "
            f"{_readable(asked, dimension).lower()}", table=table,
        ))  # fmt: skip
    reasons = asked.rows(
        "candidate_count", by=[asked.candidate, "ineligible_reason"], where="NOT is_eligible"
    )
    finest = reasons.filter(
        pc.equal(reasons.column("level"), f"{asked.candidate},ineligible_reason")
    )
    cards.append(Card(title="Why not", subtitle="Times a rule removed a candidate, most first",
                      table=_reasons(finest, asked)))  # fmt: skip
    return Section(title="Who could be picked, and why not", cards=tuple(cards))


def model_section(asked: Asked) -> Section | None:
    """Return the model against the control arm and against what happened."""
    rate = asked.rate
    if rate is None:
        return None
    cards = []
    by = [name for name in (asked.dimension, "arm") if name]
    both = asked.rows(rate.name, by=by, where="arm = 'ml' OR arm = 'control'")
    if len({row["arm"] for row in both.to_pylist() if row["arm"]}) == 2:
        cards.append(Card(
            title="ML against the control arm",
            subtitle=f"{rate.label}: traffic decided by the model and its policy, and traffic "
            "assigned at random to static rules",
            figure=arms(both, asked.dimension or "", title=rate.label), width="half",
        ))  # fmt: skip
    predicted = asked.by_candidate()
    if predicted is not None and predicted.num_rows:
        cards.append(Card(
            title="Predicted against realised",
            subtitle=f"Mean predicted probability beside the {rate.label.lower()}",
            figure=predicted_against_realised(predicted, asked.candidate, title=rate.label),
            width="half",
        ))  # fmt: skip
    buckets = asked.by_prediction()
    if buckets is not None and buckets.num_rows:
        cards.append(Card(
            title="Is the model calibrated?",
            subtitle="Realised rate by tenth of the predicted probability; on the line is right",
            figure=calibration(buckets, title=rate.label), width="half",
        ))  # fmt: skip
    return Section(title="Is the model right?", cards=tuple(cards)) if cards else None


def _rate_by(asked: Asked, metric: str, label: str, dimension: str) -> Any:
    previous = asked.previous and asked.rows(
        metric, by=[dimension], window=asked.previous, top=_MOST_VALUES
    )
    rows = asked.rows(metric, by=[dimension], top=_MOST_VALUES)
    return rate_by(rows, dimension, title=label, previous=previous)


def _key_figure(
    asked: Asked, name: str, now: Row, before: Row | None, spark: tuple[float | None, ...]
) -> KeyFigure:
    metric = asked.obs.metrics[name]
    is_rate = metric.value_unit == "share"
    change = ""
    if before and before["value"] is not None and now["value"] is not None:
        difference = now["value"] - before["value"]
        is_relative = not is_rate and before["value"]
        change = (
            numbers.relative(difference / before["value"]) if is_relative
            else numbers.points(difference)
        )  # fmt: skip
    shown = numbers.rate(now["value"]) if is_rate else _compact(now["value"])
    return KeyFigure(
        label=metric.label, value=shown,
        interval=_interval(now, numbers.rate if is_rate else _compact),
        n=f"n {numbers.count(now['n'])} {metric.unit}s", definition=metric.meaning,
        change=change, sparkline=spark,
    )  # fmt: skip


def _compact(value: float | None) -> str:
    return numbers.count(value, is_compact=True)


def _interval(row: Row, shown: Callable[[float | None], str]) -> str:
    """Return an interval in words; empty where there is none, as for what was counted in full."""
    if row["low"] is None or row["high"] is None:
        return ""
    return f"95% interval {shown(row['low']).removesuffix('%')}–{shown(row['high'])}"


def _amount(asked: Asked, rows: pa.Table) -> list[KeyFigure]:
    found = [
        row for row in rows.to_pylist()
        if row["level"] == "currency" and row["currency"] and row["value"]
        and row["start_at"] == asked.window.start
    ]  # fmt: skip
    if not found:
        return []
    top = max(found, key=lambda row: row["n"])
    others = len(found) - 1
    note = f"; {others} other currencies are not added" if others else ""

    def money(value: float | None) -> str:
        return numbers.money(value, top["currency"], is_compact=True)

    return [KeyFigure(
        label=f"Amount in {top['currency']}", value=money(top["value"]),
        interval=_interval(top, money),
        n=f"n {numbers.count(top['n'])} requests{note}",
        definition=asked.obs.metrics["amount"].meaning,
    )]  # fmt: skip


def _reasons(rows: pa.Table, asked: Asked) -> Table:
    found = sorted(rows.to_pylist(), key=lambda row: -row["value"])[:_MOST_REASONS]
    total = asked.rows("candidate_count", where="NOT is_eligible").to_pylist()[0]["value"] or 1
    return Table(
        columns=(
            Column(_noun(asked).capitalize(), "candidate"), Column("Rule"),
            Column("Times", "count"), Column("Share of all removals", "bar"),
        ),
        rows=tuple(
            (row[asked.candidate], _words(row["ineligible_reason"]), row["value"],
             row["value"] / total)
            for row in found
        ),
    )  # fmt: skip


def _words(reason: str | None) -> str:
    return (reason or "no reason logged").replace("_", " ")


def _noun(asked: Asked) -> str:
    candidate = asked.obs.system.candidate
    return (candidate.label or candidate.name).lower()


def _readable(asked: Asked, name: str) -> str:
    system = asked.obs.system
    labels = {item.name: item.label for item in (*system.dimensions, *system.candidate.dimensions)}
    return labels.get(name) or (_noun(asked) if name == asked.candidate else name)
