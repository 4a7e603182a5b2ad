"""What made the scores of a group of decisions, alone or against another group or period."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pellucid.errors import ExplainError
from pellucid.explain import wording
from pellucid.explain.filters import check_apart, check_dimensions
from pellucid.explain.groups.clusters import correlated_features
from pellucid.explain.groups.parts import kinds_of, parts_table
from pellucid.explain.groups.sides import side_sums
from pellucid.explain.groups.story import GroupStory
from pellucid.explain.means import DaySums, day_sums, difference_spread
from pellucid.explain.records import Records
from pellucid.spec.system import System
from pellucid.windows import Window


def explain_group(
    system: System,
    records: Records,
    *,
    window: Window,
    where: str = "",
    by: Sequence[str] = (),
    candidate: str | None = None,
    versus: str = "",
    baseline: Window | None = None,
) -> GroupStory:
    """Average stored attributions over a group of decisions, signed.

    A comparison is a difference of means of stored attributions: exact, from the records alone. In
    a period against another, a change of an attribution can stem from values or from a new model.
    `direct.direct_contrast` explains the one side against the other instead.

    Parameters
    ----------
    where : str
        The group; every decision where empty.
    by : sequence of str
        Dimensions to break it down by.
    candidate : str, optional
        Whose scores, where it was eligible; by default of the one that was picked.
    versus : str
        Another group, in the same window.
    baseline : Window, optional
        Another period, of the same group.

    Raises
    ------
    UnknownNameError
        If there is no such dimension or candidate.
    ExplainError
        If no attributions are stored for a side, or both `versus` and `baseline` are given.
    SpecError
        If a condition does not bind.
    """
    if versus and baseline:
        raise ExplainError("compares with another group or another period, not both at once")
    if baseline:
        check_apart(window, baseline)
    check_dimensions(system, by)
    features = records.attributed_features()
    clusters = _clusters(records, features)
    rows = side_sums(system, records, window, where, by, candidate, (versus, baseline), features,
                    clusters)  # fmt: skip
    is_compared = bool(versus) or baseline is not None
    for side, other in ((0, where), (1, versus or where))[: 1 + is_compared]:
        if not pc.any(pc.equal(rows.column("side"), side)).as_py():
            over = baseline if side and baseline else window
            raise _nothing(records, candidate, over, other)
    scales = {*rows.column("low_scale").to_pylist(), *rows.column("high_scale").to_pylist()}
    if len(scales) > 1:
        raise ExplainError(
            f"attributions on {wording.listed(sorted(scales))} do not add up together; narrow the "
            "group to one model, for example with where=\"model_id = '...'\""
        )
    named = {feature.name: feature.label or feature.name for feature in system.features}
    kinds = kinds_of(system, features, base="Average score")
    joined = [
        ("cluster", " ".join(members), " and ".join(named.get(name, name) for name in members))
        for members in clusters
    ]
    groups, parts, together = _tables(
        rows, tuple(by), kinds, joined, is_compared=is_compared, is_same_window=baseline is None
    )
    return GroupStory(candidate, window, baseline, where, versus, tuple(by), scales.pop(), groups,
                      parts, together)  # fmt: skip


def _clusters(records: Records, features: Sequence[str]) -> list[tuple[str, ...]]:
    usual = records.latest_reference()
    return [] if usual is None else correlated_features(usual, features)


def _tables(
    rows: pa.Table, by: tuple[str, ...], kinds: Sequence[tuple[str, str, str]],
    clusters: Sequence[tuple[str, str, str]], *, is_compared: bool, is_same_window: bool,
) -> tuple[pa.Table, pa.Table, pa.Table]:  # fmt: skip
    columns = [rows.column(f"k{place}").to_pylist() for place in range(len(by))]
    combined = list(zip(*columns, strict=True)) if by else [()] * rows.num_rows
    places: dict[tuple[str | None, ...], dict[int, list[int]]] = {}
    for place, (key, side) in enumerate(
        zip(combined, rows.column("side").to_pylist(), strict=True)
    ):
        places.setdefault(key, {}).setdefault(side, []).append(place)
    groups, parts = [], []
    every = [*kinds, *clusters]
    by_size = sorted(places, key=lambda key: tuple(str(value) for value in key))
    for key in by_size:
        sides = {side: rows.take(found) for side, found in places[key].items()}
        sums = {side: day_sums(own, 1 + len(every)) for side, own in sides.items()}
        labels = {name: [value] for name, value in zip(by, key, strict=True)}
        for side, own in sums.items():
            groups.append(pa.table({
                **{name: pa.array(value, pa.string()) for name, value in labels.items()},
                "side": [("group", "versus")[side]], "n": [int(own.n.sum())],
                "decisions": [float(own.weight.sum())], "days": [len(own.day)],
                "score": [float(own.means[0])], "error": [float(own.errors[0])],
                "degrees": [own.degrees],
            }))  # fmt: skip
        parts.append(_parts(key, by, every, sides, sums, is_compared=is_compared,
                            is_same_window=is_same_window))  # fmt: skip
    found = pa.concat_tables(parts)
    is_cluster = pc.equal(found.column("kind"), "cluster")
    together = found.filter(is_cluster).drop_columns(["kind"])
    return pa.concat_tables(groups), found.filter(pc.invert(is_cluster)), together


def _parts(
    key: tuple[str | None, ...], by: tuple[str, ...], kinds: Sequence[tuple[str, str, str]],
    sides: dict[int, pa.Table], sums: dict[int, DaySums], *, is_compared: bool,
    is_same_window: bool,
) -> pa.Table:  # fmt: skip
    unknown = np.full(len(kinds), np.nan)

    def absolute(side: int) -> np.ndarray:
        if side not in sides:
            return unknown
        total = [pc.sum(sides[side].column(f"absolute_{place + 1}")).as_py()
                 for place in range(len(kinds))]  # fmt: skip
        return np.array(total) / sums[side].weight.sum()

    means = {side: own.means[1:] for side, own in sums.items()}
    errors = sums[0].errors[1:] if 0 in sums else unknown
    degrees = np.full(len(kinds), sums[0].degrees) if 0 in sums else unknown
    columns = {
        "mean": means.get(0, unknown),
        "error": errors,
        "degrees": degrees,
        "mean_absolute": absolute(0),
    }
    if is_compared:
        is_both = len(sums) == 2
        spread = (
            difference_spread(sums[0], sums[1], is_same_window=is_same_window) if is_both else None
        )
        columns |= {
            "versus_mean": means.get(1, unknown), "versus_mean_absolute": absolute(1),
            "difference": means[0] - means[1] if is_both else unknown,
            "difference_error": spread.errors[1:] if spread else unknown,
            "difference_degrees": spread.degrees[1:] if spread else unknown,
        }  # fmt: skip
    shown = columns["difference" if is_compared else "mean"]
    places = {part: place for place, (_, part, _) in enumerate(kinds)}
    ordered = parts_table(kinds, np.nan_to_num(shown), errors, degrees)
    order = [places[part] for part in ordered.column("part").to_pylist()]
    table = {name: pa.array([value] * len(kinds), pa.string())
             for name, value in zip(by, key, strict=True)}  # fmt: skip
    table |= {name: ordered.column(name) for name in ("part", "kind", "label")}
    return pa.table(table | {name: values[order] for name, values in columns.items()})


def _nothing(records: Records, candidate: str | None, window: Window, where: str) -> ExplainError:
    if candidate is not None:
        records.check_candidate(candidate, window)
    whose = "the pick" if candidate is None else f"'{candidate}'"
    among = f" where {where}" if where else ""
    return ExplainError(
        f"no attributions of {whose} are stored{among} from {wording.span(window)}; explain these "
        "decisions first with obs.attribute(over=...), or `pellucid attribute`, or widen the group"
    )
