"""Rules of a policy recovered from its log: a layer's terms and its eligibility, as tables.

What a policy adds to a candidate, or whom it rules out, is often a function of the candidate and a
few dimensions, such as a fee by route and currency. Where a period's log agrees with such a table
on every row, the table is known, and decisions of another period can be decided by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

AMOUNT, PER_AMOUNT = "amount", "1/amount"
# Relative: what a term that went through float32 is off by at most; and of a term of 0.
_NOISE, _NOTHING = 1e-6, 1e-12
# A key with fewer rows agrees with itself by chance; so much of the rows must lie in others.
_LEAST_ROWS, _LEAST_PART = 3, 0.9
_MOST_TERM_KEYS, _MOST_RULE_KEYS = 2, 3
# Drawn first, as most sets of keys fail on a few rows.
_FEW = 3000


@dataclass(frozen=True, slots=True)
class Keys:
    """What a table may be looked up by, as codes of each of r rows.

    Attributes
    ----------
    candidate : array of int64, shape (r,)
    dimensions : mapping of str to array of int64, shape (r,)
        Of the decision or of the candidate.
    amount : array of float64, shape (r,)
        At stake; NaN where it was not logged.
    """

    candidate: Ints
    dimensions: Mapping[str, Ints]
    amount: Floats

    def sets(self, most: int) -> Iterator[tuple[str, ...]]:
        """Yield the sets of dimensions beside the candidate, smallest first."""
        for size in range(most + 1):
            yield from combinations(self.dimensions, size)

    def codes(self, names: tuple[str, ...], rows: Ints | slice) -> tuple[Ints, int]:
        """Return the code of each row's candidate and dimensions, and how many there are."""
        code = self.candidate[rows]
        for name in names:
            own = self.dimensions[name][rows]
            code = code * (int(own.max(initial=0)) + 1) + own
        found, places = np.unique(code, return_inverse=True)
        return places, len(found)


@dataclass(frozen=True, slots=True)
class Recovered:
    """A table, looked up for every row.

    Attributes
    ----------
    names : tuple of str
        Dimensions, beside the candidate, that it is looked up by; at last the form in which the
        amount enters, where it does.
    values : array of float64, shape (r,)
        What the layer adds; of a rule, 1 where it rules the candidate out.
    known : array of bool, shape (r,)
        Whether the row's key is in the table.
    """

    names: tuple[str, ...]
    values: Floats
    known: Bools


def recover_terms(term: Floats, own: Bools, keys: Keys) -> Recovered | None:
    """Return a layer's terms as the smallest table that all rows of a period agree with, or None.

    Parameters
    ----------
    term : array of float64, shape (r,)
        As logged; only rows of the period are looked at.
    own : array of bool, shape (r,)
        Rows of the period in which the candidate was eligible.
    keys : Keys
        Of all rows; at most two dimensions are joined with the candidate. Within a key the term is
        constant, or a constant plus a rate times the amount, or over the amount: a fixed fee as a
        share of what is paid.

    Returns
    -------
    Recovered or None
        None where no table agrees on every row, to a millionth of the term; or only tables whose
        keys have fewer than three rows do, which any term would.
    """
    rows = np.flatnonzero(own)
    if not len(rows):
        return None
    few = _some(rows)
    forms = [("", np.zeros(len(term)))]
    if np.isfinite(keys.amount[rows]).all() and (keys.amount[rows] > 0).all():
        with np.errstate(divide="ignore"):
            forms += [(PER_AMOUNT, 1 / keys.amount), (AMOUNT, keys.amount)]
    tried = [(names, form) for names in keys.sets(_MOST_TERM_KEYS) for form in forms]
    # An amount counts as a dimension does.
    for names, (form, number) in sorted(tried, key=lambda one: len(one[0]) + bool(one[1][0])):
        code, size = keys.codes(names, few)
        if _lines(code, size, number[few], term[few]) is None:
            continue
        code, size = keys.codes(names, slice(None))
        line = _lines(code[rows], size, number[rows], term[rows])
        count = np.bincount(code[rows], minlength=size)
        if line is None or not _is_told(count[code[rows]], _LEAST_ROWS + bool(form)):
            continue
        offset, slope, known = line
        if form:
            known &= count > _LEAST_ROWS
        has_number = np.isfinite(number)
        found = known[code] & has_number
        values = offset[code] + slope[code] * np.where(has_number, number, 0.0)
        return Recovered((*names, *([form] if form else [])), np.where(found, values, 0.0), found)
    return None


