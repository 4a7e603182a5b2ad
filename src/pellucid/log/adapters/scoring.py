"""A decorator for scoring functions: each call adds a candidate to the current decision."""

from __future__ import annotations

import contextlib
import functools
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import NoneType
from typing import Any, Literal, ParamSpec, TypeVar, cast

from pellucid.log.client import Logger
from pellucid.log.decision import follow_decisions, open_decision
from pellucid.log.gather import RefusedError

Given = ParamSpec("Given")
Result = TypeVar("Result")
Scale = Literal["probability", "raw_score"]
_Row = tuple[str, dict[str, Any], float | None]

follow_decisions()


def log_scores(
    *,
    candidate: str | None = None,
    features: Callable[..., Mapping[str, Any]] | None = None,
    score: Scale = "probability",
    log: Logger | None = None,
) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Log what a function scores: features from its arguments, the score from its result.

    A function that returns a number scores one candidate. One that returns a mapping of candidate
    to score, or a list of scores for a list of candidates, scores them all. It may be async. Its
    result and exceptions are its own. What cannot be read has the decision refused, and counted in
    the logger's health. Outside any decision nothing is logged, with a warning, once.

    Parameters
    ----------
    candidate : str, optional
        Where the candidate's id is found: an argument (or list of ids); otherwise a key of an
        argument that is a mapping, or a list of mappings. By default the first argument.
    features : callable, optional
        Takes the function's arguments and returns the features. By default those are the arguments
        that are numbers, texts or booleans, and the items of those that are mappings; the
        candidate's own argument is not among them. Others are left out, with a warning, once.
    score : str, default "probability"
        What the function returns: ``probability``, or ``raw_score`` before the link function.
    log : Logger, optional
        Only decisions of this logger are added to; by default the innermost, whosever it is.

    Examples
    --------
    >>> @log_scores()
    ... def score(route: str, amount: float, country: str) -> float:
    ...     return 0.9
    """
    like = None if log is None else log.decision("", at=datetime.now(UTC))

    def decorate(function: Callable[Given, Result]) -> Callable[Given, Result]:
        reader = _Reader(function, candidate, features)

        def note(result: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            decision = open_decision(like)
            if decision is None:
                reader.warn("was called outside any decision, and not logged; a pool's threads do "
                            "not see the decision of their maker (contextvars)")  # fmt: skip
                return
            try:
                for name, given, value in reader.rows(result, args, kwargs):
                    if score == "probability":
                        decision.scored(name, features=given, probability=value)
                    else:
                        decision.scored(name, features=given, raw_score=value)
            except RefusedError as refusal:
                decision.refuse(f"{reader.name}: {refusal.reason}")
            except Exception as error:  # noqa: BLE001 - the caller's work goes on
                decision.refuse(f"{reader.name} could not be read ({type(error).__name__})")

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def score_later(*args: Given.args, **kwargs: Given.kwargs) -> Any:
                result = await function(*args, **kwargs)
                note(result, args, kwargs)
                return result

            return cast("Callable[Given, Result]", score_later)

        @functools.wraps(function)
        def score_now(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            result = function(*args, **kwargs)
            note(result, args, kwargs)
            return result

        return score_now

    return decorate


class _Reader:
    """Reads candidates, features and scores out of calls of one function."""

    def __init__(
        self,
        function: Callable[..., Any],
        candidate: str | None,
        features: Callable[..., Mapping[str, Any]] | None,
    ) -> None:
        # Binding a signature takes ten times as long as pairing names with arguments.
        parameters = inspect.signature(function).parameters.values()
        self._names = tuple(
            item.name for item in parameters
            if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)
        )  # fmt: skip
        self._defaults = {
            item.name: item.default for item in parameters if item.default is not item.empty
        }
        own = [name for name in self._names if name not in ("self", "cls")]
        self._candidate = candidate or (own[0] if own else "")
        self._features = features
        self._warned: set[str] = set()
        self.name = function.__qualname__

    def rows(self, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[_Row]:
        """Yield each candidate's id, features and score.

        Raises
        ------
        RefusedError
            If ids are not found, or are not as many as the scores.
        """
        given = {**self._defaults, **dict(zip(self._names, args, strict=False)), **kwargs}
        given.pop("self", None)
        given.pop("cls", None)
        subject = given.pop(self._candidate, None)
        if not (_is_plain(subject) or _is_list_of(subject, _is_plain)):
            given[self._candidate], subject = subject, None
        if self._features is not None:
            given = {"features": self._features(*args, **kwargs)}
        if isinstance(result, Mapping):
            ids, scores = list(result), list(result.values())
        elif isinstance(result, (list, tuple)) or getattr(result, "ndim", 0) == 1:
            is_list = isinstance(subject, (list, tuple))
            ids, scores = list(subject) if is_list else [], list(result)
        else:
            is_id = subject is not None and _is_plain(subject)
            ids, scores = [subject] if is_id else [], [result]
        shared, own = self._split(given, ids, len(scores))
        names: list[Any] = ids or [{**shared, **row}.get(self._candidate) for row in own]
        if None in names or len(names) != len(scores) or len(own) != len(scores):
            raise RefusedError(
                f"no candidate's id at '{self._candidate}' for each score; say candidate=, the "
                "argument or key that holds it"
            )
        for name, row, value in zip(names, own, scores, strict=True):
            yield name, {**shared, **row}, None if value is None else float(value)

    def _split(
        self, given: Mapping[str, Any], ids: list[Any], count: int
    ) -> tuple[dict[str, Any], list[Mapping[str, Any]]]:
        """Return the features that all candidates share, and those of each."""
        shared: dict[str, Any] = {}
        own: list[Mapping[str, Any]] = [{}] * count
        for name, value in given.items():
            if _is_plain(value):
                shared[name] = value
            elif isinstance(value, Mapping):
                if ids and all(isinstance(value.get(each), Mapping) for each in ids):
                    own = [value[each] for each in ids]
                else:
                    shared |= value
            elif _is_list_of(value, _is_mapping):
                own = list(value)
            else:
                self.warn(f"takes '{name}', which is no number, text or mapping and so is not "
                          "logged as a feature; say features=, which of it are")  # fmt: skip
        return shared, own

    def warn(self, text: str) -> None:
        """Warn, of each thing once."""
        if text in self._warned:
            return
        self._warned.add(text)
        # Where warnings are errors, one of ours must not reach the caller.
        with contextlib.suppress(RuntimeWarning):
            warnings.warn(f"{self.name} {text}", RuntimeWarning, stacklevel=4)


def _is_plain(value: object) -> bool:
    # A NumPy scalar is told by its shape, without importing NumPy.
    return isinstance(value, (str, int, float, Decimal, NoneType)) or (
        getattr(value, "shape", None) == ()
    )


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_list_of(value: object, fits: Callable[[object], bool]) -> bool:
    return isinstance(value, (list, tuple)) and all(map(fits, value))
