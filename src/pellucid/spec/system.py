"""The system spec: what a team declares once about the decisions that it logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["request", "decision", "candidate"]
Finalizer = Literal["count", "rate", "share", "mean", "ratio", "total"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """A column to break down by.

    Attributes
    ----------
    name : str
        Column name.
    label, meaning : str
        Name and sentence for people; the label defaults to the name.
    """

    name: str
    label: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A model input, logged as column ``f_<name>``.

    Attributes
    ----------
    name : str
        Feature name, as the model knows it.
    label : str
        Business name; defaults to the name.
    kind : str
        ``number``, ``category`` or ``boolean``.
    group : str
        Features of one group are shown as one bar that can be opened.
    unit : str
        Unit of the values.
    """

    name: str
    label: str = ""
    kind: Literal["number", "category", "boolean"] = "number"
    group: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What the options of a decision are.

    Attributes
    ----------
    name : str
        What people call a candidate, for example ``route``; usable as a dimension.
    dimensions : tuple of Dimension
        Dimensions of a candidate, for example its processor.
    repeats : tuple of str
        Decision dimensions that candidate rows carry too, which saves a join in queries.
    """

    name: str = "candidate"
    label: str = ""
    dimensions: tuple[Dimension, ...] = ()
    repeats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One ordered step of the policy that can change the pick.

    Attributes
    ----------
    name : str
        Layer name; its terms are logged as ``layer_<name>``, its pick as ``pick_<name>``.
    kind : str
        ``penalty`` (fees and other additive terms), ``contract``, ``guardrail``, ``exploration``,
        ``cutoff``, or ``external`` (a pick made elsewhere).
    """

    name: str
    label: str = ""
    kind: Literal["penalty", "contract", "guardrail", "exploration", "cutoff", "external"] = (
        "penalty"
    )
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Something that happens later to the chosen candidate.

    Attributes
    ----------
    name : str
        As logged in ``outcomes.outcome``; usable in expressions, beside ``<name>_mature``.
    kind : str
        ``yes_no`` (1 or 0: a request has it once any attempt has), or ``amount`` (a request has the
        sum over its attempts).
    matures_after : str
        Age at which a decision's label is final: a number and ``m``, ``h`` or ``d``.
    rate : str
        Name of the rate metric of a ``yes_no`` outcome; defaults to ``<name>_rate``.
    better : str
        ``up`` if more is better, ``down`` if less is.
    is_predicted : bool
        Whether it is what the model's probability is about; at most one is.
    """

    name: str
    matures_after: str
    kind: Literal["yes_no", "amount"] = "yes_no"
    label: str = ""
    rate: str = ""
    better: Literal["up", "down"] = "up"
    is_predicted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Rows picked by a condition, under a name.

    Attributes
    ----------
    where : str
        SQL condition over dimensions and decision fields.
    """

    name: str
    where: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A value finalized from additive measures.

    Attributes
    ----------
    name, label, meaning : str
        Name, name for people, and the definition in a sentence.
    unit : str
        What a row is: ``request`` (a payment with its retries, counted once), ``decision``
        (each attempt) or ``candidate``.
    finalizer : str
        ``count`` of rows; ``rate``: rows where `value` is true per row; ``share``: rows as a part
        of the same segment over all candidates; ``mean`` of `value`; ``ratio``: sum of `value`
        per sum of `per`; ``total``: sum of `value`.
    value, per : str
        SQL expressions over the source's columns.
    where : str
        Population: the rows that the metric is about.
    better : str
        ``up``, ``down`` or ``none``.
    value_unit : str
        ``share``, ``points`` (difference of two shares), ``count``, ``money`` (minor units; never
        added over currencies), or free text.
    """

    name: str
    unit: Unit = "decision"
    finalizer: Finalizer = "count"
    value: str = ""
    per: str = ""
    where: str = ""
    label: str = ""
    meaning: str = ""
    better: Literal["up", "down", "none"] = "none"
    value_unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Where a field of the record comes from in a team's own table.

    Attributes
    ----------
    table, field : str
        Field of the standard record.
    source : str
        Column of the team's table; or ``=`` and a constant, such as ``=approved``.
    """

    table: str
    field: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Everything that pellucid needs to know about one decision system.

    Attributes
    ----------
    name : str
        System name; the folder of its tables.
    unit : str
        Unit of the headline outcome rates: ``request`` or ``decision``.
    score_unit : str
        Scale of `raw_score`.
    policy_scale : str
        Scale on which layers add to a candidate's utility.
    dimensions, features, candidate, layers, outcomes, segments, metrics, columns, cutoffs
        See the classes of the same names; layers are in the order in which they act.
    """

    name: str
    description: str = ""
    unit: Literal["request", "decision"] = "decision"
    score_unit: Literal["log_odds", "raw", "probability"] = "log_odds"
    policy_scale: Literal["log_odds", "raw", "probability"] = "probability"
    dimensions: tuple[Dimension, ...] = ()
    features: tuple[Feature, ...] = ()
    candidate: Candidate = Candidate()
    layers: tuple[Layer, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    cutoffs: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()
    metrics: tuple[Metric, ...] = ()
    columns: tuple[Column, ...] = ()

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the policy's stages: the model, then each layer."""
        return ("model", *(layer.name for layer in self.layers))

    @property
    def dimension_names(self) -> tuple[str, ...]:
        """Names of the decision dimensions."""
        return tuple(dimension.name for dimension in self.dimensions)
