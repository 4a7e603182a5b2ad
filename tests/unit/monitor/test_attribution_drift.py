"""The order of features against a baseline, from a lake: held to brute force over the rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import ndcg_score

import pellucid
from pellucid.cli import main
from pellucid.errors import SpecError, UnknownNameError
from pellucid.monitor.checks.panel import Looked
from pellucid.monitor.drift.attributions import AttributionDrift
from pellucid.monitor.drift.order import attribution_drift
from pellucid.observatory import Observatory
from pellucid.windows import Window

START, DAY = datetime(2026, 6, 1, tzinfo=UTC), timedelta(days=1)
NAMES = ("amount", "bank", "hour", "age")
SIZES = {"amount": 1.0, "bank": 0.6, "hour": 0.3, "age": 0.1}
WINDOW, BASELINE = Window(START + 8 * DAY, START + 10 * DAY), Window(START, START + 8 * DAY)
Row = dict[str, Any]
Change = Callable[[Row], Row | None]


def as_usual(row: Row) -> Row | None:
    return row


def explained(seed: int, change: Change = as_usual, *, a_day: int = 60) -> list[Row]:
    """Return ten days of attributions of one sign each, the last two changed."""
    draw = np.random.default_rng(seed)
    rows = []
    for number in range(10 * a_day):
        at = START + timedelta(days=number // a_day, minutes=int(draw.integers(1440)))
        own = {f"a_{name}": np.float32(abs(draw.normal(size, size / 3)))
               for name, size in SIZES.items()}  # fmt: skip
        row: Row | None = {
            "decision_id": f"d{number}", "decided_at": at, "candidate_id": "north",
            "model_id": "m:1", "output_scale": "log_odds", "base_value": 0.5,
            "raw_score": 0.5 + float(sum(own.values())), "residual": 0.0,
            "sample_weight": float(draw.choice([1.0, 3.0])), "explainer": "trees, 500 of May",
            "country": str(draw.choice(["BR", "DE"])), **own,
        }  # fmt: skip
        row = change(row) if at >= WINDOW.start and row else row
        rows += [row] if row else []
    return rows


def lake(root: Path, rows: list[Row]) -> Observatory:
    system = pellucid.System(
        name="order", dimensions=(pellucid.Dimension(name="country"),),
        features=tuple(pellucid.Feature(name=name, label=name.title()) for name in NAMES),
        candidate=pellucid.Candidate(name="route"),
    )  # fmt: skip
    log = pellucid.Logger(system, to=root)
    decisions = {row["decision_id"]: row for row in rows}.values()
    log.table("decisions", pa.Table.from_pylist([
        {"decision_id": row["decision_id"], "request_id": row["decision_id"], "attempt": 1,
         "decided_at": row["decided_at"], "country": row["country"], "chosen": "north"}
        for row in decisions
    ])).raise_for_refused()  # fmt: skip
    log.table("candidates", pa.Table.from_pylist([
        {"decision_id": row["decision_id"], "decided_at": row["decided_at"],
         "candidate_id": "north", "is_eligible": True, "is_chosen": True}
        for row in decisions
    ])).raise_for_refused()  # fmt: skip
    stored = [{name: value for name, value in row.items() if name != "country"} for row in rows]
    if stored:
        kept = list({name: None for row in stored for name in row})
        log.table("attributions", pa.table(
            {name: [row.get(name) for row in stored] for name in kept}
        )).raise_for_refused()  # fmt: skip
    return pellucid.open(root)


def ask(obs: Observatory, **options: Any) -> AttributionDrift:
    return obs.attribution_drift(**({"over": WINDOW, "baseline": BASELINE} | options))


def sized(row: Row, **sizes: float) -> Row:
    return row | {f"a_{name}": np.float32(row[f"a_{name}"] * size) for name, size in sizes.items()}


def verdicts(found: AttributionDrift) -> dict[str, str]:
    return {item.name: item.verdict for item in found.features}


@pytest.mark.parametrize("where", ["", "country = 'BR'", "country = 'BR' AND is_chosen"])
def test_it_is_what_the_rows_say(tmp_path: Path, where: str) -> None:
    rows = explained(0, lambda row: sized(row, age=4, bank=-1), a_day=140)
    found = ask(lake(tmp_path, rows), where=where)
    kept = [row for row in rows if not where or row["country"] == "BR"]
    values = np.array([[row[f"a_{name}"] for name in NAMES] for row in kept], dtype=np.float64)
    weight = np.array([row["sample_weight"] for row in kept])
    is_now = np.array([row["decided_at"] >= WINDOW.start for row in kept])
    sides = [np.average(part[own], axis=0, weights=weight[own])
             for own in (is_now, ~is_now) for part in (np.abs(values), values)]  # fmt: skip
    assert (found.n, found.baseline_n) == (is_now.sum(), (~is_now).sum())
    assert found.ndcg == pytest.approx(ndcg_score([sides[2]], [sides[0]]))
    ranked = {row["feature"]: row for row in found.rows.to_pylist()}
    for place, name in enumerate(NAMES):
        row = ranked[name]
        said = [row[key] for key in ("importance", "mean", "baseline_importance", "baseline_mean")]
        assert said == pytest.approx([side[place] for side in sides])
        assert row["rank"] == 1 + sum(sides[0] > sides[0][place])
        assert row["low"] < row["importance"] - row["baseline_importance"] < row["high"]
    assert verdicts(found) == {"amount": "steady", "bank": "flipped", "age": "rose",
                               "hour": "steady"}  # fmt: skip
    assert "Features matter more: Age (rank 4 → 3" in found.told
    assert "whose effect turned round: Bank (mean +0.6" in found.told


def test_the_noise_of_the_order_is_that_of_spans_of_days(tmp_path: Path) -> None:
    rows = explained(1)
    found = ask(lake(tmp_path, rows))
    totals = np.zeros((8, len(NAMES)))
    for row in rows:
        if row["decided_at"] < WINDOW.start:
            totals[(row["decided_at"] - START).days] += [
                row["sample_weight"] * float(row[f"a_{name}"]) for name in NAMES
            ]
    spans = [totals[day : day + 2].sum(axis=0) for day in range(7)]
    noise = [ndcg_score([totals.sum(axis=0) - span], [span]) for span in spans]
    assert found.ndcg_noise == pytest.approx(np.quantile(noise, 0.05))
    assert found.ndcg_floor == 0.9
    assert not found.is_reordered
    assert set(verdicts(found).values()) == {"steady"}
    assert found.told.startswith("Features rank as they did: NDCG 1.000 in 2026-06-09")


def test_an_order_that_turned_is_told(tmp_path: Path) -> None:
    found = ask(lake(tmp_path, explained(2, lambda row: sized(row, age=30, amount=0.1))))
    assert found.is_reordered
    assert found.features[0].name == "age"
    assert (found.features[0].baseline_rank, found.features[0].verdict) == (4, "rose")
    assert found.told.startswith("Features no longer rank as they did: NDCG 0.")
    assert found.why.startswith("Features no longer rank as they did (NDCG 0.")
    assert "Age (rank 4 → 1" in found.why


def test_two_models_are_said_to_be_two(tmp_path: Path) -> None:
    obs = lake(tmp_path, explained(3, lambda row: row | {"model_id": "m:2"}))
    found = ask(obs)
    assert found.models == ("m:2", "m:1")
    assert found.told.startswith("The window is of m:2 and the baseline of m:1")
    assert ask(obs, over=BASELINE, model="m:1", baseline=WINDOW).models == ("m:1", "m:2")
    with pytest.raises(UnknownNameError, match="no model with attributions is called 'm:1'"):
        ask(obs, model="m:1")


def test_two_models_may_be_compared_on_the_same_days(tmp_path: Path) -> None:
    rows = explained(4, lambda row: sized(row, hour=2))
    twins = [sized(row, hour=3) | {"model_id": "m:2"} for row in rows]
    obs = lake(tmp_path, [*rows, *twins])
    found = ask(obs, baseline=WINDOW, model="m:2", baseline_model="m:1")
    assert (found.models, found.n) == (("m:2", "m:1"), found.baseline_n)
    hour = next(item for item in found.features if item.name == "hour")
    assert hour.importance == pytest.approx(3 * hour.baseline_importance)
    with pytest.raises(SpecError, match="share days"):
        ask(obs, baseline=WINDOW, model="m:2")


def test_only_what_compares_with_the_same_reference_is_compared(tmp_path: Path) -> None:
    def partly(row: Row) -> Row:
        is_other = int(row["decision_id"][1:]) % 3 == 0
        return sized(row, age=50) | {"explainer": "another"} if is_other else row

    found = ask(lake(tmp_path / "partly", explained(5, partly)))
    assert (found.n, found.is_same_reference) == (80, True)
    assert found.left_out == pytest.approx(40 / 600)
    assert "6.7% of what is explained is left out" in found.told
    whole = ask(lake(tmp_path / "wholly", explained(5, lambda row: row | {"explainer": "another"})))
    assert (whole.n, whole.is_same_reference) == (120, False)
    assert whole.told.startswith("m:1 was explained in another way, or against another reference")


def test_scales_that_differ_are_refused(tmp_path: Path) -> None:
    obs = lake(tmp_path, explained(6, lambda row: row | {"output_scale": "probability",
                                                         "model_id": "m:2"}))  # fmt: skip
    with pytest.raises(SpecError, match="on probability and those of m:1 on log_odds"):
        ask(obs)


def test_a_feature_of_one_side_is_new_or_gone(tmp_path: Path) -> None:
    def swapped(row: Row) -> Row:
        return row | {"a_age": None, "model_id": "m:2"}

    obs = lake(tmp_path, explained(7, swapped))
    found = ask(obs)
    gone = found.features[-1]
    assert (gone.name, gone.verdict, gone.rank, gone.baseline_rank) == ("age", "gone", None, 4)
    assert math.isnan(gone.importance)
    assert found.rows.to_pylist()[-1]["importance"] is None
    back = ask(obs, over=BASELINE, baseline=WINDOW)
    assert verdicts(back)["age"] == "new"
    assert back.features[-1].baseline_rank is None


def test_attributions_of_nothing_have_no_order(tmp_path: Path) -> None:
    nothing = dict.fromkeys(NAMES, 0.0)
    obs = lake(tmp_path, explained(8, lambda row: sized(row, **nothing)))
    now = ask(obs)
    assert {item.rank for item in now.features} == {1}
    assert set(verdicts(now).values()) == {"fell"}
    back = ask(obs, over=BASELINE, baseline=WINDOW)
    assert math.isnan(back.ndcg)
    assert not back.is_reordered
    assert "All attributions in 2026-06-09 to 2026-06-11 are 0" in back.told


def test_one_day_of_baseline_has_no_noise_of_its_own(tmp_path: Path) -> None:
    obs = lake(tmp_path, explained(9, lambda row: sized(row, age=30), a_day=120))
    first = Window(START, START + DAY)
    found = ask(obs, baseline=first)
    assert math.isnan(found.ndcg_noise)
    assert found.ndcg_floor == 0.9
    assert verdicts(found)["age"] == "rose"
    assert "its days are too few to tell what chance does" in found.told
    alone = ask(obs, over=Window(WINDOW.start, WINDOW.start + DAY), baseline=first)
    assert alone.rows.to_pylist()[0]["low"] is None
    assert set(verdicts(alone).values()) == {"steady"}, "a day against a day: no saying"


def summed(days: list[list[float]]) -> pa.Table:
    """Return what the query of a period gives, of days of 50 rows with these mean sizes."""
    columns = {f"{name}_{place}": [50.0 * day[place] for day in days]
               for name in ("signed", "absolute") for place in range(len(days[0]))}  # fmt: skip
    fixed = {"model_id": "m:1", "explainer": "trees", "output_scale": "log_odds", "n": 50,
             "weight": 50.0, "square": 50.0, "count_0": 50, "count_1": 50}  # fmt: skip
    return pa.table({"day": list(range(len(days))), **columns,
                     **{name: [value] * len(days) for name, value in fixed.items()}})  # fmt: skip


def test_a_past_incident_does_not_excuse_the_next() -> None:
    usual, turned, features = [4.0, 0.1], [0.1, 4.0], {"a": "A", "b": "B"}
    before = summed([turned, *[usual] * 13])
    found = attribution_drift(summed([turned] * 2), before, features, names=("now", "then"))
    assert found.ndcg_noise == 1.0
    assert (found.ndcg_floor, found.is_reordered) == (0.9, True)
    often = summed([turned, turned, *[usual] * 12])
    assert attribution_drift(
        summed([turned] * 2), often, features, names=("now", "then")
    ).ndcg_floor < 0.9  # fmt: skip


def test_what_does_not_matter_does_not_flip(tmp_path: Path) -> None:
    """A feature of under a hundredth of all, and one that goes both ways as often."""
    rows = []
    for place, row in enumerate(explained(15)):
        is_now = row["decided_at"] >= WINDOW.start
        sign = (1 if place % 20 < 11 else -1) * (-1 if is_now else 1)
        rows.append(sized(row, age=-0.05 if is_now else 0.05)
                    | {"sample_weight": 1.0, "a_bank": np.float32(0.6 * sign)})  # fmt: skip
    found = {item.name: item for item in ask(lake(tmp_path, rows)).features}
    assert found["bank"].mean == pytest.approx(-0.06)
    assert found["bank"].baseline_mean == pytest.approx(0.06)
    for name, verdict in (("age", "steady"), ("bank", "flipped")):
        assert found[name].flip_q_value < 0.01
        assert found[name].verdict == verdict


def test_few_rows_are_not_judged(tmp_path: Path) -> None:
    found = ask(lake(tmp_path, explained(10, lambda row: sized(row, age=30), a_day=30)))
    assert set(verdicts(found).values()) == {"too few rows"}
    assert not found.is_reordered
    assert "Too few candidates are explained to tell: 60 in" in found.told


def test_what_is_not_explained_says_how_to(tmp_path: Path) -> None:
    obs = lake(tmp_path, explained(11))
    with pytest.raises(SpecError, match=r"obs\.attribute\(over=...\)"):
        ask(obs, baseline=Window(START - 9 * DAY, START))
    with pytest.raises(SpecError, match=r"no attributions in .* where country = 'XX'"):
        ask(obs, where="country = 'XX'")
    with pytest.raises(SpecError, match="colour"):
        ask(obs, where="colour = 'red'")
    log = pellucid.Logger(obs.system, to=tmp_path / "bare")
    at = pa.array([START], pa.timestamp("us", tz="UTC"))
    log.table("decisions", pa.table({"decision_id": ["d"], "request_id": ["d"], "attempt": [1],
                                     "decided_at": at, "country": ["BR"]}))  # fmt: skip
    with pytest.raises(SpecError, match="has no attributions"):
        pellucid.open(tmp_path / "bare").attribution_drift(over="1d", baseline=BASELINE)


def look(obs: Observatory, *columns: str, at: datetime = WINDOW.start + DAY) -> Looked:
    check = pellucid.Check(name="inputs", rule="drift", columns=columns)
    found = obs.look_at_columns(check, at)
    return Looked(tuple(item for item in found.failing if item.subject == "attributions"),
                  found.clear, found.unusual)  # fmt: skip


def test_a_check_of_attributions_tells_an_order_that_turned(tmp_path: Path) -> None:
    turned = explained(12, lambda row: sized(row, age=30, amount=0.1), a_day=120)
    obs = lake(tmp_path / "turned", turned)
    (alert,) = look(obs, "attribution").failing
    assert (alert.kind, alert.since_at) == ("column", WINDOW.start)
    assert alert.raised_at == WINDOW.start + DAY
    assert alert.value > alert.expected == pytest.approx(0.1)
    assert alert.why.startswith("Features no longer rank as they did")
    assert not look(obs, "score").failing
    assert not look(lake(tmp_path / "usual", explained(12, a_day=120)), "attribution").failing
    other = [row | {"model_id": "m:2"} if row["decided_at"] >= WINDOW.start else row
             for row in turned]  # fmt: skip
    assert not look(lake(tmp_path / "other", other), "attribution").failing, "a new model may"


def test_a_check_of_days_with_few_rows_takes_several(tmp_path: Path) -> None:
    obs = lake(tmp_path, explained(13, lambda row: sized(row, age=30, amount=0.1)))
    (alert,) = look(obs, "attribution", at=WINDOW.end).failing
    assert (alert.since_at, alert.n) == (WINDOW.start, 120)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lake(tmp_path, explained(14, lambda row: sized(row, bank=-1)))
    asked = ["importances", "--over", "2d", "--lake", str(tmp_path)]
    assert main(asked) == 0
    shown = capsys.readouterr().out
    assert "Bank     flipped     2       2" in shown
    assert main([*asked, "--format", "json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["verdict"] for row in rows] == ["steady", "flipped", "steady", "steady"]
