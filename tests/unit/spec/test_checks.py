"""Checks from YAML, bound to a system: every problem at once, each with its mend."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pellucid.errors import SpecError
from pellucid.metrics.catalogue import catalogue
from pellucid.metrics.checks import propose_checks
from pellucid.spec.bind_checks import check_checks, levels_of
from pellucid.spec.check import Channel, Check, Checks, Marker
from pellucid.spec.codec import from_yaml, read_checks, to_yaml
from pellucid.testing.scenarios import small_system
from pellucid.testing.worlds.system import payment_system

SYSTEM = small_system()
METRICS = catalogue(SYSTEM)
SOUND = """
checks:
  - {name: approvals, metric: approval_rate, by: [country, "route,country"], severity: critical}
  - {name: floor, rule: limit, metric: approval_rate, below: 0.8, over: 1d}
  - {name: inputs, rule: drift, columns: [feature], baseline: training}
  - {name: fresh, rule: late, after: 3h, note: call the platform team}
channels:
  - {name: chat, url: "slack://${TOKEN}/x", owners: [payments]}
markers:
  - {name: release 14, at: 2026-10-20}
  - {name: bank moves, at: "2026-10-21T06:00Z", until: 2026-10-22, kind: known, slice: [country=BR]}
holidays: [2026-12-25]
pages: http://127.0.0.1:8000
"""
WRONG = """
checks:
  - {name: a, metric: aproval_rate}
  - {name: a, metric: approval_rate, by: [countri], where: "nothing > 1", below: 0.5}
  - {name: b, rule: limit, metric: approval_rate, over: soon}
  - {name: c, rule: late, by: [country]}
  - {name: d, rule: drift, baseline: 4x, metric: approval_rate}
markers:
  - {name: m, at: yesterday}
  - {name: n, at: 2026-10-22, until: 2026-10-21, kind: known, slice: [countri=BR, BR]}
history: long
holidays: ["2026-13-25"]
false_a_week: 0
pages: javascript:x
"""


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(SpecError) as caught:
        check_checks(from_yaml(text, kind=Checks, where="checks.yml"), SYSTEM, METRICS)
    return caught.value.problems


def test_sound_checks_bind_and_come_back_from_yaml() -> None:
    checks = check_checks(from_yaml(SOUND, kind=Checks), SYSTEM, METRICS)
    assert from_yaml(to_yaml(checks), kind=Checks) == checks
    assert checks.checks[1].below == 0.8
    assert checks.holidays == ("2026-12-25",)
    assert checks.markers[0] == Marker(name="release 14", at="2026-10-20")
    assert checks.channels == (
        Channel(name="chat", url="slack://${TOKEN}/x", owners=("payments",)),
    )


def test_every_problem_is_told_at_once_with_its_place() -> None:
    found = "\n".join(problems(WRONG))
    for told in (
        "checks: 'a' is there 2 times",
        "checks.a.metric: no metric is called 'aproval_rate'; did you mean 'approval_rate'",
        "checks.a.below: has no meaning where the rule is unusual",
        "checks.a.by: no dimension is called 'countri'; did you mean 'country'",
        "checks.a.where: ",
        "checks.b: a limit needs `below` or `above`",
        "checks.b.over: 'soon'",
        "checks.c.by: has no meaning where the rule is late",
        "checks.c: needs `after`",
        "checks.d.metric: has no meaning where the rule is drift",
        "checks.d.baseline: '4x'",
        "markers.m.at: 'yesterday'",
        "markers.n.until: is not after `at`",
        "markers.n.slice: no dimension is called 'countri'",
        "markers.n.slice: 'BR' is not dimension=value",
        "history: 'long'",
        "holidays: '2026-13-25'",
        "false_a_week: 0",
    ):
        assert told in found, told


@pytest.mark.parametrize(("text", "told"), [
    ("checks: []", "checks: there is none"),
    ("check: []", "check: unknown key; did you mean 'checks'"),
    ("checks: [{name: a, metric: approval_rate, below: low}]", "expected a number"),
    ("checks: [{name: a, metric: approval_rate, below: true}]", "expected a number"),
    ("checks: [{name: a, metric: approval_rate, severity: bad}]", "expected one of info, warn"),
    ("checks: [{metric: approval_rate}]", "name: missing"),
    ("holidays: [2026-13-25]", "holds a date that is none: month must be in 1..12"),
])  # fmt: skip
def test_what_is_not_checks_is_refused(text: str, told: str) -> None:
    assert told in "\n".join(problems(text))


def test_levels_hold_the_whole_once() -> None:
    check = Check(name="a", metric="approval_rate", by=("country", "route, country", "country"))
    assert levels_of(check) == ((), ("country",), ("route", "country"))


def test_a_file_of_checks_is_read(tmp_path) -> None:
    path = tmp_path / "checks.yml"
    path.write_text(SOUND)
    assert len(read_checks(path).checks) == 4
    with pytest.raises(SpecError, match="cannot be read"):
        read_checks(tmp_path / "none.yml")


@pytest.mark.parametrize("system", [small_system(), payment_system()])
def test_proposed_checks_bind(system) -> None:
    proposed = propose_checks(system)
    check_checks(proposed, system, catalogue(system))
    assert from_yaml(to_yaml(proposed), kind=Checks) == proposed
    bare = replace(system, dimensions=(), features=(), layers=(), outcomes=(), segments=(),
                   metrics=(), candidate=replace(system.candidate, repeats=()))  # fmt: skip
    check_checks(propose_checks(bare), bare, catalogue(bare))
