"""LightGBM's own tree contributions (path-dependent TreeSHAP)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pellucid.errors import MissingExtraError

if TYPE_CHECKING:
    from pellucid.explain.explainers.base import Floats


class LightGBMExplainer:
    """Attributions by `Booster.predict(pred_contrib=True)`.

    References
    ----------
    Lundberg, S. M., Erion, G. G. and Lee, S.-I. (2018). Consistent individualized feature
    attribution for tree ensembles. arXiv:1802.03888, algorithm 2.
    """

    name = "lightgbm pred_contrib (path-dependent)"

    def __init__(self, content: bytes) -> None:
        try:
            import lightgbm
        except ImportError as error:
            raise MissingExtraError(
                package="lightgbm", extra="lightgbm", purpose="explaining a LightGBM model"
            ) from error
        self._booster = lightgbm.Booster(model_str=content.decode())

    def attribute(self, matrix: Floats) -> tuple[Floats, Floats]:
        """Return base values and attributions, in log-odds."""
        values = np.asarray(self._booster.predict(matrix, pred_contrib=True), dtype=np.float64)
        return values[:, -1], values[:, :-1]

    def raw_score(self, matrix: Floats) -> Floats:
        """Return raw scores, in log-odds."""
        return np.asarray(self._booster.predict(matrix, raw_score=True), dtype=np.float64)
