"""A payment world's tables agree with the record, with each other and with the policy."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pytest

from pellucid.errors import MissingExtraError, SpecError
from pellucid.schema.fields import ANY
from pellucid.schema.tables import TABLES
from pellucid.schema.validate import validate
from pellucid.spec.bind import check_system, declared_names
from pellucid.testing.worlds import END_AT, Outage, UnitChange, WeekdayHabit, encode, payment_world
from pellucid.testing.worlds.population import COUNTRIES
from pellucid.testing.worlds.routes import ROUTES

SMALL = {"decisions": 1_500, "history_days": 7, "live_days": 7}


def ipc_bytes(table):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def family_names(system, names):
    return {
        "features": [feature.name for feature in system.features],
        "layers": [layer.name for layer in system.layers],
        "stages": list(system.stages),
        "dimensions": list(system.dimension_names),
        "candidate_dimensions": [item.name for item in system.candidate.dimensions],
        "repeated_dimensions": list(system.candidate.repeats),
        "cutoffs": [],
        "raw": [],
    }[names]


def test_same_seed_gives_identical_bytes_and_another_seed_does_not():
    """Two runs agree in every byte of every table; another seed moves every table."""
    first, second = payment_world(seed=5, **SMALL), payment_world(seed=5, **SMALL)
    other = payment_world(seed=6, **SMALL)
    for name, table in first.tables.items():
        assert ipc_bytes(table) == ipc_bytes(second.tables[name])
        assert ipc_bytes(table) != ipc_bytes(other.tables[name])
    assert np.array_equal(first.truth.approval_probability, second.truth.approval_probability)
    assert first.models[0][0].model_to_string() == second.models[0][0].model_to_string()


@pytest.mark.parametrize("name", ["decisions", "candidates", "outcomes", "training"])
def test_columns_and_types_are_the_standard_records(calm, name):
    """Every column is a field or of a family, with its type; required ones hold no null."""
    table, spec = calm.world.tables[name], TABLES[name]
    # A world logs every decision: none has a weight.
    expected = {field.name: field.type for field in spec.fields if field.name != "sample_weight"}
    for family in spec.families:
        for item in family_names(calm.world.system, family.names):
            expected[family.prefix + item] = family.type
    assert set(table.column_names) == set(expected)
    for field in table.schema:
        logged = str(field.type).replace("double", "float64")
        assert expected[field.name] in (ANY, logged), field
    for field in spec.required:
        assert table[field].null_count == 0


def test_features_are_float32_category_or_bool(calm):
    """Feature columns have the narrow type that their kind implies, in both tables."""
    types = {
        "number": pa.float32(),
        "boolean": pa.bool_(),
        "category": pa.dictionary(pa.int8(), pa.string()),
    }
    for feature in calm.world.system.features:
        for name in ("candidates", "training"):
            column = calm.world.tables[name][f"f_{feature.name}"]
            assert column.type == types[feature.kind]


def test_keys_are_unique_and_rows_in_order_of_time(calm):
    """Keys identify rows, decisions are sorted, and all lie in the live window."""
    tables = calm.world.tables
    for name in ("decisions", "candidates", "outcomes", "training"):
        keys = tables[name].select(TABLES[name].key)
        assert len(set(zip(*keys.to_pydict().values(), strict=True))) == len(keys)
    decided_at = tables["decisions"]["decided_at"].to_pylist()
    assert decided_at == sorted(decided_at)
    assert calm.world.config.live_start_at <= decided_at[0]
    assert decided_at[-1] < END_AT
    recorded_at = tables["outcomes"]["recorded_at"].to_pylist()
    assert recorded_at == sorted(recorded_at)
    assert recorded_at[-1] < END_AT


def test_size_is_about_what_was_asked(calm, planted):
    """The number of decisions is within 3% of the wish."""
    assert len(calm.decisions("arm")) == pytest.approx(6_000, rel=0.03)
    assert len(planted(decisions=12_000).decisions("arm")) == pytest.approx(12_000, rel=0.03)


def test_candidates_follow_their_decision(calm):
    """Candidate rows repeat id, time and dimensions, with the routes in order of name."""
    for name in ("decision_id", "decided_at", "country", "issuer", "network"):
        assert (calm.candidates(name) == calm.decisions(name)[:, None]).all()
    assert (calm.candidates("candidate_id") == calm.routes).all()
    assert list(calm.routes) == sorted(calm.routes)
    assert (calm.candidates("processor") == [route.processor for route in ROUTES]).all()
    assert (calm.candidates("f_route") == calm.routes).all()


def test_ineligible_candidates_have_a_reason_and_no_score(calm):
    """Eligible, without reason and scored are the same rows; counts agree."""
    eligible = calm.candidates("is_eligible").astype(bool)
    assert ((calm.candidates("ineligible_reason") == None) == eligible).all()  # noqa: E711
    for name in ("raw_score", "probability"):
        assert (~np.isnan(calm.candidates(name)) == eligible).all()
    acted = eligible & (calm.decisions("arm") != "control")[:, None]
    for layer in calm.world.system.layers:
        assert (~np.isnan(calm.candidates(f"layer_{layer.name}")) == acted).all()
    assert (calm.decisions("eligible_count") == eligible.sum(axis=1)).all()
    assert (calm.decisions("candidate_count") == len(ROUTES)).all()


def test_reasons_are_the_first_rule_that_applies(calm):
    """Brute force over the routes' rules, row by row."""
    local = {country.code: country.currency for country in COUNTRIES}
    table = calm.world.tables["decisions"]
    rows = table.select(["country", "network", "card_type", "currency", "attempt"]).to_pylist()
    amounts, reasons = calm.candidates("f_amount")[:, 0], calm.candidates("ineligible_reason")
    for row, amount, logged in zip(rows, amounts, reasons, strict=True):
        for route, reason in zip(ROUTES, logged, strict=True):
            rules = {
                "country_not_served": row["country"] not in route.countries,
                "network_not_supported": row["network"] not in route.networks,
                "card_type_not_supported": row["card_type"] not in route.card_types,
                "local_currency_only": route.is_local and row["currency"] != local[row["country"]],
                "amount_above_cap": amount > route.cap,
            }
            first = next((name for name, applies in rules.items() if applies), None)
            assert reason == first or (first is None and reason == "already_tried")
            assert reason != "already_tried" or row["attempt"] > 1


