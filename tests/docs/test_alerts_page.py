"""The page on checks is true: its files bind, its commands are ours, its metrics are given out."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from pellucid.cli import make_parser
from pellucid.metrics.catalogue import catalogue
from pellucid.monitor.notices.prometheus import Status, exposition
from pellucid.monitor.notices.send import check_channels
from pellucid.spec.bind_checks import check_checks
from pellucid.spec.check import Checks
from pellucid.spec.codec import from_yaml
from pellucid.testing.worlds.system import payment_system

TEXT = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
SYSTEM = payment_system()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", TEXT, flags=re.DOTALL)


def commands() -> list[str]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("pellucid ")]


def test_the_checks_bind() -> None:
    (checks,) = (block for block in blocks("yaml") if block.startswith("checks:"))
    found = check_checks(from_yaml(checks, kind=Checks), SYSTEM, catalogue(SYSTEM))
    assert {check.rule for check in found.checks} == {"unusual", "limit", "drift", "late"}


def test_the_channels_are_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    (channels,) = (block for block in blocks("yaml") if block.startswith("channels:"))
    found = from_yaml(f"checks: [{{name: a}}]\n{channels}", kind=Checks)
    monkeypatch.setenv("SLACK_WEBHOOK", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    for name in ("PAGERDUTY_ROUTING_KEY", "PAGERDUTY_API_KEY", "MAIL_PASSWORD", "HOOK_TOKEN"):
        monkeypatch.setenv(name, "abcdef0123456789")
    assert check_channels(found.channels) == ()


@pytest.mark.parametrize("line", commands())
def test_the_commands_are_commands(line: str) -> None:
    words = shlex.split(line.split("  #")[0].split(" > ")[0])
    assert make_parser().parse_args(words[1:]).run is not None


def test_the_rules_name_metrics_that_are_given_out() -> None:
    (rules,) = (block for block in blocks("yaml") if block.startswith("groups:"))
    named = set(re.findall(r"pellucid_\w+", str(yaml.safe_load(rules))))
    given = exposition(Status(system="card-routing", last_run_at=datetime(2026, 6, 1, tzinfo=UTC)),
                       now=datetime(2026, 6, 2, tzinfo=UTC)).decode()  # fmt: skip
    known = set(re.findall(r"# TYPE (\w+)", given)) | {
        "pellucid_notices_failing", "pellucid_notices_given_up"
    }  # fmt: skip
    assert named <= known
