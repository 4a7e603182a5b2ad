"""The parts that a mean score is split into: their kinds, names and order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pellucid.spec.system import System


def kinds_of(
    system: System, features: Sequence[str], *, base: str, layers: bool = False
) -> list[tuple[str, str, str]]:
    """Return kind, part and label of each part: base, features, layers if asked for, residual."""
    named = {feature.name: feature.label or feature.name for feature in system.features}
    policy = system.layers if layers else ()
    return [
        ("base", "base", base),
        *(("feature", name, named.get(name, name)) for name in features),
        *(("layer", layer.name, layer.label or layer.name) for layer in policy),
        ("residual", "residual", "Not explained"),
    ]


def parts_table(
    kinds: Sequence[tuple[str, str, str]],
    means: np.ndarray,
    errors: np.ndarray,
    degrees: np.ndarray,
) -> pa.Table:
    """Return parts as rows: base, features by size, layers in their order, residual."""
    features = [place for place, (kind, _, _) in enumerate(kinds) if kind == "feature"]
    order = [place for place, (kind, _, _) in enumerate(kinds) if kind == "base"]
    order += sorted(features, key=lambda place: -abs(means[place]))
    order += [place for place in range(len(kinds)) if place not in set(order)]
    return pa.table({
        "part": pa.array([kinds[place][1] for place in order], pa.string()),
        "kind": pa.array([kinds[place][0] for place in order], pa.string()),
        "label": pa.array([kinds[place][2] for place in order], pa.string()),
        "mean": means[order], "error": errors[order], "degrees": degrees[order],
    })  # fmt: skip