def recover_rule(ruled_out: Bools, eligible: Bools, own: Bools, keys: Keys) -> Recovered | None:
    """Return whom a rule rules out as the smallest table that agrees with a period, or None.

    Parameters
    ----------
    ruled_out, eligible : array of bool, shape (r,)
        Rows that the rule removed, and rows that none did. Those that another rule removed tell
        nothing of this one.
    own : array of bool, shape (r,)
        Rows of the period.
    keys : Keys
        At most three dimensions are joined with the candidate.

    Returns
    -------
    Recovered or None
        None where in each set of keys some key has rows of both kinds. A rule that removed nobody
        is the table that rules no candidate out.
    """
    rows = np.flatnonzero(own & (ruled_out | eligible))
    hit = ruled_out & own
    if not hit.any():
        seen = np.bincount(keys.candidate[own], minlength=int(keys.candidate.max()) + 1) > 0
        return Recovered((), np.zeros(len(own)), seen[keys.candidate])
    if hit.sum() < _LEAST_ROWS:
        return None
    few = _some(rows)
    for names in keys.sets(_MOST_RULE_KEYS):
        code, size = keys.codes(names, few)
        if _is_mixed(code, size, hit[few]):
            continue
        code, size = keys.codes(names, slice(None))
        if _is_mixed(code[rows], size, hit[rows]):
            continue
        count = np.bincount(code[rows], minlength=size)
        if _is_told(count[code[hit]], _LEAST_ROWS):
            blocked = np.bincount(code[hit], minlength=size) > 0
            return Recovered(names, blocked[code].astype(np.float64), (count > 0)[code])
    return None


def _some(rows: Ints) -> Ints:
    if len(rows) <= _FEW:
        return rows
    return np.random.default_rng(0).choice(rows, _FEW, replace=False)


def _is_told(counts: Ints, least: int) -> bool:
    """Whether enough rows have enough others of their key beside them."""
    return bool((counts >= least).mean() >= _LEAST_PART)


def _is_mixed(code: Ints, size: int, hit: Bools) -> bool:
    hits = np.bincount(code, hit, size)
    return bool(((hits > 0) & (hits < np.bincount(code, minlength=size))).any())


def _lines(
    code: Ints, size: int, number: Floats, term: Floats
) -> tuple[Floats, Floats, Bools] | None:
    """Return offset and slope of each key's line and whether it is known; None where one is off."""
    count = np.bincount(code, minlength=size)
    first = np.zeros(size, dtype=np.int64)
    first[code[::-1]] = np.arange(len(code))[::-1]
    # From the first row on, not from the mean: what is constant stays what it is to the last bit.
    run, rise = number - number[first][code], term - term[first][code]
    away = run - (np.bincount(code, run, size) / np.maximum(count, 1))[code]
    spread = np.bincount(code, away * run, size)
    slope = np.divide(np.bincount(code, away * rise, size), spread,
                      out=np.zeros(size), where=spread > 0)  # fmt: skip
    noise = _NOISE * (np.abs(term) + np.abs(term[first][code])) + _NOTHING
    if (np.abs(rise - slope[code] * run) > noise).any():
        return None
    is_fixed = not run.any()
    known = (count > 0) & (is_fixed | (spread > 0))
    return term[first] - slope * number[first], slope, known
