"""The sections that ask why hold with as little as decisions and their picks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from pellucid.log.client import Logger
from pellucid.observatory import open_system
from pellucid.report.build import report_content
from pellucid.spec.system import System


def test_decisions_alone_tell_that_a_share_changed(tmp_path: Path) -> None:
    """No dimensions, layers, candidates or attributions: a's share falls from 3/4 to 1/2."""
    start = datetime(2026, 6, 1, tzinfo=UTC)
    at = [start + timedelta(hours=3 * number) for number in range(14 * 8)]
    chosen = [
        "b" if number % (4 if number < 56 else 2) == 0 else "a" for number in range(len(at))
    ]  # fmt: skip
    Logger(System(name="bare"), to=tmp_path).decisions(pa.table({
        "decision_id": [f"d{number}" for number in range(len(at))],
        "decided_at": pa.array(at, pa.timestamp("us", tz="UTC")), "chosen": chosen,
    })).raise_for_refused()  # fmt: skip
    obs = open_system(tmp_path)
    report = report_content(obs, over="14d")
    titles = [section.title for section in report.sections]
    assert "Why traffic changed" in titles
    assert not [title for title in titles if " and not " in title]
    section = report.sections[titles.index("Why traffic changed")]
    told = section.cards[0].findings[0]
    assert len(section.cards) == 1
    assert told.startswith("a fell from 75.0% of 56 decisions")
    assert "to 50.0% of 56 decisions" in told
    assert "what the model prefers −25.0 pp" in told
