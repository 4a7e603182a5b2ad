"""The logger: one object through which a system's records reach the store."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.log.bulk import BulkReport
    from pellucid.spec.system import System


class Logger:
    """Logs the records of one system, in bulk.

    Frames may be anything with an Arrow stream (PyArrow, Polars, pandas, DuckDB relations), or the
    path of a Parquet or CSV file, which may be larger than memory. Rows that break the standard
    record are put in quarantine with every reason; the others are stored. The same row twice is
    stored once.

    Parameters
    ----------
    system : System or str
        A spec, which is put in force; or the name of a system whose spec the store holds.
    to : str or path
        Root of the lake: a local folder, or any object-store URL that deltalake takes.
    storage_options : mapping, optional
        Options for the object store.

    Raises
    ------
    SpecError
        If the spec is not sound.
    StoreError
        If the store holds no spec of that name.

    Examples
    --------
    >>> log = pellucid.Logger(system, to="lake/")                       # doctest: +SKIP
    >>> log.decisions("decisions.parquet").stored                       # doctest: +SKIP
    100000
    """

    def __init__(
        self,
        system: System | str,
        *,
        to: str | os.PathLike[str],
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        from pellucid.log.bulk import BulkLog

        self._bulk = BulkLog.open(system, to, storage_options)

    @property
    def system(self) -> System:
        """The spec in force."""
        return self._bulk.system

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
        return self._bulk.log(name, frame, batch_id=batch_id, timezone=timezone, progress=progress)

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
        model : LightGBM or XGBoost booster, or a scikit-learn wrapper of one
            Stored in the library's own text or UBJSON format, which cannot run code.
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
            self._bulk, model, name=name, version=version, trained_at=trained_at,
            training_window=training_window, features=features, categories=categories,
        )  # fmt: skip
