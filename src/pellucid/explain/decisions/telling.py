"""A story in words: titled paragraphs that need no knowledge of machine learning."""

from __future__ import annotations

from datetime import datetime

from pellucid.explain.decisions.story import Attribution, CandidateView, StageView, Story
from pellucid.schema.currencies import minor_decimals
from pellucid.spec.system import Outcome, System
from pellucid.windows import parse_duration

_MINUS = "−"
_BARS_TOLD = 5

SUBJECT = "What was decided about"
ELIGIBILITY = "Who could be picked"
SCORES = "What the model said"
LAYERS = "What the policy layers did"
OUTCOMES = "What happened"


def tell(story: Story, system: System, as_of: datetime) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the story as (title, sentences), in the order in which things happened.

    Parameters
    ----------
    as_of : datetime
        Until when outcomes are known: one that is due by then and absent is missing, not pending.
    """
    told = (
        (SUBJECT, _subject(story, system)),
        (ELIGIBILITY, _eligibility(story, system)),
        (SCORES, _scores(story, system)),
        (LAYERS, _layers(story, system)),
        (OUTCOMES, _outcomes(story, system, as_of)),
    )
    return tuple((title, tuple(sentences)) for title, sentences in told if sentences)


def _subject(story: Story, system: System) -> list[str]:
    decision = story.decision
    facts = [f"{item.label or item.name} {decision[item.name]}"
             for item in system.dimensions if item.name in decision]  # fmt: skip
    amount = ""
    if "amount_minor" in decision:
        amount = f", amount {_money(decision['amount_minor'], decision.get('currency'))}"
    lines = [
        f"Decision {decision['decision_id']} at {decision['decided_at']:%Y-%m-%d %H:%M:%S} UTC"
        f"{amount}."
    ]
    if facts:
        lines.append(", ".join(facts) + ".")
    if len(story.attempts) > 1:
        tried = ", then ".join(str(item["chosen"]) for item in story.attempts)
        lines.append(
            f"Attempt {decision['attempt']} of {len(story.attempts)} on request "
            f"{decision['request_id']}: {tried}."
        )
    if decision.get("arm") == "control":
        lines.append("It was in the control arm: decided without the model, for comparison.")
    return lines


def _eligibility(story: Story, system: System) -> list[str]:
    allowed = [item.candidate_id for item in story.candidates if item.is_eligible]
    refused = [item for item in story.candidates if not item.is_eligible]
    noun = system.candidate.label or system.candidate.name
    if not story.candidates:
        return [f"No {noun.lower()} was logged for this decision."]
    lines = [f"{len(allowed)} of {len(story.candidates)} were allowed: {', '.join(allowed)}."]
    for item in refused:
        reason = (item.ineligible_reason or "no reason logged").replace("_", " ")
        lines.append(f"{item.candidate_id} was not: {reason}.")
    return lines


def _scores(story: Story, system: System) -> list[str]:
    scored = sorted(
        (item for item in story.candidates if item.probability is not None),
        key=lambda item: -(item.probability or 0.0),
    )
    if not scored:
        return []
    ranking = ", ".join(f"{item.candidate_id} {item.probability:.1%}" for item in scored)
    predicted = next((item for item in system.outcomes if item.is_predicted), None)
    what = f"Probability of {_label(predicted).lower()}" if predicted else "Probability"
    lines = [f"{what} by the model: {ranking}."]
    chosen = story.chosen
    if chosen and chosen.attribution:
        lines += _bars(chosen, chosen.attribution, system)
    return lines


def _bars(chosen: CandidateView, attribution: Attribution, system: System) -> list[str]:
    unit = system.score_unit.replace("_", "-")
    shown = [
        f"{bar.label} = {bar.shown_value} ({_signed(bar.attribution)})"
        for bar in attribution.bars[:_BARS_TOLD]
    ]
    rest = sum(bar.attribution for bar in attribution.bars[_BARS_TOLD:])
    lines = [
        f"For {chosen.candidate_id}, from its average {_signed(attribution.base_value)} to "
        f"{_signed(attribution.raw_score)} {unit}: {', '.join(shown)}"
        f"{f', all others ({_signed(rest)})' if len(attribution.bars) > _BARS_TOLD else ''}; "
        f"left unexplained: {_tiny(attribution.residual)}."
    ]
    if not attribution.is_additive:
        lines.append(
            "The logged score is not what this model gives for the logged features: the model "
            "file, the features or the score were logged wrongly. Do not trust these bars."
        )
    return lines


def _layers(story: Story, system: System) -> list[str]:
    lines, before = [], None
    for stage in story.stages:
        if stage.stage == "model":
            lines.append(f"The model alone picks {stage.pick}.")
        elif stage.is_override:
            terms = _terms(story, system, stage, (before, stage.pick))
            lines.append(f"{stage.label}: moves the pick from {before} to {stage.pick}{terms}.")
        else:
            lines.append(f"{stage.label}: leaves {stage.pick}.")
        before = stage.pick
    picked = story.decision.get("chosen")
    if picked is None:
        lines.append("Nothing was picked.")
    else:
        chance = story.decision.get("propensity")
        how = f" (the policy picks it with probability {chance:.1%})" if chance else ""
        lines.append(f"Picked: {picked}{how}.")
    return lines


def _terms(
    story: Story, system: System, stage: StageView, candidates: tuple[str | None, ...]
) -> str:
    terms = {view.candidate_id: view.layers.get(stage.stage) for view in story.candidates}
    shown = [f"{name} {_term(terms[name], system)}" for name in candidates
             if name is not None and terms.get(name) is not None]  # fmt: skip
    return f", by adding {' and '.join(shown)}" if shown else ""


def _term(value: float | None, system: System) -> str:
    amount = value or 0.0
    if system.policy_scale == "probability":
        return f"{_signed(100 * amount)} pp"
    return _signed(amount)


def _outcomes(story: Story, system: System, as_of: datetime) -> list[str]:
    declared = {outcome.name: outcome for outcome in system.outcomes}
    lines = []
    seen: set[str] = set()
    for row in story.outcomes:
        outcome = declared.get(row["outcome"])
        label = _label(outcome) if outcome else row["outcome"]
        is_amount = outcome is not None and outcome.kind == "amount"
        value = f"{row['value']:,g}" if is_amount else "yes" if row["value"] >= 1 else "no"
        corrected = ", corrected to" if row["outcome"] in seen else ":"
        seen.add(row["outcome"])
        reason = f", reason {row['reason'].replace('_', ' ')}" if row["reason"] else ""
        blame = f" (blame: {row['blame']})" if row["blame"] else ""
        lines.append(
            f"{label}{corrected} {value}, {row['outcome_at']:%Y-%m-%d %H:%M} UTC{reason}{blame}."
        )
    for name, outcome in declared.items():
        if name not in seen:
            due = story.decision["decided_at"] + parse_duration(outcome.matures_after)
            state = (
                f"due since {due:%Y-%m-%d %H:%M} UTC, and never recorded" if due <= as_of
                else f"pending until {due:%Y-%m-%d %H:%M} UTC, not negative"
            )  # fmt: skip
            lines.append(f"{_label(outcome)}: {state}.")
    return lines


def _label(outcome: Outcome) -> str:
    return outcome.label or outcome.name.replace("_", " ").capitalize()


def _money(amount_minor: int, currency: str | None) -> str:
    if not currency:
        return f"{amount_minor:,} minor units"
    decimals = minor_decimals(currency)
    return f"{amount_minor / 10**decimals:,.{decimals}f} {currency}"


def _tiny(value: float) -> str:
    return f"{value:.1e}".replace("-", _MINUS)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", _MINUS)
