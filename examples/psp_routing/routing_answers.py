"""Answers about the model and its policy beside what was done: model expectations, not effects."""

from __future__ import annotations

from typing import Any

import numpy as np
from approval_model import log_loss, rank_quality
from observed_answers import AS_OF, LAST_WEEKS, Finding, Systems, amounts, breakdowns, whole
from routing_records import VALUE_OF_SUCCESS_EUR

from pellucid.figures import numbers

_OTHER_VALUES_EUR = (10.0, 20.0, 30.0, VALUE_OF_SUCCESS_EUR, 60.0, 100.0)


def findings(systems: Systems) -> list[Finding]:
    """Return every finding, in the order of the page."""
    return [
        whole(systems), *breakdowns(systems), amounts(systems), model_quality(systems),
        calibration(systems), features(systems), flow(systems), reroutes(systems),
        values_of_success(systems),
    ]  # fmt: skip


def model_quality(systems: Systems) -> Finding:
    """Return how well the model orders and predicts the attempts that it has not seen."""
    logged = systems.logged
    rows = systems.routing.records.rows(
        "decisions", columns=["decision_id", "chosen_probability"]
    ).sort_by("decision_id")
    seen = logged.decided.sort_by("decision_id")
    probability = rows.column("chosen_probability").to_numpy()
    success = seen.column("success").to_numpy()
    base_rate = float(np.mean(logged.trained_on.column("success").to_numpy()))
    quality = rank_quality(probability, success)
    loss, base_loss = log_loss(probability, success), log_loss(base_rate, success)
    return Finding(
        "The model on weeks that it has not seen",
        "For the PSP really used. The signal is weak.",
        ("quantity", "value"),
        [
            ("Attempts trained on", numbers.count(logged.trained_on.num_rows)),
            ("Attempts decided about", numbers.count(len(success))),
            ("Area under the ROC curve", numbers.number(quality, 3)),
            ("Log loss", numbers.number(loss, 4)),
            ("Log loss of the constant training rate", numbers.number(base_loss, 4)),
        ],
    )  # fmt: skip


def calibration(systems: Systems) -> Finding:
    """Return predicted less realised success by PSP, of the PSP really used."""
    answer = systems.routing.query(
        "predicted_minus_realised", "expected_success", "success_rate",
        by=["psp"], over=LAST_WEEKS, as_of=AS_OF,
    )  # fmt: skip
    by_psp: dict[str, dict[str, dict[str, Any]]] = {}
    for row in answer.rows.to_pylist():
        by_psp.setdefault(row["psp"] or "all", {})[row["metric"]] = row
    rows = [
        (psp, numbers.rate(found["expected_success"]["value"], 2),
         numbers.rate(found["success_rate"]["value"], 2),
         numbers.points(found["predicted_minus_realised"]["value"], 2),
         _points_span(found["predicted_minus_realised"]),
         numbers.count(found["success_rate"]["n"]))
        for psp, found in by_psp.items()
    ]  # fmt: skip
    agreed = systems.routing.query(
        "predicted_minus_realised", over=LAST_WEEKS, as_of=AS_OF, where="chosen = pick_fees"
    ).rows.to_pylist()[0]
    remark = (
        f"Where the recorded pick was also the policy's own (n = {numbers.count(agreed['n'])}), "
        f"predicted less realised is {numbers.points(agreed['value'], 2)} "
        f"({_points_span(agreed)}). Above 0, the policy would expect too much of its own picks; "
        "only for these can that be checked."
    )
    heads = ("PSP", "predicted", "realised", "predicted − realised", "95% interval", "n")
    return Finding("Calibration by PSP", remark, heads, rows)


def features(systems: Systems) -> Finding:
    """Return the mean size of each feature's attribution over all candidates."""
    declared = {item.name: item.label for item in systems.routing.system.features}
    sizes = ", ".join(f"avg(abs(a_{name})) AS {name}" for name in declared)
    found = systems.routing.records.query(
        f"SELECT {sizes}, max(abs(residual)) AS residual, count(*) AS candidates "
        "FROM attributions", ("attributions",), LAST_WEEKS,
    ).to_pylist()[0]  # fmt: skip
    ranked = sorted(declared, key=lambda name: -found[name])
    rows = [(declared[name], numbers.number(found[name], 3)) for name in ranked]
    # Smaller than this, the largest residual is rounding, and differs from machine to machine.
    exact = "less than 0.00001" if found["residual"] < 1e-5 else f"{found['residual']:.1e}"
    remark = (
        f"Over all {numbers.count(found['candidates'])} candidates, attributions and base value "
        f"add up to the raw score with a residual of {exact} log-odds at most."
    )
    heads = ("feature", "mean |attribution|, log-odds")
    return Finding("What moves the score", remark, heads, rows)


