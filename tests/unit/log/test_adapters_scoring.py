"""Decorated functions: what they log, and that they stay what they are."""

from __future__ import annotations

import asyncio
import contextvars
import enum
import inspect
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adapter_logs import Logged

from pellucid.log.adapters.deciding import current_decision, log_decisions
from pellucid.log.adapters.scoring import log_scores
from pellucid.log.decision import open_decision
from pellucid.log.sampling import Sampling

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CARD = "4111111111111111"


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    return Logged.under(tmp_path)


def rows(logged: Logged) -> dict[str, tuple[Any, ...]]:
    """Return features and scores by candidate."""
    return {
        row["candidate_id"]: tuple(row.get(name) for name in (
            "f_amount", "f_card", "f_is_new", "probability", "raw_score"))
        for row in logged.stored("candidates")
    }  # fmt: skip


@log_scores()
def score(route: str, amount: float, card: str = "debit", *, is_new: bool = False) -> float:
    """Score a route."""
    return {"north": 0.9, "south": 0.5}[route]


def test_each_call_adds_a_candidate(logged: Logged) -> None:
    """The first argument names it; the others, defaults too, are its features."""
    with logged.log.decision("d1", at=NOW):
        assert score("north", 12.5, is_new=True) == 0.9
        assert score(amount=3, route="south", card="credit") == 0.5
    assert rows(logged) == {
        "north": (12.5, "debit", True, 0.9, None), "south": (3.0, "credit", False, 0.5, None),
    }  # fmt: skip
    assert logged.log.health().is_well


def test_a_function_stays_what_it_is() -> None:
    assert (score.__name__, score.__doc__) == ("score", "Score a route.")
    assert list(inspect.signature(score).parameters) == ["route", "amount", "card", "is_new"]


class Scorer:
    @log_scores(score="raw_score")
    def margin(self, route: str, amount: float) -> np.float32:
        return np.float32(-1.5)


class Route(str, enum.Enum):  # noqa: UP042 - older code has these, whose str() is not their text
    NORTH = "north"


def by_row(row: dict[str, Any]) -> float:
    return 0.25


def by_mapping(routes: list[str], amount: float) -> dict[str, float]:
    return {"north": 0.9, "south": 0.5}


def by_list(routes: list[str], amount: float) -> list[float]:
    return [0.9, 0.5]


def by_array(table: list[dict[str, Any]], card: str) -> np.ndarray:
    return np.array([0.9, 0.5])


def by_tree(table: dict[str, dict[str, Any]], card: str) -> dict[str, float]:
    return dict.fromkeys(table, 0.9)


def by_object(route: Any, payment: Any) -> float | None:
    return None


@dataclass
class Payment:
    amount: Decimal
    card: str = CARD


TABLE = [{"route": "north", "amount": 1.0}, {"route": "south", "amount": 2}]
SHAPES: dict[str, tuple[Callable[..., Any], dict[str, Any], tuple[Any, ...], dict[str, Any]]] = {
    "a mapping with the id": (
        by_row, {"candidate": "route"}, ({"route": "north", "amount": 1.0, "card": "debit"},),
        {"north": (1.0, "debit", None, 0.25, None)}),
    "scores by candidate": (
        by_mapping, {}, (["north", "south"], np.float64(7)),
        {"north": (7.0, None, None, 0.9, None), "south": (7.0, None, None, 0.5, None)}),
    "scores of a list": (
        by_list, {}, (("north", "south"), np.array(7)),
        {"north": (7.0, None, None, 0.9, None), "south": (7.0, None, None, 0.5, None)}),
    "scores of rows": (
        by_array, {"candidate": "route"}, (TABLE, "debit"),
        {"north": (1.0, "debit", None, 0.9, None), "south": (2.0, "debit", None, 0.5, None)}),
    "scores of rows by candidate": (
        by_tree, {}, ({"north": {"amount": 1.5}, "south": {"amount": 2}}, "debit"),
        {"north": (1.5, "debit", None, 0.9, None), "south": (2.0, "debit", None, 0.9, None)}),
    "objects": (
        by_object, {"candidate": "route", "features": lambda route, payment: {
            "route": route.value, "amount": float(payment.amount)}},
        (Route.NORTH, Payment(Decimal("1.5"))), {"north": (1.5, None, None, None, None)}),
    "an enumeration": (
        by_object, {}, (Route.NORTH, {"card": "debit"}),
        {"north": (None, "debit", None, None, None)}),
}  # fmt: skip