def test_chosen_is_one_eligible_candidate(calm):
    """Exactly one candidate is chosen; the decision repeats its scores and dimensions."""
    chosen, eligible = calm.candidates("is_chosen"), calm.candidates("is_eligible")
    assert (chosen.sum(axis=1) == 1).all()
    assert (chosen <= eligible).all()
    route = chosen.argmax(axis=1)
    rows = np.arange(len(route))
    assert (calm.decisions("chosen") == calm.routes[route]).all()
    assert (calm.decisions("chosen_processor") == calm.candidates("processor")[rows, route]).all()
    for ours, theirs in (
        ("chosen_raw_score", "raw_score"),
        ("chosen_probability", "probability"),
        ("propensity", "propensity"),
        ("chosen_configuration", "configuration"),
    ):
        assert (calm.decisions(ours) == calm.candidates(theirs)[rows, route]).all()


def test_raw_scores_are_the_boosters_own(calm):
    """Encoding the logged features and predicting gives the logged score, bit for bit."""
    booster, about = calm.world.models[0]
    table = calm.world.tables["candidates"]
    inputs = encode(table, about["features"], about["categories"])
    eligible = table["is_eligible"].to_numpy()
    again = booster.predict(inputs[eligible], raw_score=True)
    logged = table["raw_score"].to_numpy()[eligible]
    assert np.array_equal(again, logged)
    probability = table["probability"].to_numpy()[eligible]
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-logged)), rtol=1e-12)
    shap = booster.predict(inputs[eligible][:500], pred_contrib=True)
    np.testing.assert_allclose(shap.sum(axis=1), logged[:500], atol=1e-9)


def test_encode_gives_nan_for_null_and_unknown():
    """Codes are positions in the list; null and strangers are NaN, plain strings work too."""
    table = pa.table(
        {
            "f_route": pa.array(["b", None, "stranger", "a"]).dictionary_encode(),
            "f_flag": [True, False, None, True],
            "f_amount": pa.array([1.5, None, 2.5, 0.1], pa.float32()),
        }
    )
    nan = np.nan
    found = encode(table, ["amount", "route", "flag"], {"route": ["a", "b"]})
    expected = [[1.5, 1, 1], [nan, nan, 0], [2.5, nan, nan], [np.float32(0.1), 0, 1]]
    assert np.array_equal(found, np.array(expected), equal_nan=True)