def flow(systems: Systems) -> Finding:
    """Return the share of each PSP after each stage of the policy."""
    flowed = systems.routing.flow(over=LAST_WEEKS, as_of=AS_OF)
    cells = {(row["candidate"], row["stage"]): row for row in flowed.nodes.to_pylist()}
    rows = [
        (psp, *(_share(cells.get((psp, stage))) for stage in flowed.stages))
        for psp in systems.logged.fees.psps
    ]
    moved = systems.routing.query(
        "override_rate_fees", "override_rate_recorded", over=LAST_WEEKS, as_of=AS_OF
    ).rows.to_pylist()
    remark = (
        f"{numbers.count(flowed.decisions)} decisions, {flowed.outside} left out. Fees move "
        f"{numbers.rate(moved[0]['value'])} of them off the model's pick; the recorded policy "
        f"differs from the pick after fees in {numbers.rate(moved[1]['value'])}."
    )
    return Finding("Policy flow", remark, ("PSP", *flowed.stages), rows)


def reroutes(systems: Systems) -> Finding:
    """Return where the model after fees would have routed otherwise, and what it expects of it."""
    found = systems.routing.records.query(
        "SELECT d.chosen AS source, d.pick_fees AS target, count(*) AS decisions, "
        f"avg(after.layer_fees - before.layer_fees) * -{VALUE_OF_SUCCESS_EUR} AS fee, "
        "avg(after.probability - before.probability) AS success FROM decisions AS d "
        "JOIN candidates AS before ON before.decision_id = d.decision_id "
        "AND before.candidate_id = d.chosen "
        "JOIN candidates AS after ON after.decision_id = d.decision_id "
        "AND after.candidate_id = d.pick_fees WHERE d.chosen <> d.pick_fees "
        "GROUP BY GROUPING SETS ((source, target), ()) "
        "ORDER BY source NULLS LAST, target",
        ("decisions", "candidates"), LAST_WEEKS,
    ).to_pylist()  # fmt: skip
    total = systems.logged.decided.num_rows
    rows = [
        (row["source"] or "all moved", row["target"] or "", numbers.count(row["decisions"]),
         numbers.rate(row["decisions"] / total), numbers.signed(row["fee"], 2),
         numbers.points(row["success"]))
        for row in found
    ]  # fmt: skip
    remark = (
        "Means over the moved attempts, as the model expects them. Not causal estimates: see the "
        "caveats."
    )
    heads = ("recorded PSP", "policy's PSP", "decisions", "share", "mean fee change, EUR",
             "mean predicted success change")  # fmt: skip
    return Finding("Where the policy would have routed otherwise", remark, heads, rows, 2)


def values_of_success(systems: Systems) -> Finding:
    """Return what the policy would pick for other values of an approved payment."""
    rows = []
    for value in _OTHER_VALUES_EUR:
        found = systems.routing.records.query(
            "SELECT avg(probability) AS success, "
            f"avg(layer_fees) * -{VALUE_OF_SUCCESS_EUR} AS fee, "
            "count_if(candidate_id = 'Goldcard') / count(*) AS share "
            "FROM (SELECT * FROM candidates QUALIFY row_number() OVER (PARTITION BY decision_id "
            f"ORDER BY probability + layer_fees * {VALUE_OF_SUCCESS_EUR / value} DESC, "
            "candidate_id) = 1)",
            ("candidates",), LAST_WEEKS,
        ).to_pylist()[0]  # fmt: skip
        rows.append((numbers.number(value, 0), numbers.rate(found["share"]),
                     numbers.rate(found["success"]), numbers.number(found["fee"], 2)))  # fmt: skip
    remark = (
        f"The page uses {VALUE_OF_SUCCESS_EUR:g} EUR, a choice: about a fifth of the mean amount. "
        "What is picked hangs on it."
    )
    heads = ("value of an approved payment, EUR", "share of Goldcard", "predicted success",
             "expected fee, EUR")  # fmt: skip
    return Finding("Other values of an approved payment", remark, heads, rows, 0)


def one_decision(systems: Systems) -> list[str]:
    """Return one decision in words: the first retry on which all three stages differ."""
    found = systems.routing.records.query(
        "SELECT min(decision_id) AS decision_id FROM decisions WHERE attempt > 1 AND "
        "pick_model <> pick_fees AND pick_fees <> chosen AND pick_model <> chosen",
        ("decisions",), LAST_WEEKS,
    ).to_pylist()[0]  # fmt: skip
    routing = systems.routing
    told = routing.explain(found["decision_id"]).told
    return [f"{title}: {' '.join(sentences)}" for title, sentences in told]


def _points_span(row: dict[str, Any]) -> str:
    return f"{numbers.points(row['low'], 2)} to {numbers.points(row['high'], 2)}"


def _share(row: dict[str, Any] | None) -> str:
    if row is None:
        return "0 (0.0%)"
    return f"{numbers.count(row['decisions'])} ({numbers.rate(row['share'])})"
