"""Small models that monitoring fits, by scikit-learn: loaded when one is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import MissingExtraError

Floats = NDArray[np.float64]
Columns = Mapping[str, NDArray[np.float64] | NDArray[np.str_]]

# More than scikit-learn's trees take as values of one category.
_MOST_LEVELS = 250
# A mean over many rows is wanted, not each row: large leaves, and no rows set aside.
_SETTINGS: Mapping[str, Any] = {
    "early_stopping": False, "max_iter": 200, "min_samples_leaf": 100,
}  # fmt: skip


def fitted_values(
    columns: Columns, target: Floats, others: Columns, *, weights: Floats | None = None
) -> Floats:
    """Return what gradient-boosted trees expect of a target in other rows.

    Parameters
    ----------
    columns, others : mapping of str to array, shape (n,) and (m,)
        Features to learn from and to predict for; texts are categories.
    target : array of float64, shape (n,)
    weights : array of float64, shape (n,), optional

    Returns
    -------
    array of float64, shape (m,)

    Raises
    ------
    MissingExtraError
        If scikit-learn is not installed.
    """
    design, is_category, coded = _designs(columns, others)
    model = _ensemble().HistGradientBoostingRegressor(
        categorical_features=is_category, random_state=0, **_SETTINGS
    )
    model.fit(design, target, sample_weight=weights)
    return np.asarray(model.predict(coded), dtype=np.float64)


def density_ratio(columns: Columns, others: Columns) -> Floats:
    """Return how much likelier each row is among others than among its own, at the same size.

    By a classifier that tells the two apart, cross-fitted in two halves.

    Parameters
    ----------
    columns, others : mapping of str to array, shape (n,) and (m,)
        Features; texts are categories.

    Returns
    -------
    array of float64, shape (n,)
        With mean 1; for the rows of `columns`.

    Raises
    ------
    MissingExtraError
        If scikit-learn is not installed.

    References
    ----------
    Bickel, S., Brückner, M. and Scheffer, T. (2009). Discriminative learning under covariate
    shift. JMLR 10, 2137-2155.
    """
    own, is_category, other = _designs(columns, others)
    half = np.arange(len(own)) % 2
    other_half = np.arange(len(other)) % 2
    chance = np.empty(len(own))
    for part in (0, 1):
        design = np.concatenate([own[half != part], other[other_half != part]])
        label = np.concatenate(
            [np.zeros((half != part).sum()), np.ones((other_half != part).sum())]
        )
        model = _ensemble().HistGradientBoostingClassifier(
            categorical_features=is_category, random_state=0
        )
        model.fit(design, label)
        chance[half == part] = model.predict_proba(own[half == part])[:, 1]
    odds = chance / np.maximum(1 - chance, 1e-6)
    return odds / odds.mean()


def _designs(columns: Columns, others: Columns) -> tuple[Floats, list[bool], Floats]:
    """Return both sides as numbers: categories by their places among the most frequent ones."""
    is_category = [values.dtype.kind not in "fiub" for values in columns.values()]
    own, other = [], []
    for (name, values), is_text in zip(columns.items(), is_category, strict=True):
        if not is_text:
            own.append(values.astype(np.float64))
            other.append(others[name].astype(np.float64))
            continue
        levels, counts = np.unique(values.astype(str), return_counts=True)
        kept = np.sort(levels[np.argsort(-counts, kind="stable")[:_MOST_LEVELS]])
        for side, given in ((own, values), (other, others[name])):
            texts = given.astype(str)
            place = np.minimum(np.searchsorted(kept, texts), len(kept) - 1)
            side.append(np.where(kept[place] == texts, place, np.nan))
    return np.stack(own, axis=1), is_category, np.stack(other, axis=1)


def _ensemble() -> ModuleType:
    try:
        from sklearn import ensemble
    except ImportError as error:
        raise MissingExtraError(
            package="scikit-learn", extra="monitor", purpose="estimating performance"
        ) from error
    return ensemble
