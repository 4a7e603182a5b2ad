"""Every table of the standard record, as documented values."""

from __future__ import annotations

from pellucid.schema.fields import ANY, TIMESTAMP, Family, Field, Table
from pellucid.schema.monitor_tables import ALERTS, INCIDENTS, NOTICES, RUNS

SAMPLE_WEIGHT = "sample_weight"

_DECISION_ID = Field(
    name="decision_id", type="string", role="id", required=True,
    meaning="Identifies one decision; the join key of every table.",
)  # fmt: skip
_DECIDED_AT = Field(
    name="decided_at", type=TIMESTAMP, role="time", required=True,
    meaning="When the decision was made; the time that every window and grain cuts on.",
)  # fmt: skip
_CANDIDATE_ID = Field(
    name="candidate_id", type="string", role="id", required=True,
    meaning="The candidate, for example the route; stable over time.",
)  # fmt: skip
_MODEL_ID = Field(
    name="model_id", type="string", role="id",
    meaning="Model version that scored, as `name:version`; see `models`.",
)  # fmt: skip
_DIMENSIONS = Family(
    prefix="", names="dimensions", type="string", role="dimension",
    meaning="One column for each decision dimension of the spec, under its own name.",
)  # fmt: skip
_FEATURES = Family(
    prefix="f_", names="features", type=ANY, role="feature",
    meaning="Feature as the model saw it, after every transform.",
)  # fmt: skip

DECISIONS = Table(
    name="decisions",
    a_row_is="one decision",
    key=("decision_id",),
    time="decided_at",
    fields=(
        _DECISION_ID,
        _DECIDED_AT,
        Field(name="request_id", type="string", role="id", default="decision_id",
              meaning="What is decided about, for example the payment; its retries share it."),
        Field(name="attempt", type="int32", role="state", minimum=1, default="1",
              meaning="1 for the first decision on a request, 2 for its first retry, and so on."),
        Field(name="model_id", type="string", role="id",
              meaning="Model version in force, as `name:version`; null where none decided."),
        Field(name="policy_version", type="string", role="state",
              meaning="Version of the policy layers in force."),
        Field(name="arm", type="string", role="state", choices=("ml", "control", "explore"),
              meaning="Who decided: the model and its policy, the control arm, or exploration."),
        Field(name="chosen", type="string", role="id",
              meaning="The candidate finally picked; null where none was eligible."),
        Field(name="chosen_raw_score", type="float64", role="score", unit="model's additive scale",
              meaning="Raw score of the chosen candidate."),
        Field(name="chosen_probability", type="float64", role="score", minimum=0, maximum=1,
              meaning="The model's probability of the outcome for the chosen candidate."),
        Field(name="propensity", type="float64", role="score", above=0, maximum=1,
              meaning="Probability, at decision time, that the policy picks `chosen`."),
        Field(name="candidate_count", type="int32", role="state", minimum=0,
              meaning="How many candidates were considered."),
        Field(name="eligible_count", type="int32", role="state", minimum=0,
              meaning="How many of them were eligible."),
        Field(name="amount_minor", type="int64", role="money", unit="minor units of `currency`",
              meaning="Amount at stake, in minor units (cents)."),
        Field(name="currency", type="string", role="money",
              meaning="ISO 4217 code of `amount_minor`."),
        Field(name=SAMPLE_WEIGHT, type="float64", role="state", above=0, default="1",
              meaning="Inverse of the keep rate: the probability with which the request, all its "
              "attempts together, was sampled to be logged. Every metric is weighted by it."),
    ),
    families=(
        Family(prefix="pick_", names="stages", type="string", role="layer",
               meaning="Candidate picked after the stage: `pick_model`, then one for each layer."),
        Family(prefix="chosen_", names="candidate_dimensions", type="string", role="dimension",
               meaning="Dimension of the chosen candidate, repeated here to save a join."),
        Family(prefix="cutoff_", names="cutoffs", type="float64", role="state",
               meaning="Cutoff in force at decision time."),
        Family(prefix="raw_", names="raw", type=ANY, role="text",
               meaning="Raw input before any transform, kept apart from the features."),
        _DIMENSIONS,
    ),
)  # fmt: skip

