"""One group's scores explained against those of another: the other group is the reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pellucid.errors import AdditivityError, ExplainError
from pellucid.explain.attribution import TOLERANCE, LoadedModel
from pellucid.explain.explainers.base import Explainer
from pellucid.explain.filters import check_apart
from pellucid.explain.groups.clusters import correlated_features
from pellucid.explain.groups.direct_rows import Side, model_of, scored_rows, side_of
from pellucid.explain.groups.parts import kinds_of, parts_table
from pellucid.explain.groups.story import DIRECT, GroupStory
from pellucid.explain.means import DaySums, difference_spread, sums_by_day
from pellucid.explain.records import Records
from pellucid.spec.system import System
from pellucid.windows import Window

Floats = NDArray[np.float64]

MOST_DECISIONS = 20_000
# For an explainer that goes through every pair of a row and a reference row.
_FEW = 100


def direct_contrast(
    system: System,
    records: Records,
    *,
    window: Window,
    where: str = "",
    candidate: str | None = None,
    versus: str = "",
    baseline: Window | None = None,
    most_decisions: int = MOST_DECISIONS,
) -> GroupStory:
    """Explain the scores of a group against another group, or another period, as the reference.

    No stored attribution is read: rows of the group are explained now by the model's file. So each
    feature's part is what its values in the one group make of the other's mean score, and a group
    against itself is 0 in every part.

    Parameters
    ----------
    where : str
        The group; every decision where empty.
    candidate : str, optional
        Whose scores, where it was eligible; by default of the one that was picked.
    versus : str
        Another group, in the same window.
    baseline : Window, optional
        Another period, of the same group.
    most_decisions : int, default 20000
        Decisions of each side, drawn by a hash of their id; 100 where the explainer of the model
        goes through every pair of rows, such as of a function. Weights of more than 12 values
        are honoured by drawing rows in proportion to them.

    Returns
    -------
    GroupStory
        With ``contrast`` ``direct``. Its differences add up to that of the mean scores, and turn
        their signs where the two sides swap. Errors are of the two sides' projections, clustered
        by day: what each row adds, averaged over all rows of the other side.

    Raises
    ------
    ExplainError
        If there is nothing or too much to compare with; a side has no scored decision of a model;
        the two are scored by several models or one without a file; or its explainer takes no
        reference population.
    AdditivityError
        If base value plus attributions miss what the model gives.
    UnknownNameError
        If there is no such candidate.
    SpecError
        If a condition does not bind.

    References
    ----------
    Hoeffding, W. (1948). A Class of Statistics with Asymptotically Normal Distribution. Annals of
    Mathematical Statistics 19, section 5: the mean over pairs is a U-statistic of two samples.
    """
    if bool(versus) == (baseline is not None):
        raise ExplainError(
            "a direct contrast is against another group or another period: give one of versus and "
            "baseline"
        )
    if baseline:
        check_apart(window, baseline)
    asked = [(window, where), (baseline or window, versus or where)]
    rows = [
        scored_rows(system, records, own, among, candidate, most_decisions) for own, among in asked
    ]
    model = model_of(records, rows)
    sides = [side_of(model, found) for found in rows]
    if not _takes(model.explainer, sides[1].matrix):
        sides = [side.first(_FEW) for side in sides]
        if not _takes(model.explainer, sides[1].matrix):
            raise ExplainError(
                f"the explainer of model '{model.model_id}' ({model.explainer.name}) does not "
                "compare with the reference population that it is given; compare stored "
                'attributions instead, with contrast="stored"'
            )
    usual = records.latest_reference()
    clusters = [] if usual is None else correlated_features(usual, model.features)
    columns = _columns(model, sides, clusters)
    sums = [sums_by_day(values, side.weight, side.day)
            for values, side in zip(columns, sides, strict=True)]  # fmt: skip
    groups = pa.table({
        "side": ["group", "versus"], "n": [len(side.score) for side in sides],
        "decisions": [float(side.weight.sum()) for side in sides],
        "days": [len(own.day) for own in sums],
        "score": [float(own.means[0]) for own in sums],
        "error": [float(own.errors[0]) for own in sums], "degrees": [own.degrees for own in sums],
    })  # fmt: skip
    absolute = np.average(np.abs(columns[0]), axis=0, weights=sides[0].weight)
    parts, together = _tables(
        system, model, clusters, absolute, sums, is_same_window=baseline is None
    )
    return GroupStory(candidate, window, baseline, where, versus, (), model.output_scale, groups,
                      parts, together, DIRECT)  # fmt: skip


def attributions_against(
    explainer: Explainer, matrix: Floats, reference: Floats, weight: Floats
) -> tuple[float, Floats]:
    """Return base value and attributions against a weighted reference population.

    Attributions are linear in the reference: those against rows of each weight are averaged.

    Parameters
    ----------
    matrix, reference : array of float64, shape (n, features) and (m, features)
    weight : array of float64, shape (m,)
        Of the reference rows.

    Returns
    -------
    float, array of float64 of shape (n, features)
    """
    base, values = 0.0, np.zeros(matrix.shape)
    for one in np.unique(weight):
        own = weight == one
        part = float(weight[own].sum() / weight.sum())
        explainer.set_reference(reference[own], "the other side")
        bases, found = explainer.attribute(matrix)
        base += part * float(bases[0])
        values += part * found
    return base, values


def _takes(explainer: Explainer, reference: Floats) -> bool:
    """Whether attributions are against the whole of a reference population, not part or none."""
    explainer.set_reference(reference, "the other side")
    base = float(explainer.attribute(reference[:1])[0][0])
    mean = float(np.nanmean(explainer.raw_score(reference)))
    return abs(base - mean) <= TOLERANCE * max(1.0, abs(mean))


def _columns(
    model: LoadedModel, sides: Sequence[Side], clusters: Sequence[Sequence[str]]
) -> list[Floats]:
    """Return score, base, features, residual and clusters of each side's rows.

    Those of the group are against the other side; those of the other side are against the group,
    so their means are the same differences with the other sign.
    """
    found = []
    for own, other in (sides, sides[::-1]):
        base, values = attributions_against(
            model.explainer, own.matrix, other.matrix, other.weight
        )  # fmt: skip
        scores = model.explainer.raw_score(own.matrix)
        _check(model, scores, base + values.sum(axis=1))
        summed = [values[:, [model.features.index(name) for name in members]].sum(axis=1)
                  for members in clusters]  # fmt: skip
        found.append(np.column_stack([
            own.score, np.zeros(len(scores)), values, own.score - scores, *summed,
        ]))  # fmt: skip
    return found


def _check(model: LoadedModel, scores: Floats, summed: Floats) -> None:
    miss = np.abs(summed - scores) - TOLERANCE * np.maximum(1, np.abs(scores))
    worst = int(miss.argmax())
    if miss[worst] > 0:
        raise AdditivityError(
            f"model '{model.model_id}': base value + attributions = {summed[worst]:.6f}, but the "
            f"model gives {scores[worst]:.6f} (row {worst}); explained with {model.explainer.name}"
        )


def _tables(
    system: System, model: LoadedModel, clusters: Sequence[Sequence[str]], absolute: Floats,
    sums: Sequence[DaySums], *, is_same_window: bool,
) -> tuple[pa.Table, pa.Table]:  # fmt: skip
    kinds = kinds_of(system, model.features, base="Average score")
    named = {part: label for _, part, label in kinds}
    kinds += [("cluster", " ".join(members), " and ".join(named[name] for name in members))
              for members in clusters]  # fmt: skip
    features = slice(2, 2 + len(model.features))
    left = features.stop
    spread = difference_spread(sums[0], sums[1], is_same_window=is_same_window)
    # Either side's rows give the same, but for the rounding of tables: the mean of both turns its
    # sign to the last bit where the sides swap.
    mean, versus = (sums[0].means - sums[1].means) / 2, np.zeros(len(kinds) + 1)
    # Against themselves the rows of the other side differ by nothing: their mean is the base.
    versus[left] = sums[1].means[left]
    mean[1] = versus[1] = sums[1].means[0] - versus[left]
    mean[0], versus[0] = sums[0].means[0], sums[1].means[0]
    mean[left] = mean[0] - mean[1] - mean[features].sum()
    absolute[1] = abs(mean[1])
    columns = {
        "mean": mean, "error": sums[0].errors, "degrees": np.full(len(mean), sums[0].degrees),
        "mean_absolute": absolute, "versus_mean": versus, "difference": mean - versus,
        "difference_error": spread.errors, "difference_degrees": spread.degrees,
    }  # fmt: skip
    shown = {name: values[1:] for name, values in columns.items()}
    ordered = parts_table(kinds, shown["difference"], shown["error"], shown["degrees"])
    places = {part: place for place, (_, part, _) in enumerate(kinds)}
    order = [places[part] for part in ordered.column("part").to_pylist()]
    table = {name: ordered.column(name) for name in ("part", "kind", "label")}
    found = pa.table(table | {name: values[order] for name, values in shown.items()})
    is_cluster = pc.equal(found.column("kind"), "cluster")
    return found.filter(pc.invert(is_cluster)), found.filter(is_cluster).drop_columns(["kind"])
