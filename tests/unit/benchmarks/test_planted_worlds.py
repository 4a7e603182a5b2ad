"""Planted worlds: shared weeks, the one thing that goes wrong, and what is said of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pellucid.metrics.catalogue import catalogue
from pellucid.observatory import open_system
from pellucid.spec.bind_checks import check_checks
from pellucid.testing.worlds import payment_system
from pellucid.windows import Window

DECISIONS = 12_000


def test_checks_bind(worlds: ModuleType) -> None:
    system = payment_system()
    check_checks(worlds.CHECKS, system, catalogue(system))


@pytest.mark.slow
def test_worlds_of_a_seed_differ_only_since_the_start(worlds: ModuleType, tmp_path: Path) -> None:
    quiet = worlds.planted(2, "quiet", folder=tmp_path, decisions=DECISIONS)
    assert quiet.truth.detectable_at is None
    rule = worlds.planted(2, "eligibility", folder=tmp_path, decisions=DECISIONS)
    truth = rule.truth
    lakes = [open_system(world.lake) for world in (quiet, rule)]
    start = worlds.JUDGED.start - timedelta(days=21)
    before = Window(start, truth.start_at)
    sides = [
        lake.query("eligibility_rate", "approval_rate", by=["route", "country"], over=before).rows
        for lake in lakes
    ]
    assert sides[0].equals(sides[1])
    since = Window(truth.detectable_at, truth.end_at)
    planted = dict(truth.slices[0])
    route, where = planted["route"], f"country = '{planted['country']}'"
    rates = []
    for lake in lakes:
        rows = lake.query("eligibility_rate", by=["route"], where=where, over=since).finest
        rates.append({row["route"]: row["value"] for row in rows.to_pylist()})
    assert rates[0][route] > 0.3
    assert rates[1][route] == 0.0
    # Made once: asked again, nothing is written.
    written = {path: path.stat().st_mtime_ns for path in rule.lake.rglob("*")}
    again = worlds.planted(2, "eligibility", folder=tmp_path, decisions=DECISIONS)
    assert again == rule
    assert written == {path: path.stat().st_mtime_ns for path in rule.lake.rglob("*")}


@pytest.mark.slow
def test_what_is_drawn_can_matter(worlds: ModuleType) -> None:
    base = worlds._simulated(5, DECISIONS)
    chosen = np.array(base.tables["decisions"]["chosen"].to_pylist(), dtype=object)
    for attempt in range(20):
        outage = worlds.draw("outage", base, attempt=attempt)
        assert (chosen == outage.route).mean() >= 0.03
        stale = worlds.draw("stale", base, attempt=attempt)
        assert stale.kind == "frozen"
        assert stale.feature not in ("route", "processor")
        for kind in worlds.KINDS:
            start_at = worlds.draw(kind, base, attempt=attempt).start_at
            assert worlds.JUDGED.start <= start_at < worlds.JUDGED.start + timedelta(days=3)
            assert start_at.minute == 0
    assert worlds.draw("fee", base) == worlds.draw("fee", base)
