"""The told paragraph: every number in it is one of the values, and each verdict has its words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from pellucid.explain.learned.cause import CALENDAR, Cause
from pellucid.explain.learned.consequence import Consequence
from pellucid.explain.learned.daily import WEEKDAYS, Loss
from pellucid.explain.learned.proof import Placebo, Proof
from pellucid.explain.learned.story import LearnedArtefact
from pellucid.explain.learned.trace import Trace
from pellucid.explain.learned.verdict import Verdict
from pellucid.spec.system import Candidate, Feature, Outcome, System
from pellucid.windows import Window

SYSTEM = System(
    name="s", features=(Feature(name="wd", label="Day of week", kind="category"),),
    candidate=Candidate(name="route"),
    outcomes=(Outcome(name="paid", matures_after="2h", label="Paid", is_predicted=True),),
)  # fmt: skip
START = datetime(2026, 9, 6, tzinfo=UTC)
LOSS = Loss("x", 1, Window(START, START + timedelta(days=56)), -0.09, 8, 7, 0.0025)
CAUSE = Cause(
    decisions=4000, loss=-0.089,
    terms=pa.table({"term": [CALENDAR], "change": [-0.127], "error": [0.01], "degrees": [40.0]}),
    calendar_part=1.43, share=0.190, share_elsewhere=0.279, share_without=0.267,
    cells=pa.table({"candidate": ["x"], **{name: [0.0] for name in WEEKDAYS}}), fidelity=1.0,
)  # fmt: skip
VERDICT = Verdict("incident", 1, -0.07, 0.003, 1.04, 1.1, -10.2, 0.5)
DATES = pa.table({
    "date": [date(2026, 8, 18), date(2026, 8, 25), date(2026, 9, 1)], "rows": [400, 390, 410],
    "surplus": [3.0, -242.4, 5.0], "z": [0.4, -31.1, 0.6], "q": [0.9, 0.0, 0.9],
})  # fmt: skip
OUTAGE = datetime(2026, 8, 25, 5, tzinfo=UTC)
PROOF = Proof(318, -0.11, -0.01, (Placebo(20683, -0.17), Placebo(20697, -0.12)))
TRACE = Trace(
    "x", VERDICT, DATES, pa.table({}), Window(OUTAGE, OUTAGE + timedelta(hours=18)), PROOF,
    Consequence(5891.0, 0.204, 0.308, 28.4),
)  # fmt: skip


def told(trace: Trace | None, missing: str = "") -> str:
    return LearnedArtefact(SYSTEM, LOSS, "m:1", (("wd", "tuesday"),), CAUSE, trace, missing).told


def test_an_incident_is_told_from_traffic_to_consequence() -> None:
    assert told(TRACE) == (
        "Every Tuesday x loses traffic: 19.0% of the decisions in which it is eligible, against "
        "27.9% on other days; lower in 7 of 8 weeks, 2026-09-06 to 2026-11-01 UTC (p = 0.0025, "
        "adjusted). The model does it, by Day of week = tuesday: that carries −12.7 pp (give or "
        "take 2.0 pp) of −8.9 pp; without it the share would be 26.7%. It learned this from an "
        "incident: 2026-08-25 05:00 to 2026-08-25 23:00 UTC. x had 242 good outcomes fewer on that "
        "date than expected (z = −31.1). On the 3 training dates of x with that calendar, outcomes "
        "were −7.0 pp off what was to be expected; without it +0.3 pp (z = 0.5). Trained again, "
        "the model has an effect of Tuesday of −0.11 log-odds; without these 318 rows −0.01, and "
        "−0.17 to −0.12 without another date instead (08-18 and 09-01). Without them x would get "
        "30.8% of its 5,891 decisions on Tuesdays instead of 20.4%; the model then expects at most "
        "28 more 'Paid' outcomes in the 8 weeks."
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("mixed", "an incident and a habit: 2026-08-25 05:00"),
        ("mixed", "Tuesdays are a habit besides"),
        ("habit", "It is a habit and no incident"),
        ("habit", "spread over 1.1 of 3 dates"),
        ("unclear", "What taught it is not clear: on 3 training dates of x"),
        ("unclear", "nor of a habit, or training again does not bear it out."),
    ],
)
def test_each_verdict_has_its_words(kind: str, words: str) -> None:
    assert words in told(replace(TRACE, verdict=replace(VERDICT, kind=kind)))  # type: ignore[arg-type]


def test_what_another_candidate_taught_says_so() -> None:
    assert "y had 242 good" in told(replace(TRACE, candidate="y"))
    assert "The model holds it against x too." in told(replace(TRACE, candidate="y"))
    assert "too." not in told(TRACE)


def test_what_is_missing_is_said() -> None:
    artefact = LearnedArtefact(SYSTEM, LOSS, "m:1", (("wd", "tuesday"),), CAUSE, None, "no rows")
    assert artefact.verdict == "untraced"
    assert artefact.told.endswith("Which training rows taught it cannot be said: no rows.")
