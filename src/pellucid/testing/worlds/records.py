"""Decided attempts as Arrow tables of the standard record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.testing.worlds.features import FEATURE_NAMES, feature_array
from pellucid.testing.worlds.model import TrainedModel
from pellucid.testing.worlds.outcomes import DECLINES
from pellucid.testing.worlds.population import (
    AMOUNT_BANDS,
    CARD_TYPES,
    COUNTRIES,
    CURRENCIES,
    ISSUERS,
    NETWORKS,
    Payments,
)
from pellucid.testing.worlds.router import ARMS, CONTROL, LAYERS, NOTHING
from pellucid.testing.worlds.routes import (
    CONFIGURATION_OF_ROUTE,
    CONFIGURATIONS,
    ELIGIBLE,
    PROCESSOR_OF_ROUTE,
    PROCESSORS,
    REASONS,
    ROUTE_NAMES,
    ROUTES,
)
from pellucid.testing.worlds.rows import Bools, Codes, Ints
from pellucid.testing.worlds.simulate import Block

HISTORY_NUMBER = 1 << 40
"""Payments of the history are numbered from here; theirs are called `h...`, live ones `p...`."""
POLICY_VERSION = "layers-1"
CONTROL_VERSION = "static-1"
_TIMESTAMP = pa.timestamp("us", tz="UTC")


def decisions_table(block: Block) -> pa.Table:
    """Return the `decisions` rows of a block, in its order."""
    picks, payment, attempts = block.picks, block.payment, block.attempts
    rows, chosen = np.arange(len(block)), picks.chosen
    is_none = chosen == NOTHING
    request_id, decision_id = _identifiers(payment, attempts.attempt)
    is_control = picks.arm == CONTROL
    model_id = pc.binary_join_element_wise(
        pa.scalar("approval"), pc.cast(pa.array(picks.model_version), pa.string()), ":"
    )
    columns: dict[str, pa.Array] = {
        "decision_id": decision_id,
        "decided_at": _instants(attempts.at_us),
        "request_id": request_id,
        "attempt": pa.array(attempts.attempt.astype(np.int32)),
        "model_id": pc.if_else(pa.array(is_control), pa.scalar(None, pa.string()), model_id),
        "policy_version": _names((POLICY_VERSION, CONTROL_VERSION), is_control.astype(np.int8)),
        "arm": _names(ARMS, picks.arm),
        "chosen": _names(ROUTE_NAMES, chosen),
        "chosen_raw_score": _numbers(picks.raw_score[rows, chosen], is_none),
        "chosen_probability": _numbers(picks.probability[rows, chosen], is_none),
        "propensity": _numbers(picks.propensity[rows, chosen], is_none),
        "candidate_count": pa.array(np.full(len(block), len(ROUTES), dtype=np.int32)),
        "eligible_count": pa.array((block.reason == ELIGIBLE).sum(axis=1).astype(np.int32)),
        "amount_minor": pa.array(payment.amount_minor),
        "currency": _names(CURRENCIES, payment.currency),
    }
    for column, stage in enumerate(("model", *LAYERS)):
        columns[f"pick_{stage}"] = _names(ROUTE_NAMES, picks.picks[:, column])
    columns["chosen_processor"] = _names(PROCESSORS, _of_route(PROCESSOR_OF_ROUTE, chosen))
    columns["chosen_configuration"] = _names(
        CONFIGURATIONS, _of_route(CONFIGURATION_OF_ROUTE, chosen)
    )
    columns.update(_dimensions(payment))
    return pa.table(columns)


def candidates_table(block: Block) -> pa.Table:
    """Return the `candidates` rows of a block: each decision's routes in order of name."""
    picks, count = block.picks, len(block)
    place = np.repeat(np.arange(count), len(ROUTES))
    route = np.tile(np.arange(len(ROUTES), dtype=np.int8), count)
    _, decision_id = _identifiers(block.payment, block.attempts.attempt)
    reason = block.reason.ravel()
    raw_score, probability = picks.raw_score.ravel(), picks.probability.ravel()
    is_ineligible = reason != ELIGIBLE
    columns: dict[str, pa.Array] = {
        "decision_id": decision_id.take(pa.array(place)),
        "decided_at": _instants(block.attempts.at_us[place]),
        "candidate_id": _names(ROUTE_NAMES, route),
        "is_eligible": pa.array(~is_ineligible),
        "ineligible_reason": _names(REASONS, reason),
        "raw_score": _numbers(raw_score, is_ineligible),
        "probability": _numbers(probability, is_ineligible),
        "is_chosen": pa.array(route == picks.chosen[place]),
        "propensity": pa.array(picks.propensity.ravel()),
    }
    matrix = block.features.reshape(-1, len(FEATURE_NAMES))
    for name in FEATURE_NAMES:
        columns[f"f_{name}"] = feature_array(matrix, name)
    for column, layer in enumerate(LAYERS):
        term = picks.terms[:, :, column].ravel()
        columns[f"layer_{layer}"] = _numbers(term, np.isnan(term))
    columns["processor"] = _names(PROCESSORS, PROCESSOR_OF_ROUTE[route])
    columns["configuration"] = _names(CONFIGURATIONS, CONFIGURATION_OF_ROUTE[route])
    repeated = _dimensions(block.payment.take(place))
    columns.update({name: repeated[name] for name in ("country", "issuer", "network")})
    return pa.table(columns)


