"""Explanations as text: the paragraph, then the tables that it was made from."""

from __future__ import annotations

from pellucid.explain.changes.replay_story import SWAPPED, Replayed, ReplayedChange
from pellucid.explain.changes.story import ChangeStory
from pellucid.explain.decisions.flips import Flips
from pellucid.explain.groups.contrast import Contrast
from pellucid.explain.groups.story import GroupStory
from pellucid.explain.groups.versions import VersionChange
from pellucid.figures import numbers
from pellucid.terminal.tables import amount, half, shown, text_table

_MOST_CELLS = 8
_MOST_PARTS = 5


def change_text(story: ChangeStory) -> str:
    """Return a change of share as its paragraph, its parts and the cells that carry it."""
    rows = [[row["part"], numbers.points(row["change"], 2),
             half(row["error"], "probability", row["degrees"])]
            for row in story.parts.to_pylist()]  # fmt: skip
    total = numbers.points(story.after - story.before, 2)
    rows.append(["Change", total, half(story.error, "probability", story.degrees)])
    heads = ["part", "change", "± 95%"]
    tables = [story.told, text_table(heads, rows, right=heads[1:])]
    by = story.by
    cells = [
        [*(shown(row[name] or "(missing)") for name in by), numbers.points(row["change"], 2),
         numbers.rate(row["before"]), numbers.rate(row["after"]),
         numbers.count(row["decisions_before"]), numbers.count(row["decisions_after"])]
        for row in story.cells.slice(0, _MOST_CELLS).to_pylist()
    ]  # fmt: skip
    if by:
        heads = [*by, "part of change", "before", "after", "decisions before", "after "]
        tables.append(text_table(heads, cells, right=heads[len(by) :]))
    return "\n\n".join(tables)


def replay_text(answer: ReplayedChange) -> str:
    """Return a replayed change as its paragraph, its parts, and how each was replayed."""
    rows = [[row["label"], numbers.points(row["change"], 2),
             half(row["error"], "probability", row["degrees"])]
            for row in answer.parts.to_pylist()]  # fmt: skip
    total = numbers.points(answer.after - answer.before, 2)
    rows.append(["Change", total, half(answer.error, "probability", answer.degrees)])
    heads = ["part, replayed", "change", "± 95%"]
    tables = [answer.told, text_table(heads, rows, right=heads[1:])]
    ways = [[part.label, part.handling, shown(_known_by(part))] for part in answer.components]
    tables.append(text_table(["part of the policy", "replayed", "by"], ways))
    sides = [
        [row["side"], numbers.count(row["n"]), numbers.rate(row["share"]),
         numbers.rate(row["replayed"]), numbers.rate(row["fidelity"])]
        for row in answer.sides.to_pylist()
    ]  # fmt: skip
    heads = ["period", "decisions replayed", "share", "share replayed", "picked the same"]
    return "\n\n".join([*tables, text_table(heads, sides, right=heads[1:])])


def _known_by(part: Replayed) -> str:
    is_table = part.handling == SWAPPED and part.kind != "model"
    return ", ".join([*(["candidate"] if is_table else []), *part.known_by])


def contrast_text(answer: Contrast) -> str:
    """Return a contrast as its paragraph, its parts, who won and what flipped it."""
    scale = answer.scale
    rows = [[row["label"], row["kind"], amount(row["mean"], scale),
             half(row["error"], scale, row["degrees"])]
            for row in answer.parts.to_pylist()]  # fmt: skip
    rows.append(
        ["Margin", "", amount(answer.margin, scale), half(answer.error, scale, answer.degrees)]
    )
    unit = "pp" if scale == "probability" else scale.replace("_", "-")
    heads = ["part", "kind", f"for {answer.candidate} ({unit})", "± 95%"]
    tables = [answer.told, text_table(heads, rows, right=heads[2:])]
    wins = [[row["winner"], numbers.count(row["decisions"]), numbers.rate(row["share"])]
            for row in answer.wins.to_pylist()]  # fmt: skip
    heads = ["picked", "decisions", "share"]
    tables.append(text_table(heads, wins, right=heads[1:]))
    flips = [[row["preferred"], row["winner"], row["layer"], numbers.count(row["decisions"]),
              numbers.rate(row["share"])] for row in answer.flips.to_pylist()]  # fmt: skip
    if flips:
        heads = ["model preferred", "picked", "moved by", "decisions", "share"]
        tables.append(text_table(heads, flips, right=heads[3:]))
    if answer.is_rescaled:
        tables.append(
            "Parts of the model are rescaled from its raw score to probability, in each decision "
            "by the ratio of the two differences."
        )
    return "\n\n".join(tables)