@pytest.mark.parametrize(("function", "options", "given", "expected"), SHAPES.values(), ids=SHAPES)
def test_shapes_of_scoring_functions(logged, function, options, given, expected) -> None:
    wrapped = log_scores(**options)(function)
    with logged.log.decision("d1", at=NOW):
        found = wrapped(*given)
    np.testing.assert_equal(found, function(*given))
    assert rows(logged) == expected


def test_methods_and_raw_scores(logged: Logged) -> None:
    with warnings.catch_warnings(record=True) as told, logged.log.decision("d1", at=NOW):
        warnings.simplefilter("always")
        assert Scorer().margin("north", 2.0) == np.float32(-1.5)
    assert not told
    assert rows(logged) == {"north": (2.0, None, None, None, -1.5)}


def test_numpy_scalars_are_plain_numbers(logged: Logged) -> None:
    """Of whatever kind, beside Python's own: a column of both would not be one of numbers."""
    amounts = [np.array(7), 3, np.float32(0.5), np.int8(2), 1.5]
    with logged.log.decision("d1", at=NOW):
        for number, amount in enumerate(amounts):
            by = log_scores()(lambda route, amount: 0.5)
            by(f"r{number}", amount)
    found = {row["candidate_id"]: row["f_amount"] for row in logged.stored("candidates")}
    assert found == {f"r{number}": float(amount) for number, amount in enumerate(amounts)}


def test_scores_join_the_candidates_that_the_caller_declares(logged: Logged) -> None:
    """Before or after, in one row each; what the caller said himself counts."""
    with logged.log.decision("d1", at=NOW) as d:
        d.candidate("north", dims={"processor": "p"}, features={"fee": 0.1, "amount": 0.0})
        score("north", 12.5)
        score("south", 12.5)
        d.candidate("south", dims={"processor": "q"}, probability=0.45)
        d.candidate("west", eligible=False, reason="cap")
    found = {row["candidate_id"]: row for row in logged.stored("candidates")}
    assert len(found) == 3
    north, south = found["north"], found["south"]
    assert (north["processor"], north["probability"], north["f_fee"]) == ("p", 0.9, 0.1)
    assert (north["f_amount"], south["f_amount"]) == (0.0, 12.5)
    assert (south["processor"], south["probability"]) == ("q", 0.45)
    assert found["west"]["is_eligible"] is False
    assert logged.stored("decisions")[0]["candidate_count"] == 3


UNREADABLE = {
    "no id": (by_row, {"candidate": "route"}, ({"amount": 1.0},), "no candidate's id"),
    "too few scores": (by_list, {}, (["north"], 1.0), "no candidate's id"),
    "a list for one id": (lambda route: [0.9, 0.5], {}, ("ab",), "no candidate's id"),
    "ids of objects": (by_list, {}, ([object(), object()], 1.0), "no candidate's id"),
    "text for a score": (
        lambda route: CARD + "x", {}, ("north",), "could not be read (ValueError)"),
    "features that raise": (
        by_row, {"features": lambda row: {}["x"]}, ({},), "could not be read (KeyError)"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.* takes 'routes'")
@pytest.mark.parametrize(
    ("function", "options", "given", "reason"), UNREADABLE.values(), ids=UNREADABLE
)
def test_what_cannot_be_read_costs_its_decision_and_nothing_else(
    logged, function, options, given, reason: str
) -> None:
    wrapped = log_scores(**options)(function)
    with logged.log.decision("d1", at=NOW):
        assert wrapped(*given) == function(*given)
        score("north", 1.0)
    with logged.log.decision("d2", at=NOW):
        score("north", 1.0)
    assert [row["decision_id"] for row in logged.stored("decisions")] == ["d2"]
    health = logged.log.health()
    assert list(health.refused.values()) == [1]
    assert reason in next(iter(health.refused))
    assert CARD not in str(health)


def test_a_functions_own_error_is_its_callers(logged: Logged) -> None:
    with logged.log.decision("d1", at=NOW), pytest.raises(KeyError, match="east"):
        score("east", 1.0)
    assert rows(logged) == {}


def test_outside_a_decision_it_warns_once() -> None:
    wrapped = log_scores()(by_row)
    with pytest.warns(RuntimeWarning, match="by_row was called outside any decision") as caught:
        assert [wrapped({}) for _ in range(3)] == [0.25] * 3
    assert [warning.filename for warning in caught] == [__file__]


def test_where_warnings_are_errors_none_reaches_the_caller() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert log_scores()(by_row)({}) == 0.25


def test_an_argument_that_is_no_feature_is_told_once(logged: Logged) -> None:
    wrapped = log_scores()(by_object)
    with logged.log.decision("d1", at=NOW), pytest.warns(RuntimeWarning, match="'payment'") as told:
        assert [wrapped(name, Payment(Decimal(1))) for name in ("north", "south")] == [None] * 2
    assert len(told) == 1
    assert CARD not in str(told[0].message)
    assert rows(logged) == dict.fromkeys(("north", "south"), (None,) * 5)


def test_threads_do_not_see_each_others_decisions(logged: Logged) -> None:
    gate = threading.Barrier(8)

    def decide(number: int) -> None:
        with logged.log.decision(f"d{number}", at=NOW):
            gate.wait(10)
            score("north", number)
            gate.wait(10)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decide, range(8)))
    found = {row["decision_id"]: row["f_amount"] for row in logged.stored("candidates")}
    assert found == {f"d{number}": number for number in range(8)}


