"""Lists of decisions, and the candidate's own name in conditions on them."""

from __future__ import annotations

import pytest

import pellucid


def test_a_list_is_the_latest_first_with_outcomes_as_logged(obs):
    rows = obs.decisions(where="route = 'elm-direct' AND country = 'DE'", most=200).to_pylist()
    assert {(row["chosen"], row["country"]) for row in rows} == {("elm-direct", "DE")}
    times = [row["decided_at"] for row in rows]
    assert times == sorted(times, reverse=True)
    logged = obs.records.rows("outcomes", where="outcome = 'approved'").to_pylist()
    latest = {}
    for row in sorted(logged, key=lambda row: row["recorded_at"]):
        latest[row["decision_id"]] = row["value"]
    assert [row["approved"] for row in rows] == [latest.get(row["decision_id"]) for row in rows]


def test_pages_of_a_list_follow_each_other(obs):
    whole = obs.decisions(most=60).column("decision_id").to_pylist()
    parts = [obs.decisions(first=first, most=20).column("decision_id").to_pylist()
             for first in (0, 20, 40)]  # fmt: skip
    assert [own for part in parts for own in part] == whole


def test_an_id_is_found_whatever_the_window(obs):
    own = obs.decisions(most=1).to_pylist()[0]
    for name in ("decision_id", "request_id"):
        found = obs.decisions(find=own[name], over="2026-10-05..2026-10-06")
        assert own["decision_id"] in found.column("decision_id").to_pylist()
    assert obs.decisions(find="nobody' OR '1'='1").num_rows == 0


@pytest.mark.parametrize("bounds", [{"most": 0}, {"most": 20_000}, {"first": -1}])
def test_bounds_out_of_range_are_refused(obs, bounds):
    with pytest.raises(pellucid.SpecError, match="ask for 1 to"):
        obs.decisions(**bounds)


def test_a_candidates_name_is_that_of_the_chosen_one_when_explaining(obs):
    by_name = obs.layer_effects(where="route = 'cedar-direct'", over="14d")
    by_column = obs.layer_effects(where="chosen = 'cedar-direct'", over="14d")
    assert by_name.effects.equals(by_column.effects)
    with pytest.raises(pellucid.SpecError, match="rout'"):
        obs.layer_effects(where="rout = 'x'")
