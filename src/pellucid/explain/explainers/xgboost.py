"""XGBoost's own tree contributions (path-dependent TreeSHAP)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.errors import MissingExtraError

if TYPE_CHECKING:
    from pellucid.explain.explainers.base import Floats


class XGBoostExplainer:
    """Attributions by `Booster.predict(pred_contribs=True)`.

    References
    ----------
    Lundberg, S. M., Erion, G. G. and Lee, S.-I. (2018). Consistent individualized feature
    attribution for tree ensembles. arXiv:1802.03888, algorithm 2.
    """

    name = "xgboost pred_contribs (path-dependent)"

    def __init__(self, content: bytes) -> None:
        try:
            import xgboost
        except ImportError as error:
            raise MissingExtraError(
                package="xgboost", extra="xgboost", purpose="explaining an XGBoost model"
            ) from error
        self._library = xgboost
        self._booster = xgboost.Booster()
        self._booster.load_model(bytearray(content))

    def attribute(self, matrix: Floats) -> tuple[Floats, Floats]:
        """Return base values and attributions, in log-odds."""
        values = self._booster.predict(self._rows(matrix), pred_contribs=True)
        return values[:, -1].astype(np.float64), values[:, :-1].astype(np.float64)

    def raw_score(self, matrix: Floats) -> Floats:
        """Return raw scores, in log-odds."""
        return self._booster.predict(self._rows(matrix), output_margin=True).astype(np.float64)

    def _rows(self, matrix: Floats) -> Any:
        return self._library.DMatrix(
            matrix,
            feature_names=self._booster.feature_names,
            feature_types=self._booster.feature_types,
            enable_categorical=True,
        )
