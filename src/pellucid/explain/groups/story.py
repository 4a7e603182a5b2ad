"""What made the scores of groups, as a value with its paragraph."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pellucid.explain import wording
from pellucid.windows import Window

STORED, DIRECT = "stored", "direct"
_PARTS_TOLD = 3
_WHICH = {
    STORED: "This is the stored contrast, a difference of attributions against the model's "
    "reference population: what features do together is credited on the way from there, not "
    "between the two sides.",
    DIRECT: "This is the direct contrast, of scores explained against those of the other side: "
    "what features do together is credited on the way between the two, not from the model's "
    "reference population.",
}


@dataclass(frozen=True, slots=True)
class GroupStory:
    """Mean scores of groups of decisions, in parts.

    Attributes
    ----------
    candidate : str or None
        Whose scores; None for whichever was picked.
    window : Window
    baseline : Window or None
        What the window is compared with.
    where, versus : str
        The group, and the group that it is compared with.
    by : tuple of str
    scale : str
        Unit of scores and attributions.
    groups : pyarrow.Table
        The dimensions of `by`; ``side`` (group, versus), ``n`` stored and explained, ``decisions``
        that they stand for, ``days``, ``score``, its standard ``error`` and the
        ``degrees`` of freedom of that.
    parts : pyarrow.Table
        The dimensions; ``part``, ``kind`` (base, feature, residual), ``label``, ``mean``,
        ``error``, ``degrees``, ``mean_absolute``. Means add up to ``score``. Where two groups are
        compared also ``versus_mean``, ``versus_mean_absolute``, ``difference``,
        ``difference_error`` and ``difference_degrees``.
    clusters : pyarrow.Table
        The same columns, but for ``kind``, of features that tell much the same in the reference
        population, added up with sign: ``part`` is their names with spaces between. Credit among
        the features of a cluster is arbitrary; that of the cluster is not.
    contrast : str
        Where two are compared: ``stored`` for a difference of stored attributions, ``direct`` where
        the group was explained against the other. Then the features' ``versus_mean`` is 0, as of
        any population against itself, and there is no ``versus_mean_absolute``.
    """

    candidate: str | None
    window: Window
    baseline: Window | None
    where: str
    versus: str
    by: tuple[str, ...]
    scale: str
    groups: pa.Table
    parts: pa.Table
    clusters: pa.Table
    contrast: str = STORED

    @property
    def is_compared(self) -> bool:
        """Whether there is another side."""
        return bool(self.versus) or self.baseline is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know before trusting it."""
        found = []
        for row in self.groups.to_pylist():
            if row["n"] < wording.MINIMUM:
                named = [f"{name} {row[name]}" for name in self.by]
                named += ["the group compared with"] if row["side"] == "versus" else []
                found.append(
                    f"Only {wording.decisions(row['n'])} behind "
                    f"{', '.join(named) or 'the group'}: fewer than {wording.MINIMUM}."
                )
        return tuple(found)

    @property
    def told(self) -> str:
        """The answer as one paragraph, about the group as a whole."""
        return " ".join([*_told(self), *self.notes[:3]])


def _told(story: GroupStory) -> list[str]:
    scale = story.scale
    whose = story.candidate or "what was picked"
    groups = story.groups.to_pylist()
    total = sum(row["decisions"] for row in groups if row["side"] == "group")
    among = f" where {story.where}" if story.where else ""
    begin = (
        f"{wording.decisions(total).capitalize()}{among}, from {wording.span(story.window)}"
    )  # fmt: skip
    if story.by:
        count = len({tuple(row[name] for name in story.by) for row in groups})
        return [f"{begin}, in {count} group{'' if count == 1 else 's'} by "
                f"{wording.listed(story.by)}: the mean score of {whose}, in parts."]  # fmt: skip
    own = groups[0]
    unit = "" if scale == "probability" else f" {scale.replace('_', '-')}"
    column = "difference" if story.is_compared else "mean"
    lines = [
        f"{begin}: the score of {whose} was {wording.signed(own['score'], scale)}{unit} on "
        f"average{wording.give_or_take(own['error'], scale, own['degrees'])}"
        f"{wording.estimated(own)}."
    ]
    parts = [row for row in story.parts.to_pylist() if row["kind"] != "residual"]
    if story.is_compared:
        other = groups[1]
        named = f"where {story.versus}" if story.versus else (
            f"from {wording.span(story.baseline)}" if story.baseline else ""
        )  # fmt: skip
        lines.append(
            f"Against {wording.decisions(other['decisions'])} {named}, it is "
            f"{wording.signed(own['score'] - other['score'], scale)}."
        )
    else:
        parts = [row for row in parts if row["kind"] == "feature"]
    top = sorted(parts, key=lambda row: -abs(row[column]))[:_PARTS_TOLD]
    shown = [f"{row['label']} {wording.signed(row[column], scale)}" for row in top if row[column]]
    if shown:
        lines.append(f"What made most of it: {wording.listed(shown)}.")
    left = next(row[column] for row in story.parts.to_pylist() if row["kind"] == "residual")
    lines.append(f"Left unexplained: {wording.signed(left, scale)}.")
    return [*lines, *([_WHICH[story.contrast]] if story.is_compared else [])]
