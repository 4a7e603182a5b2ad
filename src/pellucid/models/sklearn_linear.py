"""scikit-learn's linear models, alone or after scaling, from a model in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import DataError
from pellucid.models.linear import Floats, Linear

_REGRESSORS = (
    "LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV",
    "SGDRegressor",
)  # fmt: skip
_CLASSIFIERS = ("LogisticRegression", "LogisticRegressionCV", "SGDClassifier")
_SCALERS = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler")


def is_sklearn_linear(model: Any) -> bool:
    """Return whether a model is a linear one, or a pipeline that ends in one."""
    last = model.steps[-1][1] if _named(model, ("Pipeline",)) else model
    return _named(last, (*_REGRESSORS, *_CLASSIFIERS))


def read_sklearn_linear(
    model: Any, names: Sequence[str]
) -> tuple[Linear, Literal["log_odds", "raw"]]:
    """Return a linear model and the scale of its raw score.

    Parameters
    ----------
    names : sequence of str
        Of its features, in its order.

    Returns
    -------
    Linear
        Of a pipeline: imputing by `SimpleImputer`, where it comes first, is kept as values to
        fill in, and scaling is folded into weights and intercept.
    str
        ``log_odds`` for classifiers trained on the log loss, ``raw`` for all others: the distance
        of a support vector machine is no log-odds.

    Raises
    ------
    DataError
        If the model has several outputs, or a step of the pipeline is not known.
    """
    steps = [step for _, step in model.steps] if _named(model, ("Pipeline",)) else [model]
    steps = [step for step in steps if step not in (None, "passthrough")]
    last = steps[-1]
    name = type(last).__name__
    weights = np.atleast_2d(np.asarray(last.coef_, dtype=np.float64))
    if len(weights) != 1:
        raise DataError(f"a {name}", ["has several outputs; log one model for each"])
    weights, intercept = weights[0], float(np.ravel(last.intercept_)[0])
    fill, scale, shift = _prepared(steps[:-1], len(weights))
    own = weights * scale
    linear = Linear(
        names=tuple(names),
        intercept=intercept + float(weights @ shift), weights=own, fill=fill,
        center=-np.divide(shift, scale, out=np.zeros_like(shift), where=scale != 0),
    )  # fmt: skip
    is_log_odds = name in _CLASSIFIERS and getattr(last, "loss", "log_loss") == "log_loss"
    return linear, "log_odds" if is_log_odds else "raw"


def _named(model: Any, names: tuple[str, ...]) -> bool:
    return type(model).__module__.startswith("sklearn.") and type(model).__name__ in names


def _prepared(steps: list[Any], count: int) -> tuple[Floats, Floats, Floats]:
    """Return what steps make of a value x: x or its fill, times scale, plus shift."""
    fill, scale, shift = np.full(count, np.nan), np.ones(count), np.zeros(count)
    for place, step in enumerate(steps):
        if place == 0 and _named(step, ("SimpleImputer",)) and not step.add_indicator:
            fill = _fill(step, count)
        elif _named(step, _SCALERS) and not getattr(step, "clip", False):
            factor, term = _affine(step, count)
            scale, shift = scale * factor, shift * factor + term
        else:
            name = type(step).__name__
            raise DataError(
                f"a pipeline with a {name}",
                ["before a linear model only scaling is known, and a SimpleImputer as the first "
                 "step; train on what comes out of it, log its scores with an explainer of any "
                 "function (pellucid.explain.explainers.callable), or export it to ONNX"],
            )  # fmt: skip
    return fill, scale, shift


def _fill(step: Any, count: int) -> Floats:
    if not np.isscalar(step.missing_values) or step.missing_values == step.missing_values:
        raise DataError("a SimpleImputer", ["takes another value than NaN for missing"])
    try:
        fill = np.asarray(step.statistics_, dtype=np.float64)
    except ValueError as error:
        raise DataError("a SimpleImputer", [f"fills in what is no number: {error}"]) from error
    if len(fill) != count or np.isnan(fill).any():
        raise DataError(
            "a SimpleImputer", ["drops features that training saw no value of; train without them"]
        )
    return fill


def _affine(step: Any, count: int) -> tuple[Floats, Floats]:
    if _named(step, ("MinMaxScaler",)):
        return step.scale_, step.min_
    factor: NDArray = np.ones(count) if step.scale_ is None else 1 / step.scale_
    middle = getattr(step, "center_", getattr(step, "mean_", None))
    is_centred = getattr(step, "with_mean", getattr(step, "with_centering", False))
    return factor, -middle * factor if is_centred and middle is not None else np.zeros(count)
