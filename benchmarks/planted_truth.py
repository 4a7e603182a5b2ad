"""What is true of a planted world, and since when it could be told: pure functions.

An incident is *detectable* from the first whole hour on (for a column, the first midnight: columns
are looked at once a day) at which somebody who knows what is planted, where and since when could
tell it from chance. Each row says for or against it by its log-likelihood ratio, in nats: how much
more likely the row is with the incident than without. Their sum since the start has to reach
`NATS` = ln(168 x `SERIES`). By Ville's inequality chance alone ever gets a likelihood ratio that
high with a probability of 1 / (168 x `SERIES`) at most, which is what each hour of each of so many
series has if all of them together may raise one false incident a week. What a row says:

- outage, issuer: the approval as first recorded, under the world's own true probabilities with and
  without the incident. A decision counts once it is mature, 2 hours after it was made;
- eligibility rule: a candidate of the slice that is not eligible, against the share that was
  eligible in the weeks before;
- fee change: the first row tells, as the term is not left to chance;
- column: one nat for each decision of which a candidate has another value than in the quiet world
  of the same seed. So it takes eleven wrong decisions on one day or the days before.

A monitor knows none of these, so it can only be later than this by its own searching.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from planted_scores import HOUR, Slice, Truth

from pellucid.testing.worlds import (
    EligibilityRule,
    FeeChange,
    Incident,
    IssuerDecline,
    Outage,
    PaymentWorld,
    StaleFeature,
    UnitChange,
)
from pellucid.windows import Window, instant_of, micros

SERIES = 507
"""Metrics times segments that `planted_worlds.CHECKS` watches in a world."""
NATS = math.log(168 * SERIES)
MATURITY = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Rows that tell of an incident: when each was decided, and what it tells in nats."""

    at_us: NDArray[np.int64]
    nats: NDArray[np.float64]
    delay: timedelta = timedelta()

    def told_us(self, start_us: int, end_us: int, grain: timedelta) -> int | None:
        """Return when the rows decided in [start, end) are enough; see `first_told`."""
        inside = (self.at_us >= start_us) & (self.at_us < end_us)
        return first_told(self.at_us[inside], self.nats[inside], grain=grain, delay=self.delay)


def truth_of(
    kind: str, incident: Incident, world: PaymentWorld, base: PaymentWorld, *, judged: Window
) -> Truth:
    """Return what is true of a world.

    Parameters
    ----------
    kind : str
    incident : Incident
        All that is planted in `world`.
    world, base : PaymentWorld
        Of the same seed; in `base` nothing is planted.
    judged : Window
        Ends with the world.
    """
    column = incident.feature if isinstance(incident, StaleFeature | UnitChange) else ""
    grain = timedelta(days=1) if column else HOUR
    length = incident.length_us
    start_us, end_us = micros(incident.start_at), micros(judged.end)
    if length is not None:
        end_us = min(end_us, start_us + length)
    evidence = evidence_of(incident, world, base)
    told_us = evidence.told_us(start_us, end_us, grain)
    slices = same_slices(slice_of(incident), _reach(incident, base, judged))
    return Truth(
        kind=kind, judged=judged, column=column, slices=slices, grain=grain,
        start_at=incident.start_at, end_at=instant_of(end_us),
        detectable_at=None if told_us is None else instant_of(told_us),
    )  # fmt: skip


def slice_of(incident: Incident) -> Slice:
    """Return where an incident is, in order of dimension; empty where it is everywhere."""
    names = ("country", "issuer", "route")
    return tuple((name, getattr(incident, name)) for name in names if hasattr(incident, name))


def same_slices(where: Slice, reach: pa.Table) -> tuple[Slice, ...]:
    """Return all conditions that hold in the same rows as `where`, itself first.

    Parameters
    ----------
    where : tuple of (str, str)
    reach : pyarrow.Table
        The rows that could be hit, with a column of text for each dimension.
    """
    if not where:
        return ()
    inside = _inside(reach, dict(where))
    own = reach.filter(inside)
    implied = {
        name: own[name][0].as_py() for name in reach.column_names
        if len(pc.unique(own[name])) == 1 and own[name][0].is_valid
    }  # fmt: skip
    subsets = (dict(some) for size in range(1, len(implied) + 1)
               for some in combinations(implied.items(), size))  # fmt: skip
    same = [tuple(sorted(some.items())) for some in subsets if _inside(reach, some).equals(inside)]
    return (where, *(one for one in same if one != where))


def _reach(incident: Incident, base: PaymentWorld, judged: Window) -> pa.Table:
    """Return the candidates that an incident can hit: chosen or eligible ones."""
    rows, decisions = base.tables["candidates"], base.tables["decisions"]
    place = pa.array(np.repeat(np.arange(decisions.num_rows), len(base.truth.routes)))
    hit = rows["is_chosen" if isinstance(incident, Outage | IssuerDecline) else "is_eligible"]
    hit = pc.and_(hit, pc.greater_equal(rows["decided_at"], judged.start))
    names = ("country", "issuer", "network", "card_type", "amount_band")
    columns = {name: decisions[name].take(place) for name in names}
    columns |= {"route": rows["candidate_id"], "processor": rows["processor"],
                "configuration": rows["configuration"]}  # fmt: skip
    return pa.table(columns).filter(hit)


