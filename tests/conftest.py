"""Options shared by all tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "quick", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-golden", action="store_true", help="write golden files anew")


_ended: set[str] = set()


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_handlecrashitem(crashitem: str, report: pytest.TestReport, sched: Any) -> Iterator[None]:
    """Run a test whose process died or hung once more, alone; twice is a failure.

    Its stacks are in the output of the run: no second success hides the first end.
    """
    yield
    if crashitem not in _ended:
        _ended.add(crashitem)
        report.outcome = "rerun"  # type: ignore[assignment]
        sched.mark_test_pending(crashitem)
