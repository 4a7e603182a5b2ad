"""The picks of a decision's policy: after the model, and after each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Candidate = Mapping[str, Any]
Layer = Mapping[str, Any]


def replay(candidates: Sequence[Candidate], layers: Sequence[Layer], scale: str) -> dict[str, Any]:
    """Return the pick after the model and after each layer, by ``model`` and the layers' names.

    Parameters
    ----------
    candidates : sequence of mapping
        With ``id``, ``is_eligible`` and the score named by `scale`.
    layers : sequence of mapping
        ``name``, ``terms`` (by candidate) and ``picks``, in the order in which they act.
    scale : str
        Score that the terms are added to: ``probability`` or ``raw_score``.
    """
    score = "probability" if scale == "probability" else "raw_score"
    utility = {
        item["id"]: item[score]
        for item in candidates
        if item.get("is_eligible", True) and item.get(score) is not None
    }
    pick = max(utility, key=utility.__getitem__, default=None)
    picks = {"model": pick}
    for layer in layers:
        for name, term in (layer.get("terms") or {}).items():
            if name in utility and term is not None:
                utility[name] += term
        if layer.get("picks") is not None:
            # A layer that picks outright lifts its pick to the top; later terms move from there.
            pick = layer["picks"]
            utility[pick] = max(utility.values(), default=0.0)
        elif utility:
            top = max(utility.values())
            if pick not in utility or utility[pick] < top:
                pick = max(utility, key=utility.__getitem__)
        picks[layer["name"]] = pick
    return picks