def evidence_of(incident: Incident, world: PaymentWorld, base: PaymentWorld) -> Evidence:
    """Return the rows that tell of an incident; see the module."""
    where = dict(slice_of(incident))
    if isinstance(incident, Outage | IssuerDecline):
        return Evidence(*_approval_nats(world, where), delay=MATURITY)
    if isinstance(incident, EligibilityRule):
        return Evidence(*_eligibility_nats(world, where, micros(incident.start_at)))
    if isinstance(incident, FeeChange):
        rows = _candidates(world, where)
        at_us = _at_us(rows.filter(pc.is_valid(rows["layer_fees"])))
        return Evidence(at_us, np.full(len(at_us), np.inf))
    if isinstance(incident, StaleFeature | UnitChange):
        at_us = _wrong(world, base, incident.feature)
        return Evidence(at_us, np.ones(len(at_us)))
    raise TypeError(f"{type(incident).__name__} is not planted here")


def bernoulli_nats(
    is_yes: NDArray[np.bool_], chance: NDArray[np.float64], chance_without: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how much more likely each answer is with a chance than without the incident."""
    yes, no = np.log(chance / chance_without), np.log((1 - chance) / (1 - chance_without))
    return np.where(is_yes, yes, no)


def first_told(
    at_us: NDArray[np.int64], nats: NDArray[np.float64], *, grain: timedelta, delay: timedelta
) -> int | None:
    """Return the end of the first grain by which the rows told `NATS`, or None.

    Parameters
    ----------
    at_us : array of int64, shape (n,)
        When each row of the incident was decided, in microseconds since 1970, in any order.
    nats : array of float64, shape (n,)
        What it tells.
    grain : timedelta
        What is looked at only at its ends.
    delay : timedelta
        How long after its decision a row is first seen.
    """
    grain_us, delay_us = (round(span / timedelta(microseconds=1)) for span in (grain, delay))
    order = np.argsort(at_us, kind="stable")
    seen_us = -(-(at_us[order] + 1 + delay_us) // grain_us) * grain_us
    told = np.cumsum(nats[order])
    # Only at the end of a grain: what is lost again within it was never seen.
    is_last = np.append(seen_us[1:] != seen_us[:-1], True)[: len(seen_us)]
    enough = np.flatnonzero(is_last & (told >= NATS))
    return int(seen_us[enough[0]]) if len(enough) else None


def _approval_nats(world: PaymentWorld, where: Mapping[str, str]) -> tuple[Any, Any]:
    """Return decisions of a slice that have an outcome, and what each tells of the incident."""
    decisions, outcomes = world.tables["decisions"], world.tables["outcomes"]
    outcomes = outcomes.filter(pc.equal(outcomes["outcome"], "approved"))
    place = pc.index_in(decisions["decision_id"], outcomes["decision_id"])
    rows = np.flatnonzero(pc.and_(_inside(decisions, where), pc.is_valid(place)).to_numpy())
    approved = outcomes["value"].take(place.take(rows)).to_numpy() >= 1
    chosen = pc.index_in(decisions["chosen"], pa.array(world.truth.routes)).take(rows).to_numpy()
    cell = rows * len(world.truth.routes) + chosen
    nats = bernoulli_nats(
        approved, world.truth.approval_probability[cell],
        world.truth.approval_without_incidents[cell],
    )  # fmt: skip
    return _at_us(decisions)[rows], nats


def _eligibility_nats(
    world: PaymentWorld, where: Mapping[str, str], start_us: int
) -> tuple[Any, Any]:
    rows = _candidates(world, where)
    at_us, eligible = _at_us(rows), rows["is_eligible"].to_numpy()
    before = eligible[at_us < start_us].mean()
    return at_us, np.full(len(at_us), -math.log1p(-before))


def _wrong(world: PaymentWorld, base: PaymentWorld, column: str) -> Any:
    """Return when decisions were made of which a candidate has another value than if quiet."""
    count = len(world.truth.routes)
    sides = []
    for side in (world, base):
        values = side.tables["candidates"][f"f_{column}"]
        if pa.types.is_dictionary(values.type):
            values = pc.cast(values, pa.string())
        sides.append(values)
    ids = [side.tables["decisions"]["decision_id"] for side in (world, base)]
    place = pc.index_in(ids[0], ids[1])
    known = np.flatnonzero(place.is_valid().to_numpy())
    then = place.drop_null().to_numpy()[:, None] * count + np.arange(count)
    now = sides[0].take((known[:, None] * count + np.arange(count)).ravel())
    same = pc.fill_null(pc.equal(now, sides[1].take(then.ravel())), False)
    wrong = ~same.to_numpy().reshape(-1, count).all(axis=1)
    return _at_us(world.tables["decisions"])[known[wrong]]


def _candidates(world: PaymentWorld, where: Mapping[str, str]) -> pa.Table:
    rows = world.tables["candidates"]
    return rows.filter(_inside(rows, where))


def _inside(rows: pa.Table, where: Mapping[str, str]) -> Any:
    route = next(name for name in ("chosen", "candidate_id", "route") if name in rows.column_names)
    inside = pa.array(np.ones(rows.num_rows, dtype=bool))
    for name, value in where.items():
        held = pc.fill_null(pc.equal(rows[route if name == "route" else name], value), False)
        inside = pc.and_(inside, held)
    return inside


def _at_us(rows: pa.Table) -> Any:
    return pc.cast(rows["decided_at"], pa.int64()).to_numpy()
