"""Checks as a whole, against the system that they are of: every problem at once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime

from pellucid.errors import SpecError, did_you_mean
from pellucid.spec.check import Check, Checks, Marker
from pellucid.spec.expression import BOOLEAN, problems_in
from pellucid.spec.sources import source_columns
from pellucid.spec.system import Metric, System
from pellucid.windows import parse_duration, parse_instant

_OWN = {
    "unusual": {"metric", "least"},
    "limit": {"metric", "below", "above", "over"},
    "drift": {"columns", "baseline", "least"},
    "late": {"table", "after"},
    "duplicates": {"above", "over"},
}
_SLICED = ("by", "where", "grain")
_BY_METRIC = ("unusual", "limit")
TRAINING = "training"
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._~/-]*)?")
_MOST_FALSE = 100


def levels_of(check: Check) -> tuple[tuple[str, ...], ...]:
    """Return the levels that a check watches, the whole first.

    Examples
    --------
    >>> levels_of(Check(name="approvals", metric="approval_rate", by=("route", "route,country")))
    ((), ('route',), ('route', 'country'))
    """
    levels = [tuple(part.strip() for part in level.split(",")) for level in check.by]
    return tuple(dict.fromkeys([(), *levels]))


def check_checks(
    checks: Checks, system: System, metrics: Mapping[str, Metric], *, where: str = "checks"
) -> Checks:
    """Return the checks if they are sound.

    Parameters
    ----------
    metrics : mapping of str to Metric
        The catalogue of the system.
    where : str
        Named in the error, for example the file.

    Raises
    ------
    SpecError
        With every problem: names, rules, durations, expressions.
    """
    problems = [
        *_repeats(checks),
        *(text for check in checks.checks for text in _check_problems(check, system, metrics)),
        *(text for marker in checks.markers for text in _marker_problems(marker, system)),
        *_duration("history", checks.history),
        *(text for day in checks.holidays for text in _day(day)),
    ]
    if not checks.checks:
        problems.append("checks: there is none; name one, such as {name: approvals, metric: ...}")
    if not 0 < checks.false_a_week <= _MOST_FALSE:
        problems.append(
            f"false_a_week: {checks.false_a_week:g} is not above 0 and at most {_MOST_FALSE}"
        )
    if checks.pages and not _ADDRESS.fullmatch(checks.pages):
        problems.append(f"pages: {checks.pages!r} is no address such as http://127.0.0.1:8000")
    if problems:
        raise SpecError(where, problems)
    return checks


def _repeats(checks: Checks) -> Iterator[str]:
    groups = {"checks": [item.name for item in checks.checks],
              "channels": [item.name for item in checks.channels]}  # fmt: skip
    for place, names in groups.items():
        for name, count in Counter(names).items():
            if count > 1:
                yield f"{place}: '{name}' is there {count} times; give each a name of its own"


def _check_problems(check: Check, system: System, metrics: Mapping[str, Metric]) -> Iterator[str]:
    at = f"checks.{check.name}"
    yield from _strange(check, at)
    if check.rule == "late":
        if not check.after:
            yield f"{at}: needs `after`, the longest time without a record, such as 2h"
        yield from _duration(f"{at}.after", check.after)
        return
    if check.rule == "drift":
        if check.baseline and check.baseline != TRAINING:
            yield from _duration(f"{at}.baseline", check.baseline)
        return
    if check.rule == "duplicates":
        yield from _duration(f"{at}.over", check.over)
        if check.above is not None and not 0 <= check.above < 1:
            yield f"{at}.above: {check.above:g} is not a share, at least 0 and below 1"
        return
    if check.rule == "limit":
        if check.below is None and check.above is None:
            yield f"{at}: a limit needs `below` or `above`"
        yield from _duration(f"{at}.over", check.over)
    metric = metrics.get(check.metric)
    if metric is None:
        known = did_you_mean(check.metric, metrics) if check.metric else ""
        yield f"{at}.metric: no metric is called '{check.metric}'{known}"
        return
    columns = source_columns(system, metric.unit)
    dimensions = _dimensions(system)
    for name in (name for level in levels_of(check) for name in level):
        if name not in dimensions:
            yield f"{at}.by: no dimension is called '{name}'{did_you_mean(name, dimensions)}"
    if check.where:
        for problem in problems_in(check.where, columns, result=BOOLEAN):
            yield f"{at}.where: {problem}"


def _strange(check: Check, at: str) -> Iterator[str]:
    """Yield what is set and has no meaning under the rule."""
    plain = Check(name=check.name)
    own = _OWN[check.rule]
    others = {name for names in _OWN.values() for name in names} - own
    if check.rule not in _BY_METRIC:
        others |= set(_SLICED)
    for name in sorted(others):
        if getattr(check, name) != getattr(plain, name):
            yield f"{at}.{name}: has no meaning where the rule is {check.rule}; leave it out"


def _dimensions(system: System) -> list[str]:
    of_candidate = [system.candidate.name, *(item.name for item in system.candidate.dimensions)]
    return [*system.dimension_names, *of_candidate, "arm", "model_id", "policy_version"]


def _marker_problems(marker: Marker, system: System) -> Iterator[str]:
    at = f"markers.{marker.name}"
    instants: list[datetime] = []
    for name, text in (("at", marker.at), ("until", marker.until)):
        if not text and name == "until":
            continue
        try:
            instants.append(parse_instant(text))
        except SpecError as error:
            for problem in error.problems:
                yield f"{at}.{name}: {text!r} {problem}"
    if len(instants) > 1 and instants[0] >= instants[1]:
        yield f"{at}.until: is not after `at`"
    for part in marker.slice:
        name, _, value = part.partition("=")
        if not value:
            yield f"{at}.slice: '{part}' is not dimension=value"
        elif name not in _dimensions(system):
            yield f"{at}.slice: no dimension is called '{name}'" + did_you_mean(
                name, _dimensions(system)
            )


def _duration(at: str, text: str) -> Iterator[str]:
    if not text:
        return
    try:
        parse_duration(text)
    except SpecError as error:
        for problem in error.problems:
            yield f"{at}: {text!r} {problem}"


def _day(text: str) -> Iterator[str]:
    try:
        date.fromisoformat(text)
    except ValueError:
        yield f"holidays: '{text}' is not a day, such as 2026-12-25"
