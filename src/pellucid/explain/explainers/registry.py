"""Finds the explainer of a model file by the framework that wrote it."""

from __future__ import annotations

from collections.abc import Callable

from pellucid.errors import ExplainError
from pellucid.explain.explainers.additive import AdditiveExplainer
from pellucid.explain.explainers.base import Explainer
from pellucid.explain.explainers.composed import SumExplainer
from pellucid.explain.explainers.lightgbm import lightgbm_explainer
from pellucid.explain.explainers.linear import LinearExplainer
from pellucid.explain.explainers.onnx import onnx_explainer
from pellucid.explain.explainers.trees import TreeExplainer
from pellucid.explain.explainers.xgboost import xgboost_explainer
from pellucid.models.additive import decode_additive
from pellucid.models.archive import array_names
from pellucid.models.catboost import read_catboost
from pellucid.models.codec import decode_ensemble
from pellucid.models.composition import decode_parts
from pellucid.models.linear import decode_linear

ENTRY_POINTS = "pellucid.explainers"

Maker = Callable[[bytes], Explainer]


def _sklearn_explainer(content: bytes) -> Explainer:
    if "weights" in array_names(content, "a scikit-learn model"):
        return LinearExplainer(decode_linear(content), "scikit-learn")
    return TreeExplainer(decode_ensemble(content), "scikit-learn")


def _composed_explainer(content: bytes) -> SumExplainer:
    return SumExplainer(
        [
            (load_explainer(part.framework, part.content), part.places, part.factor)
            for part in decode_parts(content)
        ]
    )


EXPLAINERS: dict[str, Maker] = {
    "catboost": lambda content: TreeExplainer(read_catboost(content), "catboost"),
    "composition": _composed_explainer,
    "interpret": lambda content: AdditiveExplainer(decode_additive(content), "interpret"),
    "lightgbm": lightgbm_explainer,
    "onnx": onnx_explainer,
    "scikit-learn": _sklearn_explainer,
    "xgboost": xgboost_explainer,
}


def load_explainer(framework: str, content: bytes) -> Explainer:
    """Return the explainer of a model file.

    An installed package adds a framework by an entry point of the group ``pellucid.explainers``:
    its name is the framework, its object a callable that takes the file's bytes and returns an
    `Explainer`. It is loaded when a model of its framework is.

    Raises
    ------
    ExplainError
        If no explainer reads models of this framework, or more than one does, or if what an entry
        point makes is none.
    MissingExtraError
        If the framework's own library is not installed.
    """
    explainer = _maker(framework)(content)
    needed = ("attribute", "name", "raw_score", "set_reference")
    lacking = [name for name in needed if not hasattr(explainer, name)]
    if lacking:
        raise ExplainError(
            f"the entry point '{framework}' made a {type(explainer).__name__}, which lacks "
            f"{', '.join(lacking)}; it must make an Explainer (pellucid.explain.explainers.base)"
        )
    return explainer


def _maker(framework: str) -> Maker:
    # Imported here: who only logs, or reads what is stored, loads no explainer.
    from importlib.metadata import entry_points

    found = entry_points(group=ENTRY_POINTS)
    own = {entry.value: entry for entry in found if entry.name == framework}
    claims = [f"'{value}' of an installed package" for value in own]
    if framework in EXPLAINERS:
        claims.insert(0, "pellucid's own")
    if len(claims) > 1:
        raise ExplainError(
            f"'{framework}' models have more than one explainer: {' and '.join(claims)}; rename "
            f"the entry point of group '{ENTRY_POINTS}', or uninstall the package"
        )
    if own:
        maker: Maker = next(iter(own.values())).load()
        return maker
    if framework not in EXPLAINERS:
        known = sorted({*EXPLAINERS, *found.names})
        raise ExplainError(
            f"no explainer reads '{framework}' models (known: {', '.join(known)}); install one "
            f"that registers an entry point of group '{ENTRY_POINTS}', or log attributions of "
            "your own with log.table('attributions', frame)"
        )
    return EXPLAINERS[framework]
