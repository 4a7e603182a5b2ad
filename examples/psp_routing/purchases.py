"""Reads the transactions and fees, and rebuilds which attempts belong to one purchase."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

SAME_PURCHASE = ("minute", "country", "amount")
"""Attempts that agree on all three, the minute being that of the clock, are one purchase."""


@dataclass(frozen=True, slots=True)
class Fees:
    """What each PSP takes for an attempt, in EUR.

    Attributes
    ----------
    psps : tuple of str
        In alphabetical order, the order of the arrays.
    on_success, on_failure : array of float64, shape (n_psps,)
    """

    psps: tuple[str, ...]
    on_success: NDArray[np.float64]
    on_failure: NDArray[np.float64]

    def expected(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return expected fees for probabilities of success, shape (..., n_psps)."""
        return probability * self.on_success + (1 - probability) * self.on_failure


def read_fees(folder: Path) -> Fees:
    """Return the fees of every PSP."""
    rows = pq.read_table(folder / "fees.parquet").sort_by("PSP")
    return Fees(
        tuple(rows.column("PSP").to_pylist()),
        rows.column("fee_success_eur").to_numpy().astype(np.float64),
        rows.column("fee_failure_eur").to_numpy().astype(np.float64),
    )


def read_attempts(folder: Path, fees: Fees) -> pa.Table:
    """Return every attempt with the purchase that it belongs to, in order of time.

    Parameters
    ----------
    folder : Path
        Holds ``transactions_*.parquet``.
    fees : Fees
        To say what each attempt cost.

    Returns
    -------
    pyarrow.Table
        ``decision_id``, ``request_id``, ``decided_at`` (no zone, as in the source), ``attempt``
        (from 1), ``psp``, ``country``, ``card``, ``is_3d_secured``, ``amount`` (EUR), ``success``
        (1 or 0) and ``fee`` (EUR).

    Raises
    ------
    FileNotFoundError
        If the folder does not hold exactly one such file.
    """
    files = sorted(folder.glob("transactions_*.parquet"))
    if len(files) != 1:
        raise FileNotFoundError(
            f"{folder} holds {len(files)} files transactions_*.parquet, expected 1; "
            "name the folder with --data"
        )
    # Within a second, the source's own row index tells which attempt came first.
    rows = pq.read_table(files[0]).sort_by([("tmsp", "ascending"), ("ID", "ascending")])
    first, attempt = number_attempts(
        rows.column("tmsp"), rows.column("country"), rows.column("amount")
    )
    digits = pc.utf8_lpad(pc.cast(rows.column("ID"), pa.string()), 5, "0").combine_chunks()
    psp = pc.index_in(rows.column("PSP"), value_set=pa.array(fees.psps, pa.large_string()))
    place = psp.to_numpy()
    success = rows.column("success").to_numpy().astype(np.float64)
    return pa.table(
        {
            "decision_id": _named("t", digits),
            "request_id": _named("p", digits.take(pa.array(first))),
            "decided_at": rows.column("tmsp"),
            "attempt": pa.array(attempt, pa.int32()),
            "psp": rows.column("PSP").cast(pa.string()),
            "country": rows.column("country").cast(pa.string()),
            "card": rows.column("card").cast(pa.string()),
            "is_3d_secured": pc.equal(rows.column("is_3d_secured"), 1),
            "amount": rows.column("amount"),
            "success": success,
            "fee": np.where(success == 1, fees.on_success[place], fees.on_failure[place]),
        }
    )


def number_attempts(
    instants: pa.ChunkedArray, country: pa.ChunkedArray, amount: pa.ChunkedArray
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each attempt the row of its purchase's first attempt, and its number from 1.

    Parameters
    ----------
    instants, country, amount : array, n rows
        In order of time.

    Examples
    --------
    >>> at = [datetime(2019, 1, 1, 0, 1, 11), datetime(2019, 1, 1, 0, 1, 17),
    ...       datetime(2019, 1, 1, 0, 2, 0)]
    >>> number_attempts(pa.array(at), pa.array(["AT"] * 3), pa.array([89] * 3))
    (array([0, 0, 2]), array([1, 2, 1]))
    """
    keys = pa.table({
        "minute": pc.floor_temporal(instants, unit="minute"),
        "country": country,
        "amount": amount,
        "row": np.arange(len(instants)),
    })  # fmt: skip
    keys = keys.sort_by([(name, "ascending") for name in (*SAME_PURCHASE, "row")])
    is_first = np.ones(keys.num_rows, dtype=bool)
    is_first[1:] = False
    for name in SAME_PURCHASE:
        column = keys.column(name)
        is_first[1:] |= pc.not_equal(column[1:], column[:-1]).to_numpy()
    start = np.flatnonzero(is_first)[np.cumsum(is_first) - 1]
    row = keys.column("row").to_numpy()
    first, attempt = np.empty_like(row), np.empty_like(row)
    first[row] = row[start]
    attempt[row] = np.arange(keys.num_rows) - start + 1
    return first, attempt


def purchases_by_gap(attempts: pa.Table, *, seconds: int) -> tuple[int, int, float]:
    """Count purchases by another rule: no longer than so many seconds between two attempts.

    Parameters
    ----------
    attempts : pyarrow.Table
        As `read_attempts` returns them.
    seconds : int
        Longest gap between two attempts of a purchase, country and amount being equal.

    Returns
    -------
    (int, int, float)
        Purchases, those of more than one attempt, and the share of them with a success.
    """
    rows = attempts.sort_by([(name, "ascending") for name in ("country", "amount", "decided_at")])
    at = pc.cast(rows.column("decided_at"), pa.int64()).to_numpy()
    is_first = np.ones(rows.num_rows, dtype=bool)
    is_first[1:] = np.diff(at) > seconds * 1_000_000
    for name in ("country", "amount"):
        column = rows.column(name)
        is_first[1:] |= pc.not_equal(column[1:], column[:-1]).to_numpy()
    start = np.flatnonzero(is_first)
    size = np.diff(np.append(start, rows.num_rows))
    success = np.maximum.reduceat(rows.column("success").to_numpy(), start)
    return len(start), int((size > 1).sum()), float(success.mean())


def _named(letter: str, digits: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(letter, digits, "")
