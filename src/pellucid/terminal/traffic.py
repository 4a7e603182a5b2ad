"""What is told of traffic, as text: splits of a share, effects of layers, other policies."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pellucid.explain.learned.story import LearnedArtefact
from pellucid.explain.rules import RuleChange, RuleList
from pellucid.explain.traffic.flow import Flow
from pellucid.explain.traffic.layers import LayerEffects
from pellucid.explain.traffic.story import TrafficStory, WhatIf
from pellucid.figures import numbers
from pellucid.terminal.tables import amount, half, shown, text_table

_SHARE = "probability"
_MOST_MOVES = 8


def traffic_text(story: TrafficStory) -> str:
    """Return a split of traffic as its paragraph, its parts, and what would be without each."""
    rows = []
    for row in story.parts.to_pylist():
        cells = [amount(row["value"], _SHARE), half(row["error"], _SHARE, row["degrees"])]
        if story.is_compared:
            cells = [amount(row["value"], _SHARE), amount(row["versus_value"], _SHARE),
                     amount(row["difference"], _SHARE),
                     half(row["difference_error"], _SHARE, row["difference_degrees"])]  # fmt: skip
        rows.append([row["label"], row["kind"], *cells])
    sides = story.sides.to_pylist()
    if story.is_compared:
        heads = ["part", "kind", "share", "versus", "difference", "± 95%"]
        rows.append(["Share", "", amount(sides[0]["share"], _SHARE),
                     amount(sides[1]["share"], _SHARE),
                     amount(sides[0]["share"] - sides[1]["share"], _SHARE), ""])  # fmt: skip
    else:
        heads = ["part", "kind", "share", "± 95%"]
        rows.append(["Share", "", amount(sides[0]["share"], _SHARE),
                     half(sides[0]["error"], _SHARE, sides[0]["degrees"])])  # fmt: skip
    without = [
        [row["label"], numbers.rate(row["share"]), amount(row["change"], _SHARE),
         *([numbers.rate(row["versus_share"])] if story.is_compared else [])]
        for row in story.without.to_pylist()
    ]  # fmt: skip
    last = ["without it", "share", "change", *(["versus"] if story.is_compared else [])]
    fidelity = ", ".join(numbers.rate(row["fidelity"]) for row in sides)
    return "\n\n".join([
        story.told, text_table(heads, rows, right=heads[2:]),
        text_table(last, without, right=last[1:]),
        f"Replayed picks agree with the logged ones in {fidelity} of the decisions.",
    ])  # fmt: skip


def what_if_text(answer: WhatIf) -> str:
    """Return a replay as its paragraph, the shares, the moves and what it costs."""
    shares = [
        [row["candidate"], numbers.rate(row["share_before"]), numbers.rate(row["share_after"]),
         amount(row["change"], _SHARE), half(row["error"], _SHARE, row["degrees"])]
        for row in answer.shares.to_pylist()
    ]  # fmt: skip
    heads = ["candidate", "share before", "after", "change", "± 95%"]
    tables = [answer.told, text_table(heads, shares, right=heads[1:])]
    moves = [
        [row["source"], row["target"], numbers.count(row["decisions"]), numbers.rate(row["share"])]
        for row in answer.moves.slice(0, _MOST_MOVES).to_pylist()
    ]  # fmt: skip
    if moves:
        heads = ["from", "to", "decisions", "share"]
        tables.append(text_table(heads, moves, right=heads[2:]))
    means = [
        [row["label"], numbers.number(row["before"], 4), numbers.number(row["after"], 4),
         numbers.number(row["change"], 4)]
        for row in answer.means.to_pylist()
    ]  # fmt: skip
    heads = ["mean over picks", "before", "after", "change"]
    return "\n\n".join([*tables, text_table(heads, means, right=heads[1:])])


def flow_text(flow: Flow, effects: LayerEffects) -> str:
    """Return what layers did as a paragraph, their effects, shares by stage, and results."""
    rows = [
        [row["label"], numbers.rate(row["moved"]), half(row["moved_error"], _SHARE, row["degrees"]),
         numbers.number(row["outcomes"], 0), numbers.number(row["own"], 4)]
        for row in effects.effects.to_pylist()
    ]  # fmt: skip
    heads = ["layer", "moved", "± 95%", "outcomes won", "own term, mean change"]
    tables = [effects.told, text_table(heads, rows, right=heads[1:])]
    shares: dict[str, dict[str, float]] = {}
    for row in flow.nodes.to_pylist():
        shares.setdefault(row["candidate"], {})[row["stage"]] = row["share"]
    last = flow.stages[-1]
    order = sorted(shares, key=lambda name: -shares[name].get(last, 0.0))
    results = {row["candidate"]: row for row in flow.results.to_pylist()}
    heads = ["picked", *flow.stages, *(["outcome rate", "pending"] if results else [])]
    body = []
    for name in order:
        cells = [numbers.rate(shares[name].get(stage, 0.0)) for stage in flow.stages]
        if results:
            own = results.get(name, {"decided": 0, "positive": 0, "pending": 0})
            rate = own["positive"] / own["decided"] if own["decided"] else None
            cells += [numbers.rate(rate) if rate is not None else numbers.NONE,
                      numbers.count(own["pending"])]  # fmt: skip
        body.append([name, *cells])
    return "\n\n".join([*tables, text_table(heads, body, right=heads[1:])])


def learned_text(found: Sequence[LearnedArtefact]) -> str:
    """Return what models learned, a paragraph each."""
    if not found:
        return "Nothing that comes back every week is what a model makes of the calendar."
    return "\n\n".join(f"{item.verdict.upper()}: {item.told}" for item in found)


def learned_json(found: Sequence[LearnedArtefact]) -> str:
    """Return what models learned as JSON, a line each."""
    return "\n".join(
        json.dumps({
            "verdict": item.verdict, "candidate": item.loss.candidate,
            "weekday": item.loss.weekday, "model_id": item.model_id, "p": item.loss.p_value,
            "share": item.cause.share, "share_elsewhere": item.cause.share_elsewhere,
            "told": item.told,
        }) for item in found
    )  # fmt: skip


def rules_text(found: RuleList) -> str:
    """Return rules as their paragraph, the rules, and where they fail."""
    rows = [
        [shown(row["label"]), row["pick"], numbers.rate(row["share"]),
         numbers.rate(row["fidelity"]), row["runner_up"] or numbers.NONE]
        for row in found.rules.to_pylist()
    ]  # fmt: skip
    heads = ["where", "pick", "traffic", "right in", "next"]
    tables = [found.told, text_table(heads, rows, right=heads[2:4])]
    candidates = [
        [row["candidate"], numbers.rate(row["share"]), numbers.rate(row["rule_share"]),
         numbers.rate(row["recall"])]
        for row in found.candidates.to_pylist() if row["decisions"]
    ]  # fmt: skip
    heads = ["picked by the policy", "share", "by the rules", "found by them"]
    tables.append(text_table(heads, candidates, right=heads[1:]))
    groups = [
        [row["dimension"], shown(row["value"] or "(missing)"), numbers.count(row["decisions"]),
         numbers.rate(row["fidelity"])]
        for row in found.groups.slice(0, _MOST_MOVES).to_pylist()
    ]  # fmt: skip
    heads = ["fails most where", "is", "decisions", "right in"]
    return "\n\n".join([*tables, text_table(heads, groups, right=heads[2:])])


def rule_change_text(change: RuleChange) -> str:
    """Return where the rules of two periods differ."""
    rows = [
        [shown(row["label"]), row["pick_before"], row["pick_after"],
         numbers.count(row["decisions"]), numbers.rate(row["share"])]
        for row in change.moves.slice(0, _MOST_MOVES).to_pylist()
    ]  # fmt: skip
    heads = ["where", "before", "after", "decisions", "share"]
    return "\n\n".join([change.told, text_table(heads, rows, right=heads[3:])])