def test_tasks_do_not_see_each_others_decisions(logged: Logged) -> None:
    @log_scores()
    async def score_later(route: str, amount: float) -> float:
        await asyncio.sleep(0)
        return 0.9

    async def decide(number: int) -> None:
        async with logged.log.decision(f"d{number}", at=NOW):
            assert await score_later("north", number) == 0.9
            # Tasks and threads that asyncio begins for a decision belong to it.
            await asyncio.gather(score_later("south", number), score_later("west", number))
            await asyncio.to_thread(score, "south", number)

    async def many() -> None:
        await asyncio.gather(*(decide(number) for number in range(50)))

    asyncio.run(many())
    assert inspect.iscoroutinefunction(score_later)
    found = [(row["decision_id"], row["candidate_id"], row["f_amount"])
             for row in logged.stored("candidates")]  # fmt: skip
    assert sorted(found) == sorted(
        (f"d{n}", name, float(n)) for n in range(50) for name in ("north", "south", "west")
    )


def test_what_comes_after_a_decision_ended_is_not_put_into_it_nor_around_it(logged) -> None:
    wrapped = log_scores()(by_object)
    with logged.log.decision("outer", at=NOW):
        with logged.log.decision("inner", at=NOW):
            begun = contextvars.copy_context()
        with pytest.warns(RuntimeWarning, match="outside any decision"):
            begun.run(wrapped, "late", 1.0)
    assert rows(logged) == {}


def test_a_decision_left_in_another_context_harms_nothing(logged: Logged) -> None:
    """As a web framework does with a dependency that yields, run in its thread pool."""
    decision = logged.log.decision("d1", at=NOW)
    contextvars.copy_context().run(decision.__enter__)
    assert open_decision() is None
    contextvars.copy_context().run(decision.__exit__, None, None, None)
    assert [row["decision_id"] for row in logged.stored("decisions")] == ["d1"]


def test_a_nested_decision_has_its_own_candidates(tmp_path: Path) -> None:
    """The innermost counts; or, where a logger is named, the innermost of that one."""
    routing, fraud = Logged.under(tmp_path, "routing"), Logged.under(tmp_path, "fraud")
    to_routing = log_scores(log=routing.log)(by_object)
    with routing.log.decision("r1", at=NOW):
        with fraud.log.decision("f1", at=NOW):
            score("north", 1.0)
            to_routing("west", 1.0)
        score("south", 1.0)
    assert [row["candidate_id"] for row in fraud.stored("candidates")] == ["north"]
    found = [row["candidate_id"] for row in routing.stored("candidates")]
    assert sorted(found) == ["south", "west"]


def test_ids_that_cannot_be_joined_cost_their_decision_only(logged: Logged) -> None:
    class Odd:
        def __str__(self) -> str:
            raise ValueError(CARD)

    with logged.log.decision("d1", at=NOW) as d:
        d.candidate(Odd())  # type: ignore[arg-type]
        score("north", 1.0)
    assert logged.closed().refused == {"decision: scores could not be added (ValueError)": 1}


