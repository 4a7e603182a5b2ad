"""The finder of learned artefacts: what a model made of the calendar, and what taught it."""

from __future__ import annotations

from pellucid.errors import ExplainError, MissingExtraError
from pellucid.explain.attribution import LoadedModel
from pellucid.explain.learned.cause import find_cause
from pellucid.explain.learned.daily import WEEKDAY_SQL, Loss, recurring_losses
from pellucid.explain.learned.learner import Learner, lightgbm_learner
from pellucid.explain.learned.roles import feature_roles
from pellucid.explain.learned.story import LearnedArtefact
from pellucid.explain.learned.trace import Trace, trace_loss
from pellucid.explain.learned.training import TrainingRows, training_rows
from pellucid.explain.records import Records, within
from pellucid.schema.tables import MODELS
from pellucid.spec.system import System
from pellucid.store.artifacts import load_artifact
from pellucid.store.reader import read_rows
from pellucid.windows import Window

_LIBRARY = "lightgbm"


def learned_artefacts(
    system: System, records: Records, *, window: Window, most_p: float = 0.05
) -> tuple[LearnedArtefact, ...]:
    """Return the weekly losses of traffic that a model taught itself, each traced to its cause.

    In six stages, each of which may stop: a candidate loses share on one weekday, every week;
    calendar features carry the loss; the training rows of the candidate on that weekday have one
    date, or most dates, that taught less than was to be expected; a model trained without those
    rows does not have the effect; and with it the candidate would get its traffic back. No feature
    is known by its name: those that tell the weekday are found by their values.

    Without logged training rows, or for models of another library than LightGBM, the first three
    stages still answer, and the story says what is missing.

    Parameters
    ----------
    window : Window
        At least 4 weeks; 8 find smaller losses.
    most_p : float, default 0.05
        Most adjusted p-value of a recurrence.

    Returns
    -------
    tuple of LearnedArtefact
        Empty where nothing recurs, or what recurs is not what the model makes of the calendar, or
        no training row gives it grounds: models make something of chance too.

    Raises
    ------
    ExplainError
        If something recurs but no attributions are stored.
    StoreError
        If the model file is not the one that was logged.
    """
    found = []
    for loss in recurring_losses(records, window, most_p=most_p):
        features = records.attributed_features()
        if not features:
            raise ExplainError(
                f"'{loss.candidate}' loses traffic on one weekday, but no attributions are stored "
                "that could say why; compute them first (Observatory.attribute)"
            )
        model_id = _model_in_force(records, loss)
        if model_id is None:
            continue
        roles = feature_roles(records, loss.window, model_id, features)
        cause = find_cause(system, records, loss, model_id, roles)
        if cause is None:
            continue
        told = tuple((name, roles.values[name][loss.weekday]) for name in roles.calendar
                     if loss.weekday in roles.values[name])  # fmt: skip
        trace, missing = _trace(system, records, loss, model_id, roles.calendar)
        if trace is not None and not trace.verdict.has_grounds:
            continue
        found.append(LearnedArtefact(system, loss, model_id, told, cause, trace, missing))
    return tuple(found)


def _model_in_force(records: Records, loss: Loss) -> str | None:
    """Return the model that made most of the decisions on the weekday."""
    rows = records.query(
        f"SELECT model_id, count(*) AS n FROM decisions WHERE {within(loss.window)} "
        f"AND {WEEKDAY_SQL} = {loss.weekday} AND model_id IS NOT NULL "
        "GROUP BY 1 ORDER BY n DESC, 1 LIMIT 1",
        ("decisions",),
        loss.window,
    ).to_pylist()
    return str(rows[0]["model_id"]) if rows else None


def _trace(
    system: System, records: Records, loss: Loss, model_id: str, calendar: tuple[str, ...]
) -> tuple[Trace | None, str]:
    """Return the trace of a loss; or None, and what it would take."""
    try:
        loaded = _learnable(records, model_id)
    except (MissingExtraError, ExplainError) as error:
        return None, str(error)
    if isinstance(loaded, str):
        return None, loaded
    model, learner, rows = loaded
    trace = trace_loss(
        system, records, loss, model=model, learner=learner, rows=rows, calendar=calendar
    )
    if trace is None:
        return None, f"no training row of '{loss.candidate}' has this weekday's calendar"
    return trace, ""


def _learnable(records: Records, model_id: str) -> tuple[LoadedModel, Learner, TrainingRows] | str:
    """Return a model with what trains it again; or what is missing."""
    logged = read_rows(records.lake, MODELS.name, [field.name for field in MODELS.fields])
    row = next((item for item in logged.to_pylist() if item["model_id"] == model_id), None)
    if row is None or not row["artifact_uri"]:
        return f"the file of model '{model_id}' was not logged (log.model)"
    if row["framework"] != _LIBRARY:
        return f"model '{model_id}' is of {row['framework']}; only LightGBM's can be trained again"
    model = records.model(model_id)
    content = load_artifact(records.lake, row["artifact_uri"], sha256=row["artifact_sha256"])
    learner = lightgbm_learner(content)
    if model is None or learner is None:
        return f"model '{model_id}' does not predict a yes or no"
    rows = training_rows(records, model_id, model.features, model.categories)
    if rows is None:
        return (
            f"the rows that trained model '{model_id}' were not logged (log.table('training', ...))"
        )
    return model, learner, rows
