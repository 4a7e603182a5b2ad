"""A lake: the Delta tables of every system under one root, local or on an object store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyarrow import fs

from pellucid.errors import StoreError
from pellucid.schema.fields import Table

PARTITION = "day"

# Statistics for the first columns only: commit cost is linear in active files × columns with
# statistics, and readers prune by day.
_CONFIGURATION = {"delta.dataSkippingNumIndexedCols": "4"}


@dataclass(frozen=True, slots=True)
class Lake:
    """The tables of one system.

    Attributes
    ----------
    root : str
        A local folder, or any URL that deltalake takes, such as ``s3://bucket/lake``.
    system : str
        System name; its tables are at ``<root>/<system>/<table>``.
    storage_options : tuple of (str, str)
        Options for the object store, as deltalake names them.
    """

    root: str
    system: str
    storage_options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def at(
        cls, root: str | os.PathLike[str], system: str, options: Mapping[str, str] | None = None
    ) -> Lake:
        """Return the lake of a system, the root made absolute where it is a local folder."""
        text = os.fspath(root)
        if "://" not in text:
            text = str(Path(text).expanduser().resolve())
        return cls(text.rstrip("/"), system, tuple(sorted((options or {}).items())))

    @property
    def is_local(self) -> bool:
        """Whether the root is a local folder."""
        return "://" not in self.root

    @property
    def options(self) -> dict[str, str] | None:
        """Storage options as deltalake takes them."""
        return dict(self.storage_options) or None

    def uri(self, name: str) -> str:
        """Return the address of a table or other folder of the system."""
        return f"{self.root}/{self.system}/{name}"

    def filesystem(self, name: str) -> fs.FileSystem:
        """Return a filesystem rooted at a folder of the system."""
        uri = self.uri(name)
        if self.is_local:
            try:
                Path(uri).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(f"{uri} cannot be used: {error.strerror}") from error
            return fs.SubTreeFileSystem(uri, fs.LocalFileSystem())
        from deltalake.fs import DeltaStorageHandler

        return fs.PyFileSystem(DeltaStorageHandler(uri, options=self.options))

    def has(self, table: str) -> bool:
        """Whether the table exists."""
        if self.is_local and self._is_closed_to_us():
            raise StoreError(f"{self.root} cannot be read: permission denied")
        try:
            return DeltaTable.is_deltatable(self.uri(table), storage_options=self.options)
        except (DeltaError, OSError) as error:
            first = (str(error).splitlines() or ["unreadable"])[0]
            raise StoreError(f"{self.uri(table)} cannot be read: {first}") from error

    def _is_closed_to_us(self) -> bool:
        root = Path(self.root)
        return root.exists() and not os.access(root, os.R_OK | os.X_OK)

    def open(self, table: str) -> DeltaTable | None:
        """Return the table as it is now, or None where it does not exist yet.

        Raises
        ------
        StoreError
            If the table exists but cannot be read, or uses Delta features that a reader of its
            file list would get wrong (deletion vectors, column mapping).
        """
        if not self.has(table):
            return None
        try:
            delta = DeltaTable(self.uri(table), storage_options=self.options)
        except (DeltaError, OSError) as error:
            first = (str(error).splitlines() or ["unreadable"])[0]
            raise StoreError(
                f"table '{table}' at {self.uri(table)} is unreadable: {first}; run `pellucid check`"
            ) from error
        features = set(delta.protocol().reader_features or ())
        if features & {"deletionVectors", "columnMapping"}:
            raise StoreError(
                f"table '{table}' uses {', '.join(sorted(features))}, set by another writer; "
                "rewrite it without them: pellucid reads the file list directly"
            )
        return delta

    def create(self, table: Table, schema: pa.Schema) -> DeltaTable:
        """Create a table partitioned by day, or return it where another writer was first."""
        if self.is_local:
            Path(self.uri(table.name)).mkdir(parents=True, exist_ok=True)
        first = [table.time, *(name for name in table.key if name != table.time)]
        rest = [name for name in schema.names if name not in first]
        ordered = pa.schema([schema.field(name) for name in [*first, *rest]])
        return DeltaTable.create(
            self.uri(table.name),
            schema=ordered.append(pa.field(PARTITION, pa.string())),
            partition_by=[PARTITION],
            mode="ignore",
            configuration=_CONFIGURATION,
            storage_options=self.options,
        )


def systems(root: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the names of the systems under a local root, sorted."""
    folder = Path(os.fspath(root)).expanduser()
    if "://" in os.fspath(root) or not folder.is_dir():
        return ()
    return tuple(sorted(item.name for item in folder.iterdir() if (item / "audit").is_dir()))