def flips_text(found: Flips) -> str:
    """Return what would flip a decision: its paragraph, then layers and features."""
    scale = found.scale
    layers = [
        [row["label"], amount(row["chosen_term"], scale), amount(row["rival_term"], scale),
         amount(row["needed"], scale)]
        for row in found.layers.to_pylist()
    ]  # fmt: skip
    heads = ["layer", f"adds to {found.chosen}", f"to {found.rival}", "must move by"]
    tables = [found.told]
    if layers:
        tables.append(text_table(heads, layers, right=heads[1:]))
    features = [
        [shown(row["label"]), row["candidate"] or "(decision)", shown(row["value"]),
         shown(row["needed"]), row["pick"], numbers.rate(row["distance"])]
        for row in found.features.to_pylist()
    ]  # fmt: skip
    heads = ["feature", "of", "was", "needs", "then picked", "distance"]
    if features:
        tables.append(text_table(heads, features, right=("distance",)))
    return "\n\n".join(tables)


def group_text(story: GroupStory) -> str:
    """Return a group's mean score as its paragraph, the groups, and the parts of each."""
    scale, by = story.scale, story.by
    groups = [
        [*(shown(row[name] or "(missing)") for name in by), row["side"], numbers.count(row["n"]),
         numbers.count(row["decisions"]), amount(row["score"], scale),
         half(row["error"], scale, row["degrees"])]
        for row in story.groups.to_pylist()
    ]  # fmt: skip
    heads = [*by, "side", "n", "decisions", "mean score", "± 95%"]
    tables = [story.told, text_table(heads, groups, right=heads[len(by) + 1 :])]
    seen: dict[tuple[str, ...], int] = {}
    rows = []
    for row in story.parts.to_pylist():
        key = tuple(shown(row[name] or "(missing)") for name in by)
        seen[key] = seen.get(key, 0) + 1
        if by and seen[key] > _MOST_PARTS:
            continue
        cells = [amount(row["mean"], scale), half(row["error"], scale, row["degrees"]),
                 numbers.number(row["mean_absolute"])]  # fmt: skip
        if story.is_compared:
            cells = [amount(row["mean"], scale), amount(row["versus_mean"], scale),
                     amount(row["difference"], scale),
                     half(row["difference_error"], scale, row["difference_degrees"])]  # fmt: skip
        rows.append([*key, row["label"], *cells])
    cells = ["mean", "versus", "difference", "± 95%"] if story.is_compared else [
        "mean", "± 95%", "mean size"
    ]  # fmt: skip
    tables.append(text_table([*by, "part", *cells], rows, right=cells))
    together = [
        [*(shown(row[name] or "(missing)") for name in by), row["label"],
         amount(row["mean"], scale), half(row["error"], scale, row["degrees"])]
        for row in story.clusters.to_pylist()
    ]  # fmt: skip
    if together:
        heads = [*by, "told together, as they say much the same", "mean", "± 95%"]
        tables.append(text_table(heads, together, right=heads[-2:]))
    return "\n\n".join(tables)


def versions_text(change: VersionChange) -> str:
    """Return how two models differ: the paragraph, the parts, and whom each prefers."""
    scale = change.scale
    rows = [
        [row["label"], amount(row["before"], scale), amount(row["after"], scale),
         amount(row["difference"], scale), half(row["error"], scale, row["degrees"])]
        for row in change.parts.to_pylist()
    ]  # fmt: skip
    rows.append(
        [
            "Score",
            "",
            "",
            amount(change.difference, scale),
            half(change.error, scale, change.degrees),
        ]
    )
    heads = ["part", change.before, change.after, "difference", "± 95%"]
    picks = [
        [row["candidate"], numbers.rate(row["before"]), numbers.rate(row["after"]),
         numbers.points(row["change"], 2)]
        for row in change.picks.to_pylist()
    ]  # fmt: skip
    preferred = ["preferred", f"by {change.before}", f"by {change.after}", "change"]
    split = [[row["part"], amount(row["change"], scale)] for row in change.split.to_pylist()]
    tables = [change.told, text_table(heads, rows, right=heads[1:]),
              text_table(preferred, picks, right=preferred[1:])]  # fmt: skip
    if split:
        tables.append(text_table(["change of the mean score", "part"], split, right=["part"]))
    return "\n\n".join(tables)
