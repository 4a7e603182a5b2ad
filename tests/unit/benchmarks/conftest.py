"""The benchmarks' modules, which are no package."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def _loaded(name: str) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        return importlib.import_module(name)


@pytest.fixture(scope="session")
def scores() -> ModuleType:
    return _loaded("planted_scores")


@pytest.fixture(scope="session")
def truths() -> ModuleType:
    return _loaded("planted_truth")


@pytest.fixture(scope="session")
def worlds() -> ModuleType:
    return _loaded("planted_worlds")
