"""Drift between two Parquet files of any size, without a lake."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pellucid.errors import DataError
from pellucid.monitor.drift.report import DriftReport, drift_report
from pellucid.monitor.profiles.files import profile_baseline, profile_files

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def drift_of_files(current: Paths, baseline: Paths, *, columns: Sequence[str] = ()) -> DriftReport:
    """Compare the columns of Parquet files with those of a baseline.

    Memory does not grow with rows: one column of one row group is held at a time.

    Parameters
    ----------
    current, baseline : path or sequence of paths
        Files with the same columns.
    columns : sequence of str
        Which ones; by default all of the baseline that are numbers, texts, or true or false.

    Returns
    -------
    DriftReport

    Raises
    ------
    DataError
        If a file cannot be read, a column is not there or has no profile, or is of another type in
        one of the files.
    MissingExtraError
        If scipy is not installed.
    """
    before, now = _paths(baseline), _paths(current)
    if not before or not now:
        raise DataError("drift", [f"has no {'baseline' if not before else 'current'} file"])
    baselines = profile_baseline(before, columns=columns)
    profiles = profile_files(now, {name: item.binning for name, item in baselines.items()})
    return drift_report(profiles, baselines, names=(_said(now), _said(before)))


def _paths(given: Paths) -> list[str]:
    if isinstance(given, (str, os.PathLike)):
        return [os.fspath(given)]
    return [os.fspath(path) for path in given]


def _said(paths: Sequence[str]) -> str:
    first = Path(paths[0]).name
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"
