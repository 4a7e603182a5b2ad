"""LightGBM's text format as an ensemble."""

from __future__ import annotations

import numpy as np

from pellucid.errors import ExplainError
from pellucid.models.assemble import Tree, assemble
from pellucid.models.ensemble import CategorySplit, Ensemble

_CATEGORY, _DEFAULT_LEFT = 1, 2
_MISSING_NONE, _MISSING_ZERO, _MISSING_NAN = 0, 1, 2


def read_lightgbm(content: bytes) -> Ensemble:
    """Return the ensemble of a LightGBM model file.

    Raises
    ------
    ExplainError
        If the model has several outputs, linear leaves, or takes zeros as missing.
    """
    header, *blocks = content.decode().split("\nTree=")
    head = _fields(header)
    if int(head.get("num_tree_per_iteration", "1")) != 1:
        raise ExplainError("LightGBM model: it has several outputs; explain one at a time")
    trees = [_tree(number, _fields(block)) for number, block in enumerate(blocks)]
    if "average_output" in header.splitlines():
        trees = [tree.scaled(1 / len(trees)) for tree in trees]
    features = int(head["max_feature_idx"]) + 1
    return assemble(trees, base=0.0, features=features, precision="float64")


def _fields(block: str) -> dict[str, str]:
    # The model ends where its parameters and importances begin.
    lines = block.split("end of trees")[0].splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _tree(number: int, fields: dict[str, str]) -> Tree:
    if fields.get("is_linear", "0") != "0":
        raise ExplainError(f"LightGBM tree {number}: linear leaves have no exact attribution here")
    leaves = int(fields["num_leaves"])
    leaf_value = _numbers(fields, "leaf_value")
    if leaves == 1:
        return Tree.leaf(float(leaf_value[0]))
    inner = leaves - 1
    decision = _numbers(fields, "decision_type").astype(np.int64)
    missing = decision >> 2 & 3
    if (missing == _MISSING_ZERO).any():
        raise ExplainError(
            "LightGBM model: it was trained with zero_as_missing; train it without, or log its "
            "own contributions as attributions"
        )
    threshold = _numbers(fields, "threshold")
    is_category = decision & _CATEGORY > 0
    # Without a way for missing values, they count as zero; as a category, they go right.
    missing_left = np.where(
        missing == _MISSING_NAN, decision & _DEFAULT_LEFT > 0, threshold >= 0
    ) & ~is_category  # fmt: skip
    children = [_numbers(fields, f"{side}_child").astype(np.int64) for side in ("left", "right")]
    # Leaves follow the inner nodes; they are numbered -1, -2, ...
    left, right = (np.where(child < 0, inner + ~child, child) for child in children)
    none, zeros = np.full(leaves, -1), np.zeros(leaves)
    return Tree(
        feature=np.concatenate([_numbers(fields, "split_feature").astype(np.int64), none]),
        threshold=np.concatenate([np.where(is_category, np.nan, threshold), zeros]),
        left=np.concatenate([left, none]), right=np.concatenate([right, none]),
        missing_left=np.concatenate([missing_left, np.zeros(leaves, dtype=bool)]),
        value=np.concatenate([np.zeros(inner), leaf_value]),
        cover=np.concatenate([_numbers(fields, "internal_count"), _numbers(fields, "leaf_count")]),
        categories=_categories(fields, threshold, np.flatnonzero(is_category)),
    )  # fmt: skip


def _categories(
    fields: dict[str, str], threshold: np.ndarray, nodes: np.ndarray
) -> dict[int, CategorySplit]:
    if not len(nodes):
        return {}
    words = _numbers(fields, "cat_threshold").astype(np.uint32)
    bounds = _numbers(fields, "cat_boundaries").astype(np.int64)
    found = {}
    for node in nodes:
        first, last = bounds[int(threshold[node])], bounds[int(threshold[node]) + 1]
        bits = np.unpackbits(words[first:last].view(np.uint8), bitorder="little")
        found[int(node)] = CategorySplit(np.flatnonzero(bits), go_left=True)
    return found


def _numbers(fields: dict[str, str], name: str) -> np.ndarray:
    return np.array(fields[name].split(), dtype=np.float64)
