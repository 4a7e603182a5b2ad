"""How near estimates of performance before labels come to what the labels then say.

On NannyML's three bundled sets: mean absolute error over the ten analysis chunks of each measure,
ours plain and with the reference weighted, beside NannyML 0.13.1's own estimates on the same rows.
Nothing of ours was tuned on the first two sets; the size of the leaves of the model that expects
losses was chosen on the third.

python benchmarks/truth_performance.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from harness import RESULTS

from pellucid.monitor.performance.measures import binary_performance, multiclass_performance
from pellucid.monitor.performance.unlabelled import (
    expected_labels,
    expected_losses,
    weighted_labels,
)
from pellucid.stats.calibration import fit_calibrator

BENCH = "truth_performance"
DATA = Path(__file__).parents[2] / "shared" / "data"
_NOT_FEATURES = {"id", "timestamp", "y_pred", "y_true", "repaid"}
Errors = dict[str, dict[str, list[float]]]


def main() -> None:
    """Run the sets that are there, print a table and write the results."""
    found = []
    for name, measure in (("nannyml_car_loan", binary), ("nannyml_multiclass", multiclass),
                          ("nannyml_car_price", regression)):  # fmt: skip
        if not (DATA / name).is_dir():
            print(f"{name}: ../shared/data/{name} is not there; left out")
            continue
        found += list(_lines(name, measure(DATA / name)))
    print(f"\n{BENCH}: how near do estimates come to what labels then say?\n")
    print(f"{'set':<20}{'measure':<20}{'ours':>10}{'weighted':>10}{'NannyML':>10}")
    for line in found:
        weighted = "" if line["weighted"] is None else f"{line['weighted']:.5f}"
        print(f"{line['case']:<20}{line['measure']:<20}{line['ours']:>10.5f}{weighted:>10}"
              f"{line['other']:>10.5f}")  # fmt: skip
    if found:
        text = "".join(f"{json.dumps(line)}\n" for line in found)
        (Path(RESULTS) / f"{BENCH}.jsonl").write_text(text)


def binary(folder: Path) -> Errors:
    """Return errors by measure and method on the two-class set."""
    reference, analysis, targets, chunks = _read(folder, "expected_cbpe")
    scores, labels = _numbers(reference, "y_pred_proba"), _numbers(reference, "repaid")
    calibrator, features = fit_calibrator(scores, labels), _features(reference)
    now, called = _numbers(analysis, "y_pred_proba"), _numbers(analysis, "y_pred")
    truth, now_features = _numbers(targets, "repaid"), _features(analysis)
    errors: Errors = {}
    for part, chunk in _parts(len(now), chunks):
        current = {name: column[part] for name, column in now_features.items()}
        weighted = weighted_labels(scores, labels, features, now[part], current)
        estimates = {
            "ours": expected_labels(calibrator, now[part]).labels,
            "weighted": weighted.labels,
        }
        real = binary_performance(now[part], truth[part], predicted=called[part])
        for method, expected in estimates.items():
            found = binary_performance(now[part], expected, predicted=called[part])
            for measure in ("roc_auc", "f1", "accuracy", "precision", "recall",
                            "average_precision"):  # fmt: skip
                _add(errors, measure, method, found[measure].value - real[measure].value)
                if method == "ours":
                    theirs = chunk[f"{measure}_value"]
                    _add(errors, measure, "other", theirs - real[measure].value)
    return errors


def multiclass(folder: Path) -> Errors:
    """Return errors by measure and method on the set of three classes."""
    reference, analysis, targets, chunks = _read(folder, "expected_cbpe")
    prefix = "y_pred_proba_"
    classes = [name.removeprefix(prefix) for name in reference.column_names
               if name.startswith(prefix)]  # fmt: skip
    past, truth, called = (
        np.array(table.column(name).to_pylist())
        for table, name in ((reference, "y_true"), (targets, "y_true"), (analysis, "y_pred"))
    )
    features, now_features = _features(reference), _features(analysis)
    scores = {name: _numbers(reference, prefix + name) for name in classes}
    now = {name: _numbers(analysis, prefix + name) for name in classes}
    errors: Errors = {}
    for part, chunk in _parts(len(called), chunks):
        own = {name: column[part] for name, column in now.items()}
        current = {name: column[part] for name, column in now_features.items()}
        labels = {name: (past == name).astype(np.float64) for name in classes}
        estimates = {
            "ours": {name: expected_labels(fit_calibrator(scores[name], labels[name]),
                                           own[name]).labels for name in classes},
            "weighted": {name: weighted_labels(scores[name], labels[name], features, own[name],
                                               current).labels for name in classes},
        }  # fmt: skip
        known = {name: (truth[part] == name).astype(np.float64) for name in classes}
        real = multiclass_performance(own, known, called[part])
        for method, expected in estimates.items():
            total = sum(expected.values())
            shares = {name: values / total for name, values in expected.items()}
            found = multiclass_performance(own, shares, called[part])
            for measure in ("roc_auc", "f1", "accuracy"):
                _add(errors, measure, method, found[measure].value - real[measure].value)
                if method == "ours":
                    theirs = chunk[f"{measure}_value"]
                    _add(errors, measure, "other", theirs - real[measure].value)
    return errors


def regression(folder: Path) -> Errors:
    """Return errors by measure and method on the set of prices."""
    reference, analysis, targets, chunks = _read(folder, "expected_dle")
    past, predicted = _numbers(reference, "y_true"), _numbers(reference, "y_pred")
    features = {**_features(reference), "y_pred": predicted}
    now = {**_features(analysis), "y_pred": _numbers(analysis, "y_pred")}
    off = past - predicted
    losses = {"mae": np.abs(off), "rmse": off**2, "mape": np.abs(off / past)}
    expected = {name: expected_losses(loss, features, now) for name, loss in losses.items()}
    truth = _numbers(targets, "y_true")
    missed = truth - now["y_pred"]
    real = {"mae": np.abs(missed), "rmse": missed**2, "mape": np.abs(missed / truth)}
    errors: Errors = {}
    for part, chunk in _parts(len(truth), chunks):
        for measure in losses:
            ours, value = expected[measure][part].mean(), real[measure][part].mean()
            if measure == "rmse":
                ours, value = np.sqrt(max(ours, 0.0)), np.sqrt(value)
            _add(errors, measure, "ours", ours - value)
            _add(errors, measure, "other", chunk[f"{measure}_value"] - value)
    return errors


def _read(folder: Path, expected: str) -> tuple[pa.Table, pa.Table, pa.Table, list[dict[str, Any]]]:
    names = ("reference", "analysis", "analysis_targets")
    tables = [pq.read_table(folder / f"{name}.parquet") for name in names]
    chunks = pq.read_table(folder / f"{expected}.parquet").to_pylist()
    return *tables, [row for row in chunks if row["chunk_period"] == "analysis"]  # type: ignore[return-value]


def _parts(rows: int, chunks: list[dict[str, Any]]) -> Iterator[tuple[slice, dict[str, Any]]]:
    length = rows // len(chunks)
    for place, chunk in enumerate(chunks):
        yield slice(place * length, (place + 1) * length), chunk


def _features(table: pa.Table) -> dict[str, Any]:
    found = {}
    for name in table.column_names:
        if name in _NOT_FEATURES:
            continue
        kind = table.schema.field(name).type
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        column = table.column(name)
        found[name] = np.array([str(item) for item in column.to_pylist()]) if is_text else _numbers(
            table, name)  # fmt: skip
    return found


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table.column(name)).astype(np.float64)


def _add(errors: Errors, measure: str, method: str, off: float) -> None:
    errors.setdefault(measure, {}).setdefault(method, []).append(abs(float(off)))


def _lines(name: str, errors: Errors) -> Iterator[dict[str, Any]]:
    for measure, methods in errors.items():
        means = {method: float(np.mean(values)) for method, values in methods.items()}
        yield {
            "bench": BENCH, "case": name, "measure": measure, "ours": means["ours"],
            "weighted": means.get("weighted"), "other": means["other"],
            "unit": "mean absolute error",
            "ratio": means["ours"] / means["other"],
        }  # fmt: skip


if __name__ == "__main__":
    main()
