"""Payment worlds in which one known thing goes wrong in the last week, as lakes on disk.

Three quiet weeks, then the week that is judged: in its first three days, on a whole hour, begins

- an `outage` of a route for 6 to 24 hours (of those with 3% of the decisions at least);
- a `stale` feature for three days: null, or as it was at the start, in turn by seed; never frozen
  where a candidate always has the same value;
- an `issuer` that approves less, by 1 to 2 log-odds, for four days (1.5% of decisions at least);
- a `fee` change of a route, to 0.6 to 1.8 times what it was, for good;
- an `eligibility` rule that takes a route out in a country, for good (where it may be used by 30%
  of the decisions at least and gets 1% of them);
- a `unit` change of a feature, for good;

or nothing: `quiet`. What is drawn depends on the seed and the kind alone. All worlds of a seed
have the same payments, model and luck, hence the same first three weeks, which are written once.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from planted_scores import HOUR, Truth
from planted_truth import truth_of

from pellucid.log.client import Logger
from pellucid.spec.check import Check, Checks
from pellucid.testing.worlds import (
    END_AT,
    EligibilityRule,
    FeeChange,
    Incident,
    IssuerDecline,
    Outage,
    PaymentWorld,
    StaleFeature,
    UnitChange,
    payment_world,
)
from pellucid.windows import Window

DECISIONS = 150_000
DAYS, JUDGED_DAYS, START_DAYS = 28, 7, 3
JUDGED = Window(END_AT - timedelta(days=JUDGED_DAYS), END_AT)
SYSTEM = "card-routing"
KINDS = ("outage", "stale", "issuer", "fee", "eligibility", "unit")
QUIET = "quiet"
CHECKS = Checks(
    checks=(
        Check(name="approvals", metric="approval_rate", severity="critical",
              by=("route", "country", "issuer", "network", "card_type", "amount_band",
                  "route,country", "route,issuer")),
        Check(name="eligibility", metric="eligibility_rate", where="attempt = 1",
              by=("route", "country", "route,country")),
        Check(name="fees", metric="mean_layer_fees", by=("route",)),
        Check(name="shares", metric="traffic_share", by=("route", "route,country")),
        Check(name="volume", metric="decision_count", by=("country", "issuer")),
        Check(name="scores", metric="mean_score", by=("route",)),
        Check(name="guardrail", metric="override_rate_guardrail"),
        Check(name="missing outcomes", metric="missing_share_approved"),
        Check(name="features", rule="drift", columns=("feature",)),
        Check(name="silence", rule="late", table="decisions", after="3h", severity="critical"),
    ),
)  # fmt: skip
"""What is watched in every world."""

# As a unit slips: cents or euros, hours or years for days, percent for shares.
_UNITS = (("amount", 100.0), ("amount", 0.01), ("customer_age_days", 24.0),
          ("customer_age_days", 1 / 365), ("fee_share", 100.0), ("route_health", 100.0),
          ("issuer_health", 100.0))  # fmt: skip
_STATIC = ("route", "processor")
_FACTORS = (0.6, 0.75, 1.3, 1.5, 1.8)
_LEAST_OUTAGE, _LEAST_ISSUER, _LEAST_PICKED, _LEAST_ELIGIBLE = 0.03, 0.015, 0.01, 0.3
_TRAINING = 50_000
_TABLES = ("decisions", "candidates", "outcomes")
_MOST_DRAWS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A world on disk and what is true of it.

    Attributes
    ----------
    seed : int
    truth : Truth
    lake : Path
        Folder with the lake of the system `SYSTEM`.
    drawn : str
        What was planted, for people.
    """

    seed: int
    truth: Truth
    lake: Path
    drawn: str


def planted(seed: int, kind: str, *, folder: Path, decisions: int = DECISIONS) -> Planted:
    """Return a world, made if it is not in `folder` yet.

    Parameters
    ----------
    seed : int
    kind : str
        One of `KINDS`, or `QUIET`.
    folder : Path
        Where worlds are kept; those of one seed share files.
    decisions : int, default 150_000
        About how many in the four weeks.
    """
    home = folder / f"{decisions}-{seed}" / kind

    def build(place: Path) -> None:
        base = _base(seed, decisions)
        world, truth, drawn = (
            (base, Truth(kind=QUIET, judged=JUDGED), "nothing") if kind == QUIET
            else _drawn(base, kind)
        )  # fmt: skip
        shared = _made(home.parent / "shared", lambda part: _log(base, part, is_shared=True))
        shutil.copytree(shared, place / "lake", copy_function=os.link)
        _log(world, place / "lake", is_shared=False)
        (place / "truth.json").write_text(json.dumps({"drawn": drawn, **truth.to_json()}))

    stored = json.loads((_made(home, build) / "truth.json").read_text())
    drawn = stored.pop("drawn")
    return Planted(seed=seed, truth=Truth.from_json(stored), lake=home / "lake", drawn=drawn)


