"""Rules that stand for a policy, and the rules of two periods, as values with a paragraph."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pellucid.explain import wording
from pellucid.windows import Window

_TOLD = 3


@dataclass(frozen=True, slots=True)
class RuleList:
    """Rules that stand for a policy, with how far they are to be trusted.

    Attributes
    ----------
    window : Window
    where : str
    by : tuple of str
        Dimensions that rules may name.
    decisions : float
        Decisions that the rules were fitted to.
    tested : float
        Decisions of later days, held out, that they were tested on.
    fidelity, error : float
        Part of those in which the rules pick what the policy picked, and its standard error.
    degrees : float
        Degrees of freedom of that.
    rules : pyarrow.Table
        ``rule`` (a SQL condition; empty for all), ``label`` (the same in words), ``pick``,
        ``runner_up`` (picked where the first is not eligible, or next often), ``decisions``,
        ``share``, ``fidelity``, ``runner_up_share`` of the policy's picks; most traffic first.
    candidates : pyarrow.Table
        ``candidate``, ``decisions`` picked by the policy on the held-out days, ``recall``: the part
        of them that the rules pick too, ``share`` and ``rule_share`` of all.
    groups : pyarrow.Table
        ``dimension``, ``value``, ``decisions``, ``fidelity`` on the held-out days; worst first by
        decisions missed.
    """

    window: Window
    where: str
    by: tuple[str, ...]
    decisions: float
    tested: float
    fidelity: float
    error: float
    degrees: float
    rules: pa.Table
    candidates: pa.Table
    groups: pa.Table

    @property
    def told(self) -> str:
        """The answer as one paragraph."""
        count = self.rules.num_rows
        lines = [
            f"{count} rule{'' if count == 1 else 's'} by {wording.listed(self.by)} pick what the "
            f"policy picked in {wording.percent(self.fidelity)} of "
            f"{wording.decisions(self.tested)} of later days"
            f"{wording.give_or_take(self.error, 'probability', self.degrees)}."
        ]
        lines += [
            f"Where {row['label']}: {row['pick']} ({wording.percent(row['share'])} of traffic, "
            f"right in {wording.percent(row['fidelity'])})."
            for row in self.rules.slice(0, _TOLD).to_pylist()
        ]
        missed = [row for row in self.candidates.to_pylist() if row["decisions"]]
        missed.sort(key=lambda row: -row["decisions"] * (1 - row["recall"]))
        if missed and missed[0]["recall"] < 1:
            lines.append(
                f"What they miss most is {missed[0]['candidate']}: of its picks they find "
                f"{wording.percent(missed[0]['recall'])}."
            )
        return " ".join(lines)


@dataclass(frozen=True, slots=True)
class RuleChange:
    """The rules of two periods, held against each other on the same decisions.

    Attributes
    ----------
    before, after : RuleList
    differ : float
        Part of the later period's decisions in which the two lists pick differently.
    moves : pyarrow.Table
        ``rule_before``, ``pick_before``, ``rule_after``, ``pick_after``, ``label`` (the later rule
        in words), ``decisions``, ``share``: where they differ, most traffic first.
    """

    before: RuleList
    after: RuleList
    differ: float
    moves: pa.Table

    @property
    def told(self) -> str:
        """The answer as one paragraph."""
        lines = [
            f"The rules of {wording.span(self.after.window)} and those of "
            f"{wording.span(self.before.window)} pick differently in "
            f"{wording.percent(self.differ)} of the later decisions."
        ]
        lines += [
            f"Where {row['label']}: {row['pick_after']}, before {row['pick_before']} "
            f"({wording.percent(row['share'])})."
            for row in self.moves.slice(0, _TOLD).to_pylist()
        ]
        return " ".join(lines)
