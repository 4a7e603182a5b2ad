"""One decision, filled in as it is made, and handed over when its block ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any

from pellucid.log.gather import text_of
from pellucid.log.refusal import Refusal


class Decision:
    """Collects what a decision considered; use it as a context.

    Nothing here raises for what it is given: records are checked in the background, and a bad one
    is refused and counted. If the block raises, the decision is not logged, and the exception goes
    on.
    """

    __slots__ = ("_candidates", "_followed", "_hand_over", "_layers", "_record")

    def __init__(
        self, record: dict[str, Any], hand_over: Callable[[dict[str, Any]], object]
    ) -> None:
        self._record = record
        self._hand_over = hand_over
        self._candidates: list[dict[str, Any]] = []
        self._layers: list[dict[str, Any]] = []
        record["candidates"] = self._candidates
        record["layers"] = self._layers
        self._followed: _Followed | None = None

    def candidate(
        self,
        id: str,  # noqa: A002 - the record's own word
        *,
        features: Mapping[str, Any] | None = None,
        raw_score: float | None = None,
        probability: float | None = None,
        eligible: bool = True,
        reason: str | None = None,
        dims: Mapping[str, Any] | None = None,
        propensity: float | None = None,
    ) -> None:
        """Add a candidate.

        Parameters
        ----------
        id : str
            For example the route.
        features : mapping, optional
            As the model saw them. Handed over by reference: do not change it afterwards.
        raw_score, probability : float, optional
            The model's output before and after the link function.
        eligible : bool
            Whether the rules allowed it.
        reason : str, optional
            The rule that removed it.
        dims : mapping, optional
            Candidate dimensions.
        propensity : float, optional
            Probability that the policy picks it.
        """
        self._candidates.append({
            "id": id, "features": features, "raw_score": raw_score, "probability": probability,
            "is_eligible": eligible, "ineligible_reason": reason, "dims": dims,
            "propensity": propensity,
        })  # fmt: skip

    def layer(
        self, name: str, terms: Mapping[str, float] | None = None, *, picks: str | None = None
    ) -> None:
        """Add a policy layer, in the order in which layers act.

        Parameters
        ----------
        name : str
            Layer name, as in the spec.
        terms : mapping of str to float, optional
            What it adds to each candidate's utility, on the policy's own scale.
        picks : str, optional
            The candidate that it picks outright.
        """
        self._layers.append({"name": name, "terms": terms, "picks": picks})

    def chose(self, id: str | None, *, propensity: float | None = None) -> None:  # noqa: A002
        """Say what was finally picked, and with which probability the policy picks it."""
        self._record["chosen"] = id
        self._record["propensity"] = propensity

    @property
    def chosen(self) -> str | None:
        """The candidate picked so far."""
        chosen: str | None = self._record.get("chosen")
        return chosen

    def set(self, **fields: Any) -> None:
        """Set fields that became known on the way, such as ``model_id`` or ``arm``."""
        self._record.update(fields)

    def scored(
        self,
        id: str,  # noqa: A002 - the record's own word
        *,
        features: Mapping[str, Any] | None = None,
        raw_score: float | None = None,
        probability: float | None = None,
    ) -> None:
        """Note what a model said of a candidate, whether `candidate` is called for it or not.

        Of two scores of a candidate the last counts; features are joined.

        Parameters
        ----------
        id : str
            The candidate.
        features : mapping, optional
            As the model saw them. Handed over by reference: do not change it afterwards.
        raw_score, probability : float, optional
            The model's output before and after the link function.
        """
        if self._followed is None:
            self._followed = _Followed()
        scores = self._followed.scores
        given = {"features": features, "raw_score": raw_score, "probability": probability}
        known = scores.get(name := text_of(id))
        scores[name] = given if known is None else _joined(known, given)

    def refuse(self, reason: str) -> None:
        """Have this decision refused and counted, since something of it could not be read.

        Parameters
        ----------
        reason : str
            Told in the logger's health; it must hold no logged value.
        """
        self._record = Refusal(reason)

    def shares_log_with(self, other: Decision) -> bool:
        """Return whether both go to the same logger."""
        return self._hand_over == other._hand_over

    def nearest(self, like: Decision | None) -> Decision | None:
        """Return this decision, or the one around it that goes to the same logger as another."""
        if self._followed is None or self._followed.token is None:
            # It ended, and what is done now in a task that it began comes too late.
            return None
        if like is None or self.shares_log_with(like):
            return self
        outer = self._followed.token.old_value
        return outer.nearest(like) if isinstance(outer, Decision) else None

    def _add_scores(self, scores: dict[str, dict[str, Any]]) -> None:
        for item in self._candidates:
            given = scores.pop(text_of(item["id"]), None)
            if given is not None:
                item.update(_joined(given, item))
        for name, given in scores.items():
            self.candidate(name, **given)

    def __enter__(self) -> Decision:
        if _is_following:
            self._followed = _Followed()
            self._followed.token = _current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._followed is not None:
            self._leave(self._followed)
        if kind is None:
            self._hand_over(self._record)

    def _leave(self, followed: _Followed) -> None:
        if followed.token is not None:
            try:  # noqa: SIM105 - `suppress` costs a third of a microsecond
                _current.reset(followed.token)
            except ValueError:
                # In another context than it was entered in, this one never was the current one.
                pass
        self._followed = None
        if not followed.scores:
            return
        try:
            self._add_scores(followed.scores)
        except Exception as error:  # noqa: BLE001 - a candidate's id may be anything
            self.refuse(f"scores could not be added ({type(error).__name__})")

    async def __aenter__(self) -> Decision:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)


class _Followed:
    """What only decisions have that adapters look for.

    Attributes
    ----------
    token : Token, optional
        Takes the decision back from its context.
    scores : dict of str to dict
        By candidate, until the decision ends.
    """

    __slots__ = ("scores", "token")

    def __init__(self) -> None:
        self.token: Token[Decision | None] | None = None
        self.scores: dict[str, dict[str, Any]] = {}


_current: ContextVar[Decision | None] = ContextVar("pellucid_decision", default=None)
# Off until an adapter asks: to be found takes a decision half a microsecond, as long as all else
# that its block does (`make bench ONLY=adapters`).
_is_following = False


def follow_decisions() -> None:
    """Have `open_decision` find the decisions that begin from now on."""
    global _is_following
    _is_following = True


def open_decision(like: Decision | None = None) -> Decision | None:
    """Return the innermost decision that is being made here; None where there is none.

    Each thread and each asyncio task has its own; a task begins with that of its maker.

    Parameters
    ----------
    like : Decision, optional
        Only decisions that go to the same logger count.
    """
    found = _current.get()
    return None if found is None else found.nearest(like)


def _joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return both; what the second gives counts, and features are joined."""
    joined = {**first, **{name: value for name, value in second.items() if value is not None}}
    if first["features"] and second["features"]:
        joined["features"] = {**first["features"], **second["features"]}
    return joined
