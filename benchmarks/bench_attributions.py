"""What exact attributions of a tree ensemble cost: 300 trees of depth 6 over 30 features.

Ours are interventional, against 2,000 reference rows; the other side is the library's own call,
which is path-dependent. CPU of one thread. Every kernel of ours that this processor can run is
measured; NumPy's does without any compiler.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import combinations

import numpy as np
import xgboost
from harness import Report, Spread, parse_options

from pellucid.explain.trees.interactions import prepare_interactions
from pellucid.explain.trees.kernel import attribute, prepare
from pellucid.explain.trees.native import versions
from pellucid.explain.trees.tables import feature_players
from pellucid.models.xgboost import read_xgboost

FEATURES, TREES, DEPTH, REFERENCE = 30, 300, 6, 2_000
# The goals, in rows a CPU second: of what issue and study say the processor can do.
GOALS = {"avx512": 100_000, "avx2": 25_000, "portable": 25_000, "numpy": 15_000}


def train(rows: int) -> tuple[xgboost.Booster, np.ndarray]:
    draw = np.random.default_rng(0)
    given = draw.normal(size=(rows, FEATURES)).astype(np.float32)
    score = given[:, 0] * given[:, 1] + np.sin(3 * given[:, 2]) + given[:, 3] * (given[:, 4] > 0)
    score += 0.2 * given[:, 5:15].sum(axis=1)
    labels = score + draw.normal(size=rows) > 0
    settings = {"objective": "binary:logistic", "max_depth": DEPTH, "eta": 0.1, "nthread": 1}
    return xgboost.train(settings, xgboost.DMatrix(given, labels), TREES), given.astype(np.float64)


def cost(call: Callable[[], object], rows: int) -> float:
    """Return CPU microseconds a row."""
    begin = time.process_time()
    call()
    return (time.process_time() - begin) / rows * 1e6


def main() -> None:
    options = parse_options(__doc__, rounds=5)
    found = Report("attributions", "what do exact attributions cost?", options.scale == 1)
    model, rows = train(options.rows(100_000))
    ensemble = read_xgboost(bytes(model.save_raw("json")))
    given = {"players": feature_players(FEATURES), "reference": rows[:REFERENCE]}
    begin = time.process_time()
    compiled = prepare(ensemble, **given)
    prepared = time.process_time() - begin
    plain = prepare(ensemble, **given, compiled=False)
    few = xgboost.DMatrix(rows[:1000])
    model.set_param({"nthread": 1})
    ours: dict[str, list[float]] = {name: [] for name in (*versions(), "numpy")}
    theirs = []
    for _ in range(options.rounds):
        for name in versions():
            many = rows[:50_000]
            ours[name].append(
                cost(lambda v=name, m=many: attribute(compiled, m, version=v), len(many))
            )
        some = rows[:16_384]
        ours["numpy"].append(cost(partial(attribute, plain, some), len(some)))
        theirs.append(cost(lambda: model.predict(few, pred_contribs=True), 1000))
    pairs = list(combinations(range(FEATURES), 2))
    every = prepare_interactions(ensemble, pairs, **given)
    few_rows, costs, slow = rows[:10_000], [], []
    for _ in range(options.rounds):
        costs.append(cost(partial(attribute, every, few_rows), len(few_rows)))
        one = xgboost.DMatrix(rows[:5])
        slow.append(cost(partial(model.predict, one, pred_interactions=True), 5))
    found.add("all 435 interactions, fastest kernel", "us CPU a row", Spread.of(costs),
              Spread.of(slow), most=50.0)  # fmt: skip
    for name, costs in ours.items():
        found.add(f"300 trees x depth 6, {name}", "us CPU a row", Spread.of(costs),
                  Spread.of(theirs), most=1e6 / GOALS[name])  # fmt: skip
    found.add("preparing, 2,000 reference rows", "s CPU", Spread.of([prepared]), None)
    found.finish()


if __name__ == "__main__":
    main()
