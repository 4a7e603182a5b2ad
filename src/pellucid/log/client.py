"""The logger: one object through which a system's records reach the store, live or in bulk."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from pellucid.log.decision import Decision
from pellucid.log.kinds import DECISION, OUTCOME
from pellucid.log.live import LiveLog, LiveSettings

if TYPE_CHECKING:
    from pellucid.log.bulk import BulkReport
    from pellucid.log.health import Health
    from pellucid.log.redact import Redaction, Redactor
    from pellucid.log.sampling import Sampling
    from pellucid.spec.system import System


def _redactor(redaction: Redaction | None, key: bytes | None) -> Redactor:
    # Imported late: a service that starts should not wait for it.
    from pellucid.log.redact import Redaction, Redactor

    return Redactor(redaction or Redaction(), key)


class Logger:
    """Logs the records of one system: live from a service, or in bulk.

    Live calls (`decision`, `record`, `outcome`) take microseconds, never block beyond what the
    settings say, and never raise: what is bad is refused and counted in `health`. They are safe in
    threads, in asyncio, and after a fork.

    Bulk frames may be anything with an Arrow stream (PyArrow, Polars, pandas, DuckDB relations), or
    the path of a Parquet or CSV file, which may be larger than memory.

    Either way, rows that break the standard record are put in quarantine with every reason, the
    others are stored, and the same row twice is stored once.

    Parameters
    ----------
    system : System or str
        A spec, which is put in force; or the name of a system whose spec the store holds. Where
        the store holds none, live records infer one, with a warning, until someone writes it.
    to : str or path
        Root of the lake: a local folder, or any object-store URL that deltalake takes.
    storage_options : mapping, optional
        Options for the object store.
    live : LiveSettings, optional
        How live records are taken: queue, spool, what to do when full.
    redaction : Redaction, optional
        What to drop or to replace by a keyed hash before anything is written. Card numbers, CVVs,
        IBANs, e-mail addresses and phone numbers are found and masked without being declared.
    redaction_key : bytes, optional
        Key of the hashes, at least 16 bytes; never stored.
    sampling : Sampling, optional
        Which live decisions are kept; by default all.

    Raises
    ------
    SpecError
        If the spec is not sound, or the sampling does not fit it.
    DataError
        If a redaction asks for hashes without a key.

    Examples
    --------
    >>> log = pellucid.Logger("card-routing", to="lake/")                 # doctest: +SKIP
    >>> with log.decision("p1", at=now, dims={"country": "BR"}) as d:     # doctest: +SKIP
    ...     d.candidate("north", features=features, probability=0.9)
    ...     d.layer("fees", {"north": -0.01})
    ...     d.chose("north", propensity=0.95)
    >>> log.outcome("p1", "approved", True, at=later)                     # doctest: +SKIP
    >>> log.decisions("history.parquet").stored                           # doctest: +SKIP
    100000
    """

    def __init__(
        self,
        system: System | str,
        *,
        to: str | os.PathLike[str],
        storage_options: Mapping[str, str] | None = None,
        live: LiveSettings | None = None,
        redaction: Redaction | None = None,
        redaction_key: bytes | None = None,
        sampling: Sampling | None = None,
    ) -> None:
        if not isinstance(system, str):
            from pellucid.spec.bind import check_system

            check_system(system)
            if sampling is not None:
                sampling.check(system.dimension_names)
        # Imported here: who imports the logger has not made one yet.
        from pellucid.log.sink import Sink

        make_redactor = partial(_redactor, redaction, redaction_key)
        if redaction is not None:
            # Now, and not in the background: a declaration that cannot be kept must be told.
            make_redactor()
        self._sink = Sink(system, os.fspath(to), storage_options, make_redactor, sampling)
        self._live = LiveLog(self._sink, live or LiveSettings())

    @property
    def name(self) -> str:
        """Name of the system; unlike `system`, it needs no store."""
        return self._sink.name

    @property
    def system(self) -> System:
        """The spec in force."""
        return self._sink.bulk.system

    def decision(
        self,
        id: str,  # noqa: A002 - the record's own word
        *,
        at: datetime,
        dims: Mapping[str, Any] | None = None,
        raw: Mapping[str, Any] | None = None,
        amount_minor: int | None = None,
        currency: str | None = None,
        request_id: str | None = None,
        attempt: int = 1,
        **fields: Any,
    ) -> Decision:
        """Begin a decision; it is logged when its block ends without an error.

        Parameters
        ----------
        id : str
            The decision.
        at : datetime
            When it is made; aware.
        dims, raw : mapping, optional
            Dimensions; raw inputs before any transform.
        amount_minor, currency : int, str, optional
            Amount at stake, in minor units.
        request_id : str, optional
            What is decided about; its retries share it. By default the decision's own id.
        attempt : int, default 1
            1 for the first decision on a request.
        **fields
            ``model_id``, ``policy_version``, ``arm``, ``cutoffs``; and ``sample_weight``, where
            the service has sampled its decisions itself.
        """
        record = {
            "id": id, "at": at, "dims": dims, "raw": raw, "amount_minor": amount_minor,
            "currency": currency, "request_id": request_id, "attempt": attempt, **fields,
        }  # fmt: skip
        return Decision(record, self._live.hand_over)

    def record(
        self, decision: Mapping[str, Any], *, durable: bool = False, timeout: float = 5.0
    ) -> bool:
        """Log a decision that is complete already.

        Parameters
        ----------
        decision : mapping
            The keys of `decision`, and ``candidates`` (list of mappings with the arguments of
            `Decision.candidate`; ``is_eligible`` and ``ineligible_reason`` for its eligibility),
            ``layers`` (``name``, ``terms``, ``picks``), ``chosen`` and ``propensity``. Handed over
            by reference: do not change it afterwards.
        durable : bool, default False
            Wait until it is on disk.
        timeout : float, default 5
            Seconds to wait at most. The first record of a process waits for the libraries, and for
            the spec where only its name was given.

        Returns
        -------
        bool
            With `durable`, whether it is on disk: then it will be in the tables, once, whatever
            happens to this process. True as well where sampling left it out, and without
            `durable`.
        """
        if durable:
            return self._live.hand_over_durably(decision, DECISION, timeout)
        self._live.hand_over(decision)
        return True

    def outcome(
        self,
        decision_id: str,
        outcome: str,
        value: float,
        *,
        at: datetime,
        recorded_at: datetime | None = None,
        reason: str | None = None,
        blame: str | None = None,
    ) -> None:
        """Log an outcome; a later `recorded_at` corrects an earlier one.

        Parameters
        ----------
        decision_id : str
            The decision, which may be logged before or after.
        outcome : str
            As declared in the spec.
        value : float or bool
            1 or 0 for yes or no, or an amount.
        at, recorded_at : datetime
            When it happened, and when it became known; aware.
        reason, blame : str, optional
            Reason code, and who caused it.
        """
        record = {
            "decision_id": decision_id, "outcome": outcome, "value": value, "at": at,
            "recorded_at": recorded_at, "reason": reason, "blame": blame,
        }  # fmt: skip
        self._live.hand_over(record, OUTCOME)

    def health(self) -> Health:
        """Return what live logging has done, dropped and refused."""
        return self._live.health()

    def close(self, timeout: float | None = None) -> bool:
        """Drain live records; return whether all of them are in the tables.

        Parameters
        ----------
        timeout : float, optional
            Seconds; by default the settings' `close_seconds`. What is not stored by then stays in
            the spool, and the next logger of the system stores it.
        """
        return self._live.close(timeout)

    def __enter__(self) -> Logger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def decisions(self, frame: object, **options: Any) -> BulkReport:
        """Log decisions; see `table` for the options."""
        return self.table("decisions", frame, **options)

    def candidates(self, frame: object, **options: Any) -> BulkReport:
        """Log candidates; see `table` for the options."""
        return self.table("candidates", frame, **options)

    def outcomes(self, frame: object, **options: Any) -> BulkReport:
        """Log outcomes; see `table` for the options."""
        return self.table("outcomes", frame, **options)

    def training(self, frame: object, **options: Any) -> BulkReport:
        """Log the records that trained a model; see `table` for the options."""
        return self.table("training", frame, **options)

    def table(
        self,
        name: str,
        frame: object,
        *,
        batch_id: str | None = None,
        timezone: str | None = None,
        progress: bool = False,
    ) -> BulkReport:
        """Log rows of a table of the standard record.

        Parameters
        ----------
        name : str
            ``decisions``, ``candidates``, ``outcomes``, ``attributions`` or ``training``.
        frame : object with an Arrow stream, str or path
            Columns under the record's names, or under the names that the spec maps.
        batch_id : str, optional
            The same id twice changes nothing the second time. A file has its content as its id.
        timezone : str, optional
            IANA zone of timestamps that carry none; without it they are refused.
        progress : bool, default False
            Show a progress bar on stderr.

        Returns
        -------
        BulkReport
            What was read, stored, left out and refused, and why.

        Raises
        ------
        UnknownNameError
            If there is no such table.
        DataError
            If the source cannot be read, or its columns do not fit: then nothing of the batch in
            hand is stored, and what was stored before it stays.
        """
        return self._sink.bulk.log(
            name, frame, batch_id=batch_id, timezone=timezone, progress=progress
        )

    def model(
        self,
        model: object,
        *,
        name: str,
        version: str,
        trained_at: datetime,
        training_window: tuple[datetime, datetime] | None = None,
        features: Sequence[str] | None = None,
        categories: Mapping[str, Sequence[str]] | None = None,
    ) -> str:
        """Log a model version and keep its file.

        Parameters
        ----------
        model : LightGBM, XGBoost, CatBoost or ONNX model, tree or linear model of scikit-learn, \
                explainable boosting machine, or a `Composition` of logged models
            Stored as text, UBJSON, JSON, ONNX or plain arrays, none of which can run code.
        name, version : str
            Make up the model id, ``name:version``.
        trained_at : datetime
            Aware.
        training_window : (datetime, datetime), optional
            Half-open, aware.
        features : sequence of str, optional
            In the model's order; by default the booster's own names.
        categories : mapping of str to sequence of str, optional
            For each categorical feature its values, in the order of their codes.

        Returns
        -------
        str
            The model id.

        Raises
        ------
        DataError
            If the model is of an unknown kind, or the id is stored with other content.
        """
        from pellucid.log.models import log_model

        return log_model(
            self._sink.bulk, model, name=name, version=version, trained_at=trained_at,
            training_window=training_window, features=features, categories=categories,
        )  # fmt: skip
