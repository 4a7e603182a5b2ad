"""The consequence of a counterfactual model against decisions replayed one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pellucid.explain.attribution import LoadedModel
from pellucid.explain.learned.consequence import Consequence, consequence
from pellucid.explain.learned.daily import Loss
from pellucid.log.client import Logger
from pellucid.observatory import open_system
from pellucid.spec.system import Candidate, Feature, Layer, System
from pellucid.windows import Window

START = datetime(2026, 6, 1, tzinfo=UTC)
NAMES, TUESDAY = ("x", "y", "z"), 1
WINDOW = Window(START, START + timedelta(days=14))
LOSS = Loss("x", TUESDAY, WINDOW, -0.1, 2, 2, 0.01)


class Sums:
    """An explainer of which nothing is asked but to be there."""

    name = "none"

    def set_reference(self, matrix: np.ndarray, described: str) -> None:
        raise NotImplementedError

    def attribute(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError

    def raw_score(self, matrix: np.ndarray) -> np.ndarray:
        raise NotImplementedError


MODEL = LoadedModel("m:1", "log_odds", ("size",), {}, Sums())


def counterfactual(matrix: np.ndarray) -> np.ndarray:
    """Score by the one feature alone."""
    return 0.7 * matrix[:, 0]


def decided(seed: int, scale: str) -> list[dict[str, Any]]:
    """Return decisions with their candidates, weights and layer terms; not all are the policy's."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(400):
        at = START + timedelta(days=int(draw.integers(14)), minutes=int(draw.integers(1440)))
        rows = []
        for name in NAMES:
            raw = float(draw.normal())
            rows.append({
                "name": name, "raw": raw, "size": float(np.float32(draw.normal())),
                "cap": None if draw.random() < 0.3 else float(draw.normal(scale=0.3)),
                "eligible": bool(draw.random() < 0.7),
                "score": 1 / (1 + np.exp(-raw)) if scale == "probability" else raw,
            })  # fmt: skip
        found.append({
            "id": f"d{number:03}", "at": at, "rows": rows, "weight": float(draw.choice([1.0, 4.0])),
            "arm": "control" if draw.random() < 0.2 else "ml",
            "model": "m:1" if draw.random() < 0.8 else "m:2",
        })  # fmt: skip
    return found


def replayed(decisions: list[dict[str, Any]], scale: str) -> Consequence:
    """Replay decision after decision."""
    total = before = after = gained = 0.0
    for item in decisions:
        rows = [row for row in item["rows"] if row["eligible"]]
        is_own = item["arm"] == "ml" and item["model"] == "m:1" and rows
        if not is_own or item["at"].weekday() != TUESDAY:
            continue
        chance = {row["name"]: 1 / (1 + np.exp(-0.7 * row["size"])) for row in rows}
        made = max(rows, key=lambda row: row["score"] + (row["cap"] or 0))["name"]
        other = max(
            rows,
            key=lambda row: (
                (chance[row["name"]] if scale == "probability" else 0.7 * row["size"])
                + (row["cap"] or 0)
            ),
        )["name"]
        if "x" in chance:
            total += item["weight"]
            before += item["weight"] * (made == "x")
            after += item["weight"] * (other == "x")
        if "x" in (made, other):
            gained += item["weight"] * (chance[other] - chance[made])
    return Consequence(total, before / total, after / total, gained)


def asked(root: Path, decisions: list[dict[str, Any]], scale: str) -> Consequence | None:
    system = System(
        name="ask", policy_scale=scale, features=(Feature(name="size"),),  # type: ignore[arg-type]
        candidate=Candidate(name="route"), layers=(Layer(name="cap"),),
    )  # fmt: skip
    log = Logger(system, to=root)
    kind = pa.timestamp("us", tz="UTC")
    log.table("decisions", pa.table({
        "decision_id": [item["id"] for item in decisions],
        "decided_at": pa.array([item["at"] for item in decisions], kind),
        "arm": [item["arm"] for item in decisions],
        "model_id": [item["model"] for item in decisions],
        "sample_weight": [item["weight"] for item in decisions],
    })).raise_for_refused()  # fmt: skip
    pairs = [(item, row) for item in decisions for row in item["rows"]]
    log.table("candidates", pa.table({
        "decision_id": [item["id"] for item, _ in pairs],
        "decided_at": pa.array([item["at"] for item, _ in pairs], kind),
        "candidate_id": [row["name"] for _, row in pairs],
        "is_eligible": [row["eligible"] for _, row in pairs],
        "raw_score": [row["raw"] for _, row in pairs],
        "probability": [1 / (1 + np.exp(-row.get("logged", row["raw"]))) for _, row in pairs],
        "f_size": [row["size"] for _, row in pairs],
        "layer_cap": pa.array([row["cap"] for _, row in pairs], pa.float64()),
    })).raise_for_refused()  # fmt: skip
    obs = open_system(root)
    return consequence(obs.system, obs.records, LOSS, MODEL, counterfactual)


@pytest.mark.parametrize("scale", ["probability", "log_odds"])
def test_it_is_that_of_replaying_one_by_one(tmp_path: Path, scale: str) -> None:
    decisions = decided(5, scale)
    found, expected = asked(tmp_path, decisions, scale), replayed(decisions, scale)
    assert found is not None
    assert found.decisions == expected.decisions
    assert found.share == pytest.approx(expected.share)
    assert found.share_without == pytest.approx(expected.share_without)
    assert found.approvals_lost == pytest.approx(expected.approvals_lost)
    assert expected.share != expected.share_without


def test_probabilities_that_are_no_link_of_the_scores_give_no_answer(tmp_path: Path) -> None:
    decisions = decided(6, "probability")
    for item in decisions:
        for row in item["rows"]:
            row["logged"] = 0.8 * row["raw"]
    assert asked(tmp_path, decisions, "probability") is None


def test_no_decision_of_the_weekday_gives_no_answer(tmp_path: Path) -> None:
    decisions = [item for item in decided(7, "log_odds") if item["at"].weekday() != TUESDAY]
    assert asked(tmp_path, decisions, "log_odds") is None
