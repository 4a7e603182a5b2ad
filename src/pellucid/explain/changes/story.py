"""What changed a share or a rate, as a value with its paragraph."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pyarrow as pa

from pellucid.explain import wording
from pellucid.stats.student import half_width
from pellucid.windows import Window

TRAFFIC_SHARE = "traffic_share"
MODEL, MIX, ELIGIBILITY = "Model preference", "Population mix", "Eligibility"
LABELS, OUTCOME = "Known outcomes", "Outcome"
_PLAIN = {MIX: "what came in to be decided", ELIGIBILITY: "what was allowed",
          MODEL: "what the model prefers", LABELS: "which outcomes are known so far",
          OUTCOME: "how the same choices turned out"}  # fmt: skip
_PARTS_TOLD = 3
_HARDLY = 0.0005
_MOST_UNMATCHED, _HARDLY_CONTROL = 0.2, 0.02


@dataclass(frozen=True, slots=True)
class ChangeStory:
    """A change of a traffic share or of an outcome's rate, told in parts.

    Attributes
    ----------
    metric : str
        ``traffic_share``, or the name of the rate.
    subject : str
        What changed, for people: the candidate, or the rate.
    where : str
        Decisions looked at; all where empty.
    window, baseline : Window
    before, after : float
    error : float
        Standard error of the change; NaN where a window has fewer than two days.
    degrees : float
        Degrees of freedom that it is known with.
    decisions : tuple of float
        Weighted decisions of baseline and window; of a rate, those whose outcome is known.
    parts : pyarrow.Table
        ``part``, ``change``, ``error``, ``degrees``: population mix, eligibility, the model, and
        each layer; of a rate also which outcomes are known, and the outcomes themselves. Their
        changes add up to after - before.
    cells : pyarrow.Table
        The dimensions; ``decisions_before``, ``decisions_after``, ``before``, ``after``, columns of
        parts, and ``change``, their sum; largest first. The parts are those of `parts` for a share;
        for a rate they are what comes with more or fewer decisions of the cell, and with its rate.
    unmatched : tuple of float
        Part of each period's decisions whose set of eligible candidates, in their cell, the other
        period does not have: for these preference cannot be told from eligibility.
    control : tuple of float
        Part of each period's decisions that the control arm made.
    unlogged : tuple of str
        What to know of layers whose picks are missing.
    """

    metric: str
    subject: str
    where: str
    window: Window
    baseline: Window
    before: float
    after: float
    error: float
    degrees: float
    decisions: tuple[float, float]
    parts: pa.Table
    cells: pa.Table
    unmatched: tuple[float, float]
    control: tuple[float, float]
    unlogged: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know before trusting it."""
        found = []
        if min(self.decisions) < wording.MINIMUM:
            found.append(
                f"One of the two has fewer than {wording.MINIMUM} decisions: too few to tell a "
                "change from luck."
            )
        if math.isnan(self.error):
            found.append("One of the two is a single day, so no margin of error can be given.")
        if max(self.unmatched) > _MOST_UNMATCHED:
            found.append(
                f"{wording.percent(max(self.unmatched))} of the decisions of one period have sets "
                f"of candidates that the other lacks: what is told as {_PLAIN[ELIGIBILITY]} is in "
                "part what was preferred."
            )
        if abs(self.control[1] - self.control[0]) > _HARDLY_CONTROL:
            found.append(
                f"The control arm's part went from {wording.percent(self.control[0])} to "
                f"{wording.percent(self.control[1])}, and what it picks is told as "
                f"{_PLAIN[MODEL]}: leave it out with where=\"arm = 'ml'\"."
            )
        return (*found, *self.unlogged)

    @property
    def told(self) -> str:
        """The answer as one paragraph."""
        return " ".join([*_told(self), *self.notes])

    @property
    def by(self) -> tuple[str, ...]:
        """The dimensions of the cells."""
        names = self.cells.column_names
        return tuple(names[: names.index("decisions_before")])


def _told(story: ChangeStory) -> list[str]:
    change, scale = story.after - story.before, "probability"
    known = "" if story.metric == TRAFFIC_SHARE else " with a known outcome"
    moved = "rose" if change > 0 else "fell"
    if abs(change) < _HARDLY:
        moved = "hardly moved:"
    among = f" where {story.where}" if story.where else ""
    lines = [
        f"{story.subject} {moved} from {wording.percent(story.before)} of "
        f"{wording.decisions(story.decisions[0])}{among}{known} "
        f"({wording.span(story.baseline)}) to "
        f"{wording.percent(story.after)} of {wording.decisions(story.decisions[1])} "
        f"({wording.span(story.window)}): {wording.signed(change, scale)}"
        f"{wording.give_or_take(story.error, scale, story.degrees)}."
    ]
    if abs(change) < half_width(story.error, story.degrees):
        lines.append("That is no more than days differ by chance.")
    top = sorted(story.parts.to_pylist(), key=lambda row: -abs(row["change"]))[:_PARTS_TOLD]
    shown = [
        f"{_PLAIN.get(row['part'], row['part'])} {wording.signed(row['change'], scale)}"
        f"{wording.give_or_take(row['error'], scale, row['degrees'])}"
        for row in top if row["change"]
    ]  # fmt: skip
    if shown:
        lines.append(f"What moved it: {wording.listed(shown)}.")
    names = story.by
    if names and story.cells.num_rows > 1:
        cell = story.cells.slice(0, 1).to_pylist()[0]
        where = ", ".join(f"{name} {cell[name] or 'unknown'}" for name in names)
        lines.append(
            f"No group moved it more than {where}: {wording.signed(cell['change'], scale)}."
        )
    return lines