CANDIDATES = Table(
    name="candidates",
    a_row_is="one candidate in one decision",
    key=("decision_id", "candidate_id"),
    time="decided_at",
    fields=(
        _DECISION_ID,
        _DECIDED_AT,
        _CANDIDATE_ID,
        Field(name="is_eligible", type="bool", role="state", default="true",
              meaning="Whether the rules allowed the candidate."),
        Field(name="ineligible_reason", type="string", role="text",
              meaning="The rule that removed the candidate; null where it was eligible."),
        Field(name="raw_score", type="float64", role="score", unit="model's additive scale",
              meaning="Model output before the link function, for example log-odds."),
        Field(name="probability", type="float64", role="score", minimum=0, maximum=1,
              meaning="Raw score after the link function."),
        Field(name="is_chosen", type="bool", role="state", default="false",
              meaning="Whether this candidate was finally picked."),
        Field(name="propensity", type="float64", role="score", minimum=0, maximum=1,
              meaning="Probability, at decision time, that the policy picks this candidate."),
    ),
    families=(
        _FEATURES,
        Family(prefix="layer_", names="layers", type="float64", role="layer",
               unit="the policy's own scale",
               meaning="What the layer added to the candidate's utility."),
        Family(prefix="", names="candidate_dimensions", type="string", role="dimension",
               meaning="One column for each candidate dimension of the spec."),
        Family(prefix="", names="repeated_dimensions", type="string", role="dimension",
               meaning="Decision dimensions that the spec repeats here to save a join."),
    ),
)  # fmt: skip

OUTCOMES = Table(
    name="outcomes",
    a_row_is="one observation of an outcome; a later `recorded_at` corrects an earlier one",
    key=("decision_id", "candidate_id", "outcome", "outcome_at", "recorded_at"),
    time="recorded_at",
    fields=(
        _DECISION_ID,
        Field(name="candidate_id", type="string", role="id",
              meaning="The chosen candidate, for reading; `pellucid check` reports any other."),
        Field(name="outcome", type="string", role="id", required=True, names="outcomes",
              meaning="Name of the outcome, as declared in the spec."),
        Field(name="value", type="float64", role="score", required=True,
              meaning="1 or 0 for a yes/no outcome, else the amount."),
        Field(name="outcome_at", type=TIMESTAMP, role="time", required=True,
              meaning="When it happened."),
        Field(name="recorded_at", type=TIMESTAMP, role="time", required=True, default="outcome_at",
              meaning="When it became known here; the latest one counts."),
        Field(name="reason", type="string", role="text",
              meaning="Reason code, for example `insufficient_funds`."),
        Field(name="blame", type="string", role="dimension",
              meaning="Who caused it, for example `customer`, `issuer`, `route`."),
    ),
)  # fmt: skip

ATTRIBUTIONS = Table(
    name="attributions",
    a_row_is="one explained candidate",
    key=("decision_id", "candidate_id", "model_id"),
    time="decided_at",
    fields=(
        _DECISION_ID,
        _DECIDED_AT,
        _CANDIDATE_ID,
        Field(name="model_id", type="string", role="id", required=True,
              meaning="Model version explained."),
        Field(name="output_scale", type="string", role="state", required=True,
              meaning="Scale of base value and attributions, for example `log_odds`."),
        Field(name="base_value", type="float64", role="score", required=True,
              meaning="Expected raw score over the background."),
        Field(name="raw_score", type="float64", role="score", required=True,
              meaning="Raw score as logged."),
        Field(name="residual", type="float64", role="score", required=True,
              meaning="raw_score − (base_value + Σ attributions): what they leave unexplained."),
        Field(name=SAMPLE_WEIGHT, type="float64", role="state", above=0, default="1",
              meaning="Inverse of the probability that this row was logged and explained."),
        Field(name="explainer", type="string", role="text", required=True,
              meaning="Explainer and its settings."),
    ),
    families=(
        Family(prefix="a_", names="features", type="float32", role="feature",
               unit="as `output_scale`", meaning="Attribution of the feature."),
    ),
)  # fmt: skip