def outcomes_table(block: Block, *, end_us: int) -> pa.Table:
    """Return the `outcomes` rows of a block that are recorded before `end_us`."""
    results = block.results
    first = np.flatnonzero(results.recorded_us < end_us)
    mended = np.flatnonzero(results.corrected_us < end_us)
    charged = np.flatnonzero(results.chargeback_recorded_us < end_us)
    approved = results.is_approved
    believed = approved == results.is_first_right
    return pa.concat_tables(
        [
            _outcome_rows(block, first, "approved", believed, results.recorded_us),
            _outcome_rows(block, mended, "approved", approved, results.corrected_us),
            _outcome_rows(block, charged, "chargeback", approved, results.chargeback_recorded_us),
        ]
    )


def _outcome_rows(
    block: Block, rows: NDArray[np.intp], outcome: str, value: Bools, recorded_us: Ints
) -> pa.Table:
    """Return the rows of one outcome for the decisions at `rows`."""
    results, is_chargeback = block.results, outcome == "chargeback"
    outcome_us = results.chargeback_us if is_chargeback else results.outcome_us
    _, decision_id = _identifiers(block.payment.take(rows), block.attempts.attempt[rows])
    is_yes = value[rows]
    code = np.where(is_yes, NOTHING, results.reason[rows])
    blame = _names([blame for _, blame, _ in DECLINES], code)
    return pa.table(
        {
            "decision_id": decision_id,
            "candidate_id": _names(ROUTE_NAMES, block.picks.chosen[rows]),
            "outcome": _names((outcome,), np.zeros(len(rows), dtype=np.int8)),
            "value": pa.array(is_yes.astype(np.float64)),
            "outcome_at": _instants(outcome_us[rows]),
            "recorded_at": _instants(recorded_us[rows]),
            "reason": _names([reason for reason, _, _ in DECLINES], code),
            "blame": blame,
        }
    )


def training_table(models: Sequence[TrainedModel]) -> pa.Table:
    """Return the `training` rows of all models, each in order of time."""
    parts = []
    for model in models:
        examples = model.examples
        _, record_id = _identifiers(examples.payment, examples.attempt)
        columns: dict[str, Any] = {
            "record_id": record_id,
            "model_id": pa.repeat(pa.scalar(model.model_id), len(examples)),
            "label": pa.array(model.labels),
            "weight": pa.array(np.ones(len(examples))),
            "observed_at": _instants(examples.at_us),
            "candidate_id": _names(ROUTE_NAMES, examples.route),
            **_dimensions(examples.payment),
        }
        for name in FEATURE_NAMES:
            columns[f"f_{name}"] = feature_array(examples.features, name)
        parts.append(pa.table(columns))
    return pa.concat_tables(parts)


def _identifiers(payment: Payments, attempt: NDArray[np.int8]) -> tuple[pa.Array, pa.Array]:
    """Return request ids and decision ids."""
    is_history = payment.number >= HISTORY_NUMBER
    number = (payment.number & np.uint64(HISTORY_NUMBER - 1)).astype(np.int64)
    digits = pc.utf8_lpad(pc.cast(pa.array(number), pa.string()), 8, "0")
    letter = _names(("p", "h"), is_history.astype(np.int8))
    request_id = pc.binary_join_element_wise(letter, digits, "")
    nth = pc.cast(pa.array(attempt), pa.string())
    return request_id, pc.binary_join_element_wise(request_id, nth, "-")


def _dimensions(payment: Payments) -> dict[str, pa.Array]:
    """Return the decision dimensions."""
    return {
        "country": _names([country.code for country in COUNTRIES], payment.country),
        "issuer": _names(ISSUERS, payment.issuer),
        "network": _names(NETWORKS, payment.network),
        "card_type": _names(CARD_TYPES, payment.card_type),
        "amount_band": _names(AMOUNT_BANDS, payment.amount_band),
    }


def _names(names: Sequence[str], codes: Codes) -> pa.Array:
    """Return strings for codes; below 0 is null."""
    is_null = codes < 0
    indices = pa.array(codes.astype(np.int8), mask=is_null if is_null.any() else None)
    values = pa.array(list(names), pa.string())
    return pa.DictionaryArray.from_arrays(indices, values).dictionary_decode()


def _of_route(table: Codes, route: Codes) -> Codes:
    """Return a table's codes for routes, keeping `NOTHING`."""
    return np.where(route == NOTHING, NOTHING, table[route])


def _numbers(values: NDArray[np.float64], is_null: Bools) -> pa.Array:
    """Return float64 with nulls."""
    return pa.array(values, mask=is_null)


def _instants(at_us: Ints) -> pa.Array:
    """Return UTC instants from microseconds since 1970."""
    return pa.array(at_us).cast(_TIMESTAMP)
