"""Performance on stored decisions, and estimates beside another tool's on its own data."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn import metrics

from pellucid.errors import SpecError
from pellucid.monitor.performance.measures import binary_performance
from pellucid.monitor.performance.unlabelled import (
    expected_labels,
    expected_losses,
    weighted_labels,
)
from pellucid.observatory import Observatory, open_system
from pellucid.stats.calibration import fit_calibrator
from pellucid.testing.scenarios import START, small_lake, small_records
from pellucid.windows import Window

CAR_LOAN = Path(__file__).parents[5] / "shared" / "data" / "nannyml_car_loan"
WINDOW = Window(START, START + timedelta(days=9))


@pytest.fixture(scope="module")
def obs(tmp_path_factory: pytest.TempPathFactory) -> Observatory:
    root = tmp_path_factory.mktemp("lake")
    small_lake(root, seed=5, requests=400)
    return open_system(root)


def expected_rows(*, as_of: object = None) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels of the mature decisions, by plain Python."""
    records = small_records(5, requests=400)
    latest: dict[str, dict[str, object]] = {}
    rows = [row for row in records["outcomes"].to_pylist() if row["outcome"] == "approved"]
    for row in sorted(rows, key=lambda row: (row["recorded_at"], row["outcome_at"])):
        if as_of is None or row["recorded_at"] <= as_of:
            latest[row["decision_id"]] = row
    known = [
        (row["chosen_probability"], latest[row["decision_id"]]["value"])
        for row in records["decisions"].to_pylist()
        if row["chosen_probability"] is not None and row["decision_id"] in latest
        and (as_of is None or row["decided_at"] + timedelta(hours=2) <= as_of)
    ]  # fmt: skip
    return np.array([item[0] for item in known]), np.array([item[1] for item in known])


def test_mature_labels_are_measured(obs: Observatory) -> None:
    found = obs.performance(over=WINDOW)
    scores, labels = expected_rows()
    row = next(row for row in found.rows.to_pylist() if row["measure"] == "roc_auc")
    assert row["n"] == len(labels)
    assert row["value"] == pytest.approx(metrics.roc_auc_score(labels, scores))
    assert row["low"] < row["value"] < row["high"]
    assert row["expected"] is None, "nothing was logged before, to learn from"
    assert found.reliability is not None
    assert "mature label of approved" in found.told


def test_labels_are_those_that_were_known_then(obs: Observatory) -> None:
    then = START + timedelta(days=4)
    row = obs.performance(over=WINDOW, as_of=then).rows.to_pylist()[0]
    scores, labels = expected_rows(as_of=then)
    assert row["n"] == len(labels)
    assert row["value"] == pytest.approx(metrics.roc_auc_score(labels, scores))


def test_buckets_hold_all_decisions(obs: Observatory) -> None:
    rows = obs.performance(over=WINDOW, grain="1d").rows.to_pylist()
    buckets = [row for row in rows if row["level"] and row["measure"] == "brier"]
    whole = next(row for row in rows if not row["level"])
    assert len(buckets) == 9
    for name in ("n", "decisions", "pending"):
        assert sum(row[name] for row in buckets) == whole[name]


def test_what_was_learned_before_is_expected_now(obs: Observatory) -> None:
    later = Window(START + timedelta(days=5), START + timedelta(days=9))
    rows = obs.performance(over=later, baseline=Window(START, START + timedelta(days=5))).rows
    row = rows.to_pylist()[0]
    assert row["expected_low"] < row["expected"] < row["expected_high"]


def test_too_few_labels_are_said(obs: Observatory) -> None:
    hour = Window(START, START + timedelta(minutes=1))
    assert "nothing is measured" in obs.performance(over=hour).told
    with pytest.raises(SpecError, match="unknown column"):
        obs.performance(over=WINDOW, where="nothing > 1")


@pytest.mark.skipif(not CAR_LOAN.exists(), reason="the reference data are not here")
def test_estimates_before_labels_are_nannymls() -> None:
    """CBPE of NannyML 0.13.1 on its car loan data, ten chunks: each measure within 1e-3."""
    reference = pq.read_table(CAR_LOAN / "reference.parquet")
    analysis = pq.read_table(CAR_LOAN / "analysis.parquet")
    calibrator = fit_calibrator(_column(reference, "y_pred_proba"), _column(reference, "repaid"))
    chunks = [row for row in pq.read_table(CAR_LOAN / "expected_cbpe.parquet").to_pylist()
              if row["chunk_period"] == "analysis"]  # fmt: skip
    scores, called = _column(analysis, "y_pred_proba"), _column(analysis, "y_pred")
    assert len(chunks) == 10
    for place, chunk in enumerate(chunks):
        part = slice(5_000 * place, 5_000 * (place + 1))
        labels = expected_labels(calibrator, scores[part]).labels
        found = binary_performance(scores[part], labels, predicted=called[part])
        for measure in ("roc_auc", "f1", "precision", "recall", "specificity", "accuracy",
                        "average_precision"):  # fmt: skip
            assert found[measure].value == pytest.approx(chunk[f"{measure}_value"], abs=1e-3)


def test_a_weighted_reference_looks_like_the_rows() -> None:
    """Two groups of rows; the score means something else in each, and their mix turns around."""
    draw = np.random.default_rng(0)

    def sample(count: int, share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        group = (draw.random(count) < share).astype(float)
        scores = draw.random(count)
        chance = np.where(group == 1, 0.2 + 0.2 * scores, 0.6 + 0.3 * scores)
        return group, scores, (draw.random(count) < chance).astype(float)

    group, scores, labels = sample(8_000, 0.2)
    now_group, now_scores, now_labels = sample(8_000, 0.7)
    plain = expected_labels(fit_calibrator(scores, labels), now_scores)
    found = weighted_labels(scores, labels, {"group": group, "score": scores}, now_scores,
                            {"group": now_group, "score": now_scores})  # fmt: skip
    assert found.method == "weighted CBPE"
    assert 0.3 < found.effective < 0.8
    truth = now_labels.mean()
    assert abs(found.labels.mean() - truth) < 0.02 < abs(plain.labels.mean() - truth)


def test_rows_from_elsewhere_leave_the_reference_as_it_is() -> None:
    draw = np.random.default_rng(1)
    scores = draw.random(2_000)
    labels = (draw.random(2_000) < scores).astype(float)
    found = weighted_labels(scores, labels, {"x": draw.normal(size=2_000)}, scores,
                            {"x": draw.normal(9, 1, 2_000)})  # fmt: skip
    assert (found.method, found.effective) == ("CBPE", 1.0)


def test_losses_of_a_regression_are_learned() -> None:
    draw = np.random.default_rng(2)
    kinds = np.array(["small", "large"])[draw.integers(0, 2, 6_000)]
    losses = np.abs(draw.normal(0, np.where(kinds == "large", 5.0, 1.0)))
    mostly_large = np.where(np.arange(2_000) % 10 == 0, "small", "large")
    found = expected_losses(losses, {"kind": kinds}, {"kind": mostly_large})
    expected = np.sqrt(2 / np.pi) * (0.9 * 5 + 0.1)
    assert found.mean() == pytest.approx(expected, rel=0.04)


def _column(table: object, name: str) -> np.ndarray:
    return np.asarray(table.column(name)).astype(float)  # type: ignore[attr-defined]