MODELS = Table(
    name="models",
    a_row_is="one model version",
    key=("model_id",),
    time="trained_at",
    fields=(
        Field(name="model_id", type="string", role="id", required=True,
              meaning="`name:version`."),
        Field(name="name", type="string", role="id", required=True, meaning="Model name."),
        Field(name="version", type="string", role="id", required=True, meaning="Model version."),
        Field(name="trained_at", type=TIMESTAMP, role="time", required=True,
              meaning="When it was trained."),
        Field(name="training_start_at", type=TIMESTAMP, role="time",
              meaning="Start of the training window, inclusive."),
        Field(name="training_end_at", type=TIMESTAMP, role="time",
              meaning="End of the training window, exclusive."),
        Field(name="framework", type="string", role="text",
              meaning="`lightgbm`, `xgboost` or another framework, with its version."),
        Field(name="output_scale", type="string", role="state", required=True,
              choices=("log_odds", "raw", "probability"), meaning="Scale of `raw_score`."),
        Field(name="link", type="string", role="state", choices=("logit", "identity"),
              meaning="Link function between raw score and probability."),
        Field(name="features", type="list<item: string>", role="feature", required=True,
              meaning="Feature names in the model's order."),
        Field(name="categories", type="string", role="text",
              meaning="JSON: for each categorical feature its values, in the order of the codes."),
        Field(name="cutoffs", type="string", role="text", meaning="JSON: cutoff name to value."),
        Field(name="importances", type="string", role="text",
              meaning="JSON: feature to global importance (total gain for tree ensembles)."),
        Field(name="parts", type="string", role="text",
              meaning="JSON: logged models that it is made of, and how they compose "
              "(sum, mixture)."),
        Field(name="artifact_uri", type="string", role="text",
              meaning="The model file, relative to the system's folder or absolute."),
        Field(name="artifact_sha256", type="string", role="id",
              meaning="SHA-256 of the model file."),
    ),
)  # fmt: skip

TRAINING = Table(
    name="training",
    a_row_is="one record that trained a model",
    key=("record_id", "model_id"),
    time="observed_at",
    fields=(
        Field(name="record_id", type="string", role="id", required=True,
              meaning="Identifies the record; the decision_id where it was one."),
        Field(name="model_id", type="string", role="id", required=True,
              meaning="Model version that it trained."),
        Field(name="label", type="float64", role="score", required=True,
              meaning="What the model was taught."),
        Field(name="weight", type="float64", role="state", minimum=0, default="1",
              meaning="Training weight."),
        Field(name="observed_at", type=TIMESTAMP, role="time", required=True,
              meaning="When the record happened."),
        Field(name="candidate_id", type="string", role="id",
              meaning="The candidate that the label is about."),
    ),
    families=(_DIMENSIONS, _FEATURES),
)  # fmt: skip

AUDIT = Table(
    name="audit",
    a_row_is="one change of a definition",
    key=("change_id",),
    time="changed_at",
    fields=(
        Field(name="change_id", type="string", role="id", required=True,
              meaning="Hash of the kind, name, fingerprint and time."),
        Field(name="changed_at", type=TIMESTAMP, role="time", required=True,
              meaning="When it took effect."),
        Field(name="actor", type="string", role="text", meaning="Who changed it."),
        Field(name="kind", type="string", role="state", required=True,
              meaning="What was changed: `system`, `check` or another definition."),
        Field(name="name", type="string", role="id", required=True, meaning="Its name."),
        Field(name="fingerprint", type="string", role="id", required=True,
              meaning="Fingerprint of the new definition."),
        Field(name="definition", type="string", role="text", required=True,
              meaning="The new definition, as YAML."),
    ),
)  # fmt: skip

QUARANTINE = Table(
    name="quarantine",
    a_row_is="one refused row, whole, with every reason",
    key=("refusal_id",),
    time="refused_at",
    fields=(
        Field(name="refusal_id", type="string", role="id", required=True,
              meaning="Hash of the table, source, row number and record."),
        Field(name="refused_at", type=TIMESTAMP, role="time", required=True,
              meaning="When the row was refused."),
        Field(name="table", type="string", role="id", required=True,
              meaning="The table that it was meant for."),
        Field(name="source", type="string", role="text", required=True,
              meaning="The file or frame that it came in."),
        Field(name="row", type="int64", role="id", required=True, minimum=0,
              meaning="Its row number there, from 0."),
        Field(name="reasons", type="list<item: string>", role="text", required=True,
              meaning="Each reason: field, what is wrong, the mend."),
        Field(name="record", type="string", role="text", required=True,
              meaning="The row as JSON, to be mended and logged again."),
    ),
)  # fmt: skip

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        MODELS, DECISIONS, CANDIDATES, OUTCOMES, ATTRIBUTIONS, TRAINING,
        RUNS, INCIDENTS, ALERTS, NOTICES, AUDIT, QUARANTINE,
    )
}  # fmt: skip