def decide(amount: float) -> str:
    scores = {name: score(name, amount) for name in ("north", "south")}
    current_decision().layer("fees", {"north": -0.5})
    return max(scores, key=scores.__getitem__)


def describe(amount: float) -> dict[str, Any]:
    return {"id": f"p{amount}", "dims": {"country": "BR"}, "amount_minor": 100}


def test_a_deciding_function_is_a_decision(logged: Logged) -> None:
    before = datetime.now(UTC)
    assert log_decisions(logged.log, describe)(decide)(5) == "north"
    row = logged.stored("decisions")[0]
    assert (row["decision_id"], row["country"], row["amount_minor"], row["chosen"]) == (
        "p5", "BR", 100, "north")  # fmt: skip
    assert (row["pick_model"], row["pick_fees"]) == ("north", "south")
    assert before <= row["decided_at"] <= datetime.now(UTC)
    assert len(logged.stored("candidates")) == 2


def test_a_deciding_coroutine_is_a_decision(logged: Logged) -> None:
    @log_decisions(logged.log, lambda amount: {"id": f"p{amount}", "at": NOW})
    async def decide_later(amount: float) -> str:
        await asyncio.sleep(0)
        return decide(amount)

    async def both() -> list[str]:
        return await asyncio.gather(decide_later(1), decide_later(2))

    assert asyncio.run(both()) == ["north", "north"]
    found = {row["decision_id"]: row for row in logged.stored("decisions")}
    assert {name: (row["chosen"], row["decided_at"]) for name, row in found.items()} == {
        "p1": ("north", NOW), "p2": ("north", NOW)}  # fmt: skip


CHOICES = {
    "an object": (lambda _: Payment(Decimal(1)), lambda payment: "south", "south"),
    "nothing": (lambda _: None, None, None),
    "another thing": (lambda _: 5, None, None),
    "said inside": (
        lambda _: current_decision().chose("west", propensity=0.5) or "x", None, "west"),
}  # fmt: skip


@pytest.mark.parametrize(("function", "chosen", "expected"), CHOICES.values(), ids=CHOICES)
def test_what_was_chosen(logged: Logged, function, chosen, expected: str | None) -> None:
    wrapped = log_decisions(logged.log, describe, chosen=chosen)(function)
    assert wrapped(1) == function(1)
    assert logged.stored("decisions")[0].get("chosen") == expected


@pytest.mark.parametrize("part", ["describe", "describe without id", "chosen"])
def test_an_error_in_describing_is_counted_and_not_raised(logged: Logged, part: str) -> None:
    def fail(_: Any) -> Any:
        raise ValueError(CARD)

    options: dict[str, Any] = {"describe": describe}
    options |= {part: fail} if part != "describe without id" else {"describe": lambda _: {}}
    assert log_decisions(logged.log, **options)(decide)(1) == "north"
    assert log_decisions(logged.log, describe)(decide)(2) == "north"
    assert [row["decision_id"] for row in logged.stored("decisions")] == ["p2"]
    health = logged.log.health()
    assert list(health.refused.values()) == [1]
    assert CARD not in str(health)


def test_a_deciding_functions_own_error_is_its_callers(logged: Logged) -> None:
    @log_decisions(logged.log, describe)
    def fail(amount: float) -> str:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fail(1)
    assert open_decision() is None
    assert logged.closed().logged == 0


def test_without_a_decision_the_current_one_goes_nowhere() -> None:
    current_decision().layer("fees", {"north": -0.5})
    current_decision().chose("north")


def test_copies_are_taken_of_refusals_too(tmp_path: Path) -> None:
    logged = Logged.under(tmp_path, copies=True)
    with logged.log.decision("d1", at=NOW) as d:
        d.refuse("for a reason")
    assert logged.closed().refused == {"decision: for a reason": 1}


@pytest.mark.parametrize("rate", [1.0, 1e-9])
def test_sampling_leaves_no_refusal_uncounted(tmp_path: Path, rate: float) -> None:
    logged = Logged.under(tmp_path, sampling=Sampling(rate=rate))
    for number in range(5):
        with logged.log.decision(f"d{number}", at=NOW) as d:
            d.refuse("for a reason")
            d.chose("north")
        logged.log.record({"id": f"good{number}", "at": NOW})
    health = logged.closed()
    assert health.refused == {"decision: for a reason": 5}
    assert health.stored + health.sampled_out == 5
