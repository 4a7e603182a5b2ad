"""A decorator for functions that decide, and the decision that is being made around a line."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar, cast

from pellucid.log.client import Logger
from pellucid.log.decision import Decision, follow_decisions, open_decision

Given = ParamSpec("Given")
Result = TypeVar("Result")

follow_decisions()


def current_decision() -> Decision:
    """Return the innermost decision that is being made in this thread or task.

    Where there is none, as in the tests of a service, it returns one that goes nowhere, so that
    calls on it are harmless.

    Examples
    --------
    >>> current_decision().layer("fees", {"north": -0.01})
    """
    return open_decision() or Decision({}, _go_nowhere)


def log_decisions(
    log: Logger,
    describe: Callable[Given, Mapping[str, Any]],
    *,
    chosen: Callable[[Any], str | None] | None = None,
) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Log each call of a function as a decision; the function may be async.

    The function's result and exceptions are its own. If it raises, nothing is logged. What goes
    wrong in describing it is refused and counted in the logger's health.

    Parameters
    ----------
    log : Logger
        Takes the decisions.
    describe : callable
        Takes the function's arguments and returns those of `Logger.decision`, ``id`` among them;
        ``at`` is now by default.
    chosen : callable, optional
        Takes the function's result and returns the candidate picked; by default the result itself,
        where it is text. What `Decision.chose` was told in the function goes before either.

    Examples
    --------
    >>> @log_decisions(log, lambda payment: {"id": payment.id})           # doctest: +SKIP
    ... def route(payment):
    ...     return max(ROUTES, key=lambda name: score(name, payment.amount))
    """

    def decorate(function: Callable[Given, Result]) -> Callable[Given, Result]:
        name = function.__qualname__

        def begin(*args: Given.args, **kwargs: Given.kwargs) -> Decision:
            now = datetime.now(UTC)
            try:
                fields = {"at": now, **describe(*args, **kwargs)}
                return log.decision(fields.pop("id"), **fields)
            except Exception as error:  # noqa: BLE001 - the caller's work goes on
                decision = log.decision("", at=now)
                decision.refuse(f"describing {name} raised {type(error).__name__}")
                return decision

        def end(decision: Decision, result: object) -> None:
            if decision.chosen is not None:
                return
            try:
                pick = chosen(result) if chosen else result
            except Exception as error:  # noqa: BLE001 - the caller's work goes on
                decision.refuse(f"reading what {name} chose raised {type(error).__name__}")
                return
            if isinstance(pick, str):
                decision.set(chosen=pick)

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def decide_later(*args: Given.args, **kwargs: Given.kwargs) -> Any:
                with begin(*args, **kwargs) as decision:
                    result = await function(*args, **kwargs)
                    end(decision, result)
                return result

            return cast("Callable[Given, Result]", decide_later)

        @functools.wraps(function)
        def decide(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            with begin(*args, **kwargs) as decision:
                result = function(*args, **kwargs)
                end(decision, result)
            return result

        return decide

    return decorate


def _go_nowhere(_: dict[str, Any]) -> None:
    """Take a decision of which no logger knows."""
