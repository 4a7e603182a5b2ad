"""Live records that were once stored wrong, or that ended the process."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from enum import Enum

import numpy as np
import pandas as pd
import pytest

from pellucid.log.columns import to_arrow
from pellucid.log.gather import spread
from pellucid.log.kinds import DECISION
from pellucid.log.records import Shape, make_batch

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Route(str, Enum):  # noqa: UP042 - a StrEnum prints as its text, this one does not
    NORTH = "north"


@pytest.mark.parametrize(("values", "stored"), [
    ([np.float16(0.5), 1], [0.5, 1.0]),
    ([date(2026, 1, 1), 1], ["2026-01-01", "1"]),
    ([pd.NA, pd.NaT, 1], [None, None, 1]),
], ids=["float16", "date", "missing"])  # fmt: skip
def test_mixed_values_keep_their_meaning(values, stored) -> None:
    assert to_arrow({"x": values})["x"].to_pylist() == stored


def test_a_list_that_holds_itself_raises_and_does_not_end_the_process() -> None:
    value: list = []
    value.append(value)
    with pytest.raises(ValueError, match="Circular"):
        to_arrow({"x": [value]})


def test_a_counter_has_no_values_for_keys_that_it_lacks() -> None:
    maps = [{"a": 1, "b": 2}, Counter({"a": 1, "c": 7})]
    assert spread(maps) == {"a": [1, 1], "b": [2, None], "c": [None, 7]}


@pytest.mark.parametrize("name", [Route.NORTH, 7], ids=["enumeration", "number"])
def test_ids_that_are_no_plain_text_are_chosen_and_have_terms(name) -> None:
    record = {"id": "d", "at": NOW, "chosen": name,
              "candidates": [{"id": name, "probability": 0.5}],
              "layers": [{"name": "fees", "terms": {name: -0.1}}]}  # fmt: skip
    tables = make_batch([(DECISION, record)], Shape()).parts[0]
    assert tables["candidates"]["is_chosen"] == [True]
    assert tables["candidates"]["layer_fees"] == [-0.1]
