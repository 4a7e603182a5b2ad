"""What replaying a change found, as a value with its paragraph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from pellucid.explain import wording
from pellucid.windows import Window

REST, DRAWN = "rest", "drawn"
SWAPPED, TRAVELS, MOVES = "swapped", "with its decisions", "not replayed"
_PLAIN = {
    "population": "what came in to be decided", "eligibility": "the eligibility rules",
    "model": "the model", REST: "what the replay does not reproduce",
    DRAWN: "the luck of the draw",
}  # fmt: skip
_PARTS_TOLD = 4
_HARDLY = 0.0005
_MUCH_KEPT, _LOW_FIDELITY, _HARDLY_LEFT_OUT = 0.01, 0.9, 0.001


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a component of the policy was replayed.

    Attributes
    ----------
    name, kind, label : str
        ``kind`` is ``eligibility``, ``model`` or ``layer``.
    handling : str
        ``swapped`` where that of one period was applied to decisions of the other; ``with its
        decisions`` where it could not be, so that it counts as population; ``not replayed`` for a
        layer that logs picks and no terms.
    known_by : tuple of str
        Dimensions, beside the candidate, of the tables that it was recovered as; of the model, the
        versions that decided.
    own_kept : float
        Part of the candidates to which that of the other period could not be applied: they keep
        their own; without a score they are not picked.
    stays : tuple of str
        Reasons for which candidates are ruled out, and which stay with their decisions.
    """

    name: str
    kind: str
    label: str
    handling: str
    known_by: tuple[str, ...]
    own_kept: float
    stays: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReplayedChange:
    """A change of a traffic share, split by replaying each period with parts of the other.

    Attributes
    ----------
    candidate : str
    where : str
        Decisions looked at; all where empty.
    window, baseline : Window
    before, after : float
        Logged shares of all decisions that a model made.
    error : float
        Standard error of the change.
    degrees : float
        Degrees of freedom that it is known with.
    sides : pyarrow.Table
        ``side`` (baseline, window), ``n`` replayed, ``decisions`` (weighted, of all), ``days``,
        ``share`` as logged, ``replayed``: the share of the replay under its own policy,
        ``fidelity``: the part of the decisions in which that replay picks what was picked, and
        ``left_out``: the part of all decisions that no model made, such as the control arm's.
    parts : pyarrow.Table
        ``part``, ``kind`` (population, eligibility, model, layer, rest, drawn), ``label``,
        ``change``, ``error``, ``degrees``. The changes add up to after - before; ``rest`` is what
        the replay does not reproduce, ``drawn`` how far the drawn decisions are from all of them.
    components : tuple of Replayed
        How each part of the policy was replayed.
    models : tuple of str
        The model that made most decisions of the baseline, and that of the window: they score what
        was decided in the other.
    newcomers : tuple of str
        Candidates that only one of the two periods considered.
    """

    candidate: str
    where: str
    window: Window
    baseline: Window
    before: float
    after: float
    error: float
    degrees: float
    sides: pa.Table
    parts: pa.Table
    components: tuple[Replayed, ...]
    models: tuple[str, str]
    newcomers: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know before trusting it."""
        return (*_luck(self), *_not_swapped(self), *_limits(self))

    @property
    def told(self) -> str:
        """The answer as one paragraph."""
        return " ".join([*_told(self), *self.notes])


def _told(story: ReplayedChange) -> list[str]:
    change, scale = story.after - story.before, "probability"
    moved = "rose" if change > 0 else "fell"
    if abs(change) < _HARDLY:
        moved = "hardly moved:"
    among = f" where {story.where}" if story.where else ""
    decisions, n = (story.sides.column(name).to_pylist() for name in ("decisions", "n"))
    fidelity = [wording.percent(part) for part in story.sides.column("fidelity").to_pylist()]
    lines = [
        f"Replayed: {story.candidate} {moved} from {wording.percent(story.before)} of "
        f"{wording.decisions(decisions[0])}{among} ({wording.span(story.baseline)}) to "
        f"{wording.percent(story.after)} of {wording.decisions(decisions[1])} "
        f"({wording.span(story.window)}): {wording.signed(change, scale)}"
        f"{wording.give_or_take(story.error, scale, story.degrees)}."
    ]
    parts = sorted(story.parts.to_pylist(), key=lambda row: -abs(row["change"]))
    shown = [
        f"{_PLAIN.get(row['kind'], row['label'])} {wording.signed(row['change'], scale)}"
        f"{wording.give_or_take(row['error'], scale, row['degrees'])}"
        for row in parts[:_PARTS_TOLD] if abs(row["change"]) >= _HARDLY
    ]  # fmt: skip
    if shown:
        lines.append(f"With each part of the policy taken from either period, what moved it: "
                     f"{wording.listed(shown)}.")  # fmt: skip
    lines.append(
        f"Under its own policy the replay picks what was picked in {fidelity[0]} of {n[0]:,} and "
        f"{fidelity[1]} of {n[1]:,} decisions."
    )
    return lines


def _luck(story: ReplayedChange) -> Iterator[str]:
    if min(story.sides.column("n").to_pylist()) < wording.MINIMUM:
        yield (
            f"One of the two has fewer than {wording.MINIMUM} decisions: too few to tell a change "
            "from luck."
        )
    if min(story.sides.column("days").to_pylist()) < 2:
        yield "One of the two is a single day, so errors take its decisions as independent."
    if min(story.sides.column("fidelity").to_pylist()) < _LOW_FIDELITY:
        yield "The replay misses much of what was picked: what it tells is in doubt."


def _not_swapped(story: ReplayedChange) -> Iterator[str]:
    travels = [part.label for part in story.components if part.handling == TRAVELS]
    if travels:
        yield (
            f"{wording.listed(travels)}: no table of the candidate and a few dimensions in one of "
            f"the two, so {'it goes' if len(travels) == 1 else 'they go'} with the decisions and "
            f"{'counts' if len(travels) == 1 else 'count'} as {_PLAIN['population']}."
        )
    moves = [part.label for part in story.components if part.handling == MOVES]
    if moves:
        yield (
            f"{wording.listed(moves)}: picks without terms are logged, or none, so what that moved "
            f"is in {_PLAIN[REST]}."
        )
    for part in story.components:
        if part.handling == SWAPPED and part.stays:
            reasons = [f"'{reason}'" if reason else "no reason" for reason in part.stays]
            yield f"What is ruled out for {wording.listed(reasons)} goes with the decisions."


def _limits(story: ReplayedChange) -> Iterator[str]:
    for part in story.components:
        if part.own_kept < _MUCH_KEPT:
            continue
        share = wording.percent(part.own_kept)
        yield (
            f"{share} of the candidates cannot be scored by the other period's model and are not "
            "picked under it." if part.kind == "model" else
            f"{part.label}: {share} of the candidates are of a kind of which the other period "
            "tells nothing, and keep their own."
        )  # fmt: skip
    versions = next(part.known_by for part in story.components if part.kind == "model")
    if len(versions) > len(set(story.models)):
        yield (
            f"Several models decided ({wording.listed(versions)}): each scores its own decisions, "
            f"and the main one of a period, {' and '.join(dict.fromkeys(story.models))}, those of "
            "the other."
        )
    if story.newcomers:
        are = "was" if len(story.newcomers) == 1 else "were"
        yield (
            f"{wording.listed(story.newcomers)} {are} considered in one of the two only, and "
            f"{'counts' if are == 'was' else 'count'} as {_PLAIN['population']}."
        )
    left_out = story.sides.column("left_out").to_pylist()
    if max(left_out) > _HARDLY_LEFT_OUT:
        yield (
            f"Left out: what no model decided, such as the control arm's "
            f"({wording.percent(left_out[0])} and {wording.percent(left_out[1])})."
        )
