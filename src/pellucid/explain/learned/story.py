"""What a model learned about the calendar, as one value and one paragraph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pellucid.explain import wording
from pellucid.explain.learned.cause import CALENDAR, Cause
from pellucid.explain.learned.daily import WEEKDAYS, Loss, midnight
from pellucid.explain.learned.proof import Proof
from pellucid.explain.learned.trace import Trace
from pellucid.spec.system import System

_SHARE, _ODDS = "probability", "log_odds"


@dataclass(frozen=True, slots=True)
class LearnedArtefact:
    """Traffic that a candidate loses on one weekday because of what the model learned.

    Attributes
    ----------
    system : System
    loss : Loss
        What recurs.
    model_id : str
        The model in force.
    calendar : tuple of (str, str)
        Features that tell the model the weekday, and their values on it.
    cause : Cause
        What carries the loss.
    trace : Trace or None
        The training rows that taught it, and what follows; None where they could not be looked at.
    missing : str
        Why not; empty where there is a trace.
    """

    system: System
    loss: Loss
    model_id: str
    calendar: tuple[tuple[str, str], ...]
    cause: Cause
    trace: Trace | None
    missing: str

    @property
    def verdict(self) -> Literal["incident", "habit", "mixed", "unclear", "untraced"]:
        """What taught it: one incident, a habit of the weekday, both; or it is not known."""
        return "untraced" if self.trace is None else self.trace.verdict.kind

    @property
    def told(self) -> str:
        """The answer as one paragraph."""
        parts = [_recurrence(self), _cause(self)]
        if self.trace is None:
            parts.append(f"Which training rows taught it cannot be said: {self.missing}.")
        else:
            parts += _taught(self, self.trace)
        return " ".join(parts)


def _recurrence(found: LearnedArtefact) -> str:
    loss, cause = found.loss, found.cause
    return (
        f"Every {WEEKDAYS[loss.weekday]} {loss.candidate} loses traffic: "
        f"{wording.percent(cause.share)} of the decisions in which it is eligible, against "
        f"{wording.percent(cause.share_elsewhere)} on other days; lower in {loss.weeks_alike} of "
        f"{loss.weeks} weeks, {wording.span(loss.window)} (p = {loss.p_value:.2g}, adjusted)."
    )


def _cause(found: LearnedArtefact) -> str:
    labels = {feature.name: feature.label or feature.name for feature in found.system.features}
    named = wording.listed(
        [f"{labels.get(name, name)} = {value}" for name, value in found.calendar]
    )
    carried = next(row for row in found.cause.terms.to_pylist() if row["term"] == CALENDAR)
    return (
        f"The model does it, by {named}: that carries {wording.signed(carried['change'], _SHARE)}"
        f"{wording.give_or_take(carried['error'], _SHARE, carried['degrees'])} of "
        f"{wording.signed(found.cause.loss, _SHARE)}; without it the share would be "
        f"{wording.percent(found.cause.share_without)}."
    )


def _taught(found: LearnedArtefact, trace: Trace) -> list[str]:
    verdict, weekday = trace.verdict, WEEKDAYS[found.loss.weekday]
    dates = trace.dates.to_pylist()
    worst = dates[verdict.worst]
    trained = (
        f"{len(dates)} training dates of {trace.candidate} with that calendar, outcomes were "
        f"{wording.signed(verdict.effect, _SHARE)} off what was to be expected"
    )
    effective = f"{verdict.effective_dates:.1f} of {len(dates)}"
    if verdict.kind == "unclear":
        return [
            f"What taught it is not clear: on {trained} (z = {_number(verdict.z)}), and without "
            f"{worst['date']}, the worst, {wording.signed(verdict.effect_without, _SHARE)} "
            f"(z = {_number(verdict.z_without)}). That is no clear sign of one bad date, nor of a "
            "habit" + (", or training again does not bear it out." if trace.proof else ".")
        ]
    if verdict.kind == "habit":
        lines = [
            f"It is a habit and no incident: on the {trained} (z = {_number(verdict.z)}), and the "
            f"deficit is spread over {effective} dates."
        ]
    else:
        hours = wording.span(trace.window) if trace.window else str(worst["date"])
        lines = [
            f"It learned this from an incident{' and a habit' if verdict.kind == 'mixed' else ''}: "
            f"{hours}. {trace.candidate} had {abs(worst['surplus']):,.0f} good outcomes fewer on "
            f"that date than expected (z = {_number(worst['z'])}). On the {trained}; without it "
            f"{wording.signed(verdict.effect_without, _SHARE)} "
            f"(z = {_number(verdict.z_without)})."
        ]
        if verdict.kind == "mixed":
            lines.append(f"So there is an incident, and {weekday}s are a habit besides.")
        if trace.candidate != found.loss.candidate:
            lines.append(f"The model holds it against {found.loss.candidate} too.")
    if trace.proof:
        lines.append(_proven(trace.proof, weekday))
    return [*lines, *_follows(found, trace)]


def _proven(proof: Proof, weekday: str) -> str:
    line = (
        f"Trained again, the model has an effect of {weekday} of "
        f"{wording.signed(proof.effect, _ODDS)} log-odds; without these {proof.rows:,} rows "
        f"{wording.signed(proof.effect_without, _ODDS)}"
    )
    if not proof.placebos:
        return f"{line}."
    kept = sorted(placebo.effect for placebo in proof.placebos)
    others = " to ".join(wording.signed(value, _ODDS) for value in dict.fromkeys(
        (kept[0], kept[-1])))  # fmt: skip
    days = wording.listed([f"{midnight(placebo.day):%m-%d}" for placebo in proof.placebos])
    return f"{line}, and {others} without another date instead ({days})."


def _follows(found: LearnedArtefact, trace: Trace) -> list[str]:
    if trace.consequence is None:
        return []
    follows = trace.consequence
    predicted = [item.label or item.name for item in found.system.outcomes if item.is_predicted]
    good = f"'{predicted[0]}'" if predicted else "good"
    weekday, weeks = WEEKDAYS[found.loss.weekday], found.loss.weeks
    return [
        f"Without them {found.loss.candidate} would get {wording.percent(follows.share_without)} "
        f"of its {wording.decisions(follows.decisions)} on {weekday}s instead of "
        f"{wording.percent(follows.share)}; the model then expects at most "
        f"{follows.approvals_lost:,.0f} more {good} outcomes in the {weeks} weeks."
    ]


def _number(z: float) -> str:
    return f"{z:.1f}".replace("-", wording.MINUS)
