"""Root causes of public data are found, where the data are there."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[4]
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="module")
def truth() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        spec = importlib.util.spec_from_file_location(
            "truth_rca", ROOT / "benchmarks" / "truth_rca.py"
        )
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, "truth_rca", module)
        spec.loader.exec_module(module)
        return module


def test_payments_with_few_rows_a_leaf(truth: ModuleType) -> None:
    (planted, quiet) = truth.our_own(12, 3)
    assert planted["f1"] >= 0.85
    assert quiet["alarms"] <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "name", "given", "least"),
    [
        ("rca_squeeze_b0", "squeeze", {}, 0.95),
        ("rca_robustspot", "robustspot", {}, 0.6),
        ("aiops2019_cube", "aiops", {"is_forecast_known": True}, 0.95),
    ],
)
def test_root_causes_are_found(
    truth: ModuleType, folder: str, name: str, given: dict[str, bool], least: float
) -> None:
    if not (DATA / folder).is_dir():
        pytest.skip(f"../shared/data/{folder} is not there")
    cases = [case for place, case in enumerate(getattr(truth, name)(**given)) if place % 3 == 1]
    outcomes = [(case.roots, truth.found_in(case)) for case in cases]
    assert truth.scored(name, "held out", outcomes)["f1"] >= least