def draw(kind: str, base: PaymentWorld, *, attempt: int = 0) -> Incident:
    """Return what is planted in the world of `base`'s seed; another one at each attempt."""
    seed = base.config.seed
    rng = np.random.default_rng([seed, KINDS.index(kind), attempt])
    start_at = JUDGED.start + int(rng.integers(START_DAYS * 24)) * HOUR
    if kind == "outage":
        routes = [name for name, share in _shares(base, "chosen").items() if share >= _LEAST_OUTAGE]
        return Outage(route=_one(rng, routes), start_at=start_at, hours=int(rng.integers(6, 25)))
    if kind == "issuer":
        shares = _shares(base, "issuer")
        issuer = _one(rng, [name for name, share in shares.items() if share >= _LEAST_ISSUER])
        effect = round(float(-rng.uniform(1, 2)), 2)
        return IssuerDecline(issuer=issuer, start_at=start_at, days=4, effect=effect)
    if kind == "fee":
        route = _one(rng, list(base.truth.routes))
        return FeeChange(route=route, start_at=start_at, factor=float(rng.choice(_FACTORS)))
    if kind == "eligibility":
        route, country = _one(rng, _usable(base))
        return EligibilityRule(route=route, country=country, start_at=start_at)
    if kind == "unit":
        feature, factor = _one(rng, _UNITS)
        return UnitChange(feature=feature, factor=factor, start_at=start_at)
    names = [feature.name for feature in base.system.features]
    if seed % 2 == 0:
        return StaleFeature(feature=_one(rng, names), start_at=start_at, days=3, kind="null")
    names = [name for name in names if name not in _STATIC]
    return StaleFeature(feature=_one(rng, names), start_at=start_at, days=3, kind="frozen")


def said(incident: Incident) -> str:
    """Return what is planted and since when, in one line."""
    since = f"since {incident.start_at:%Y-%m-%d %H:%M}"
    names = (item.name for item in fields(incident) if item.name != "start_at")
    return " ".join((since, *(f"{name}={getattr(incident, name)}" for name in names)))


def _drawn(base: PaymentWorld, kind: str) -> tuple[PaymentWorld, Truth, str]:
    # What nobody could tell before the week ends is no test: another is drawn.
    for attempt in range(_MOST_DRAWS):
        incident = draw(kind, base, attempt=attempt)
        world = _simulated(base.config.seed, base.config.decisions, incident)
        truth = truth_of(kind, incident, world, base, judged=JUDGED)
        if truth.detectable_at is not None and truth.detectable_at < JUDGED.end:
            return world, truth, said(incident)
    raise RuntimeError(f"seed {base.config.seed}: no {kind} in {_MOST_DRAWS} draws can be told")


@lru_cache(maxsize=1)
def _base(seed: int, decisions: int) -> PaymentWorld:
    return _simulated(seed, decisions)


def _simulated(seed: int, decisions: int, *incidents: Incident) -> PaymentWorld:
    return payment_world(
        decisions=decisions, seed=seed, history_days=DAYS, live_days=DAYS, incidents=incidents,
        training_decisions=_TRAINING,
    )  # fmt: skip


def _made(path: Path, build: Callable[[Path], None]) -> Path:
    if not path.exists():
        part = path.with_name(f"{path.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        build(part)
        part.rename(path)
    return path


def _log(world: PaymentWorld, lake: Path, *, is_shared: bool) -> None:
    log = Logger(world.system, to=lake)
    if is_shared:
        world.log_models(log)
    decisions = world.tables["decisions"]
    early = decisions.filter(pc.less(decisions["decided_at"], JUDGED.start))["decision_id"]
    for name in _TABLES:
        rows = world.tables[name]
        # Outcomes belong to the week of their decision, whenever they are recorded.
        inside = pc.is_in(rows["decision_id"], early)
        rows = rows.filter(inside if is_shared else pc.invert(inside))
        log.table(name, rows, batch_id=f"{name}-{'shared' if is_shared else 'judged'}")


def _shares(base: PaymentWorld, column: str) -> dict[str, float]:
    decisions = base.tables["decisions"]
    counts = pc.drop_null(decisions[column]).value_counts().to_pylist()
    found = {item["values"]: item["counts"] / decisions.num_rows for item in counts}
    return dict(sorted(found.items()))


def _usable(base: PaymentWorld) -> list[tuple[str, str]]:
    cells = base.tables["candidates"].group_by(["candidate_id", "country"]).aggregate(
        [("is_eligible", "mean"), ("is_chosen", "mean")]
    ).to_pylist()  # fmt: skip
    return sorted(
        (cell["candidate_id"], cell["country"]) for cell in cells
        if cell["is_eligible_mean"] >= _LEAST_ELIGIBLE and cell["is_chosen_mean"] >= _LEAST_PICKED
    )  # fmt: skip


def _one(rng: np.random.Generator, among: Any) -> Any:
    return among[int(rng.integers(len(among)))]
