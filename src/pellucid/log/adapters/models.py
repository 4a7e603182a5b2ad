"""A wrapper of a model that logs what it scores: scikit-learn, XGBoost, LightGBM and their like."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pellucid.errors import DataError
from pellucid.log.adapters.frames import names_of, one_score_each, read_rows, scale_of
from pellucid.log.client import Logger
from pellucid.log.decision import Decision, follow_decisions, open_decision
from pellucid.log.gather import RefusedError
from pellucid.log.refusal import Refusal

Scale = Literal["probability", "raw_score"]

follow_decisions()


class LoggedModel:
    """A model whose calls are logged; every call returns exactly what the model returns.

    Inside a decision of the same logger each row becomes a candidate, or adds its score to the
    candidate of that id. Outside one each row becomes a decision of its own with one candidate,
    which is chosen: a plain prediction service. Logged are `predict_proba`, `decision_function`,
    `predict` and XGBoost's `inplace_predict`; every other name is the model's own. What cannot be
    read is refused and counted in the logger's health; only the model's own errors are raised.

    Parameters
    ----------
    model : object
        With the methods of scikit-learn, or a booster of LightGBM or XGBoost.
    log : Logger
        Takes the records.
    model_id : str, optional
        As `Logger.model` returned it; logged with each decision.
    features : sequence of str, optional
        Column names of arrays; by default those that the model was trained with.
    candidate : str, optional
        Feature that holds the candidate's id.
    positive : int, optional
        Class whose score is logged; by default the second of two.
    predicts : str, optional
        What `predict` returns: ``probability`` or ``raw_score``. By default a booster's objective
        says it. The labels of a classifier are no scores: only features are logged then.
    raw_scores : bool, default False
        Ask the model for its raw scores too, in a second pass; explanations need them. A call that
        asks for them itself has them logged anyway.

    Raises
    ------
    DataError
        If raw scores are asked for, and the model gives none.

    Examples
    --------
    >>> model = LoggedModel(classifier, log, model_id="approval:14")      # doctest: +SKIP
    >>> with log.decision("p1", at=now) as d:                             # doctest: +SKIP
    ...     scores = model.predict_proba(frame, ids=routes)[:, 1]
    """

    def __init__(
        self,
        model: Any,
        log: Logger,
        *,
        model_id: str | None = None,
        features: Sequence[str] | None = None,
        candidate: str | None = None,
        positive: int | None = None,
        predicts: Scale | None = None,
        raw_scores: bool = False,
    ) -> None:
        self._model = model
        self._log = log
        self._like = log.decision("", at=datetime.now(UTC))
        self._model_id = model_id
        self._own_id = model_id.partition(":")[0] if model_id else "model"
        self._features = features
        self._candidate = candidate
        self._positive = positive
        self._predicts = predicts or scale_of(model)
        self._raw = _raw_scorer(model) if raw_scores else None

    def __getattr__(self, name: str) -> Any:
        if name == "_model":
            # Asked for before __init__, by pickle or copy.
            raise AttributeError(name)
        return getattr(self._model, name)

    def predict_proba(
        self, X: Any, *args: Any, ids: Sequence[Any] | None = None, **options: Any  # noqa: N803
    ) -> Any:  # fmt: skip
        """Return the model's probabilities, and log those of the positive class.

        Parameters
        ----------
        X : frame or array, n rows
            As the model takes it: pandas, Polars or Arrow frame, array, list of lists.
        *args, **options
            The model's own.
        ids : sequence, n ids, optional
            Of candidates, or of decisions outside one. By default the feature that holds the
            candidate's id, or the index of a pandas frame if it does not only count rows. Outside
            a decision a row without an id gets a new one.
        """
        return self._call("predict_proba", "probability", X, args, ids, options)

    def decision_function(
        self, X: Any, *args: Any, ids: Sequence[Any] | None = None, **options: Any  # noqa: N803
    ) -> Any:  # fmt: skip
        """Return the model's raw scores, and log them; see `predict_proba`."""
        return self._call("decision_function", "raw_score", X, args, ids, options)

    def predict(
        self, X: Any, *args: Any, ids: Sequence[Any] | None = None, **options: Any  # noqa: N803
    ) -> Any:  # fmt: skip
        """Return the model's predictions, and log them where they are scores; see `predict_proba`.

        Contributions and leaves (``pred_contrib`` and the like) are not logged.
        """
        return self._call("predict", self._predicts, X, args, ids, options)

    def inplace_predict(
        self, X: Any, *args: Any, ids: Sequence[Any] | None = None, **options: Any  # noqa: N803
    ) -> Any:  # fmt: skip
        """Return an XGBoost booster's predictions, and log them; see `predict_proba`."""
        return self._call("inplace_predict", self._predicts, X, args, ids, options)

    def _call(
        self, method: str, scale: str, X: Any, args: tuple[Any, ...],  # noqa: N803
        ids: Sequence[Any] | None, options: dict[str, Any],
    ) -> Any:  # fmt: skip
        call = getattr(self._model, method)
        result = call(X, *args, **options)
        decision = open_decision(self._like)
        try:
            if args:
                options = dict(inspect.signature(call).bind(X, *args, **options).arguments)
                options.pop(next(iter(options)))
            if any(options.get(name) for name in _NOT_SCORES):
                return result
            rows, names = self._read(X, ids)
            scores = self._scores(result, scale, X, options)
            if decision is None:
                self._log_each(rows, names, scores)
            else:
                self._add(decision, rows, names, scores)
        except RefusedError as refusal:
            self._refuse(decision, refusal.reason)
        except Exception as error:  # noqa: BLE001 - the caller has its prediction, logged or not
            self._refuse(decision, f"{method} could not be read ({type(error).__name__})")
        return result

    def _read(
        self, X: Any, ids: Sequence[Any] | None  # noqa: N803
    ) -> tuple[list[dict[str, Any]], list[Any] | None]:  # fmt: skip
        if self._features is None and not hasattr(X, "columns"):
            self._features = names_of(self._model)
        rows, names = read_rows(X, self._features)
        if ids is not None:
            names = list(ids)
        elif self._candidate is not None:
            names = [row[self._candidate] for row in rows]
        if names is not None and len(names) != len(rows):
            raise RefusedError("there are more or fewer ids than rows")
        return rows, names

    def _scores(
        self, result: Any, scale: str, X: Any, options: dict[str, Any]  # noqa: N803
    ) -> dict[str, list[float]]:  # fmt: skip
        if any(options.get(name) for name in _RAW) or options.get("predict_type") == "margin":
            scale = "raw_score"
        found = {} if scale == "label" else {scale: one_score_each(result, self._positive)}
        if self._raw is not None and scale != "raw_score":
            found["raw_score"] = one_score_each(self._raw(X, options), self._positive)
        return found

    def _add(
        self, decision: Decision, rows: list[dict[str, Any]], names: list[Any] | None,
        scores: Mapping[str, list[float]],
    ) -> None:  # fmt: skip
        if names is None:
            raise RefusedError("candidates have no ids; give ids=, or candidate= to the model")
        for name, row, found in zip(names, rows, _by_row(scores, len(rows)), strict=True):
            decision.scored(name, features=row, **found)
        if self._model_id is not None:
            decision.set(model_id=self._model_id)

    def _log_each(
        self, rows: list[dict[str, Any]], names: list[Any] | None,
        scores: Mapping[str, list[float]],
    ) -> None:  # fmt: skip
        at = datetime.now(UTC)
        names = [uuid.uuid4().hex for _ in rows] if names is None else names
        for name, row, found in zip(names, rows, _by_row(scores, len(rows)), strict=True):
            self._log.record({
                "id": name, "at": at, "model_id": self._model_id, "chosen": self._own_id,
                "candidates": [{"id": self._own_id, "features": row, **found}],
            })  # fmt: skip

    def _refuse(self, decision: Decision | None, reason: str) -> None:
        reason = f"a model's call: {reason}"
        if decision is None:
            self._log.record(Refusal(reason))
        else:
            decision.refuse(reason)


_NOT_SCORES = ("pred_contrib", "pred_contribs", "pred_interactions", "pred_leaf")
_RAW = ("raw_score", "output_margin")


def _by_row(scores: Mapping[str, list[float]], count: int) -> list[dict[str, float]]:
    if any(len(values) != count for values in scores.values()):
        raise RefusedError("the model returned more or fewer scores than rows")
    return [{scale: values[place] for scale, values in scores.items()} for place in range(count)]


def _raw_scorer(model: Any) -> Callable[[Any, dict[str, Any]], Any]:
    # Options go along: they say how many trees count.
    if hasattr(model, "booster_") or hasattr(model, "model_to_string"):
        return lambda frame, options: model.predict(frame, **options, raw_score=True)
    if hasattr(model, "get_booster"):
        return lambda frame, options: model.predict(frame, **options, output_margin=True)
    if hasattr(model, "inplace_predict"):
        return lambda frame, options: model.inplace_predict(frame, **options, predict_type="margin")
    if hasattr(model, "decision_function"):
        return lambda frame, _: model.decision_function(frame)
    raise DataError(f"a {type(model).__name__}", ["gives no raw scores; leave out raw_scores=True"])