def test_features_are_the_payments(calm):
    """Amount in euros, hour and weekday follow from the decision's own columns."""
    per_euro = {item.currency: item.per_euro * 10**item.digits for item in COUNTRIES}
    minor = calm.decisions("amount_minor")
    scale = np.array([per_euro[code] for code in calm.decisions("currency")])
    assert (calm.candidates("f_amount")[:, 0] == (minor / scale).astype(np.float32)).all()
    decided_at = calm.world.tables["decisions"]["decided_at"].to_pylist()
    assert [at.hour for at in decided_at] == calm.candidates("f_hour")[:, 0].tolist()
    names = [at.strftime("%A").lower() for at in decided_at]
    assert names == calm.candidates("f_weekday")[:, 0].tolist()
    bands = calm.decisions("amount_band")
    assert ((bands == "500_and_over") == (minor / scale >= 500)).all()


def test_training_is_what_was_known_of_mature_history(calm):
    """Records lie in the training window, are mature, and are labelled 0 or 1."""
    training, (_, about) = calm.world.tables["training"], calm.world.models[0]
    observed_at = np.array(training["observed_at"].to_pylist())
    config = calm.world.config
    assert about["training_start_at"] == config.history_start_at <= observed_at.min()
    assert about["trained_at"] == about["training_end_at"] == config.live_start_at
    assert (about["trained_at"] - observed_at.max()).total_seconds() >= 2 * 3600
    assert set(training["label"].to_pylist()) == {0.0, 1.0}
    assert set(training["model_id"].to_pylist()) == {f"{about['name']}:{about['version']}"}
    assert about["features"] == [feature.name for feature in calm.world.system.features]
    ids = set(calm.world.tables["decisions"]["decision_id"].to_pylist())
    assert ids.isdisjoint(training["record_id"].to_pylist())


def test_retraining_puts_new_versions_in_force(planted):
    """Each version decides from its training to the next one's, and learned from what was live."""
    world = planted(retrain_every_days=5, decisions=3_000).world
    assert [about["version"] for _, about in world.models] == ["1", "2", "3"]
    decisions = world.tables["decisions"].to_pylist()
    for row in decisions:
        if row["arm"] != "control":
            day = (row["decided_at"] - world.config.live_start_at).days
            assert row["model_id"] == f"approval:{1 + day // 5}"
    logged = {row["decision_id"] for row in decisions}
    training = world.tables["training"].to_pylist()
    by_version = {"approval:1": set(), "approval:2": set(), "approval:3": set()}
    for row in training:
        by_version[row["model_id"]].add(row["record_id"])
    shares = [len(ids & logged) / len(ids) for ids in by_version.values()]
    assert shares[0] == 0.0 < shares[1] < shares[2]


def test_training_is_capped(planted):
    """History is thinned to about the wished number of decisions."""
    world = planted(training_decisions=1_000).world
    assert world.tables["training"].num_rows == pytest.approx(1_000, rel=0.08)


def test_wrong_settings_are_reported_at_once():
    """All problems come in one error, with the nearest valid name."""
    with pytest.raises(SpecError, match="3 problems"):
        payment_world(decisions=0, live_days=0, end_at=END_AT.replace(hour=1))
    outage = Outage(route="cedar-dirct", start_at=END_AT.replace(tzinfo=None), hours=2)
    change = UnitChange(feature="route", start_at=END_AT)
    habit = WeekdayHabit(route="cedar-direct", weekday="tuseday", start_at=END_AT)
    with pytest.raises(SpecError, match="cedar-direct") as caught:
        payment_world(incidents=[outage, change, habit], decisions=100)
    assert len(caught.value.problems) == 4
    assert "'tuesday'" in caught.value.problems[3]


def test_missing_lightgbm_is_said(monkeypatch):
    """Without LightGBM the error names the extra to install."""
    monkeypatch.setitem(__import__("sys").modules, "lightgbm", None)
    with pytest.raises(MissingExtraError, match=r"pellucid\[lightgbm\]"):
        payment_world(decisions=200, history_days=2, live_days=2)


@pytest.mark.parametrize("name", ["decisions", "candidates", "outcomes", "training"])
def test_validation_accepts_every_row(calm, name):
    """The spec binds, and the record's own validation refuses nothing."""
    system = check_system(calm.world.system)
    table = calm.world.tables[name]
    names = declared_names(system)
    checked = validate(TABLES[name], table, names=names, now=END_AT, where="world")
    assert checked.violations == {}
    assert checked.accepted.num_rows == table.num_rows
