"""Files beside the tables: models, their reference populations, and plans of explaining."""

from __future__ import annotations

import hashlib
import uuid

from pyarrow.fs import FileType

from pellucid.errors import StoreError
from pellucid.store.lake import Lake

_FOLDER = "artifacts"


def save_artifact(lake: Lake, content: bytes, *, suffix: str) -> tuple[str, str]:
    """Store a model file; return its address below the system's folder, and its SHA-256."""
    digest = hashlib.sha256(content).hexdigest()
    return _save(lake, f"{digest}{suffix}", content), digest


def load_artifact(lake: Lake, uri: str, *, sha256: str) -> bytes:
    """Return a model file.

    Raises
    ------
    StoreError
        If it is absent, or is not the file that was logged.
    """
    folder, _, name = uri.partition("/")
    try:
        with lake.filesystem(folder).open_input_stream(name) as source:
            content = source.read()
    except OSError as error:
        raise StoreError(f"model file {lake.uri(uri)} cannot be read: {error}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise StoreError(
            f"model file {lake.uri(uri)} has SHA-256 {found[:12]}…, logged as {sha256[:12]}…; "
            "log the model again"
        )
    return content


def save_reference(lake: Lake, model_id: str, content: bytes) -> None:
    """Store the reference population of a model, in place of any other."""
    _save(lake, _reference_name(model_id), content)


def load_reference(lake: Lake, model_id: str) -> bytes | None:
    """Return the reference population of a model; None where none is stored."""
    return _load(lake, _reference_name(model_id))


def save_plans(lake: Lake, model_id: str, content: bytes) -> None:
    """Store what is to be explained of a model, in place of any other."""
    _save(lake, _name("plans", model_id, "json"), content)


def load_plans(lake: Lake, model_id: str) -> bytes | None:
    """Return what is to be explained of a model; None where nothing was planned."""
    return _load(lake, _name("plans", model_id, "json"))


def _reference_name(model_id: str) -> str:
    return _name("reference", model_id, "arrow")


def _name(kind: str, model_id: str, suffix: str) -> str:
    # A model's id may hold what no file's name may.
    return f"{kind}-{hashlib.sha256(model_id.encode()).hexdigest()[:32]}.{suffix}"


def _load(lake: Lake, name: str) -> bytes | None:
    filesystem = lake.filesystem(_FOLDER)
    if filesystem.get_file_info(name).type == FileType.NotFound:
        return None
    with filesystem.open_input_stream(name) as source:
        content: bytes = source.read()
    return content


def _save(lake: Lake, name: str, content: bytes) -> str:
    filesystem = lake.filesystem(_FOLDER)
    # Written aside and then moved, so that a file under its final name is always whole.
    aside = f"{name}.{uuid.uuid4().hex}.part"
    with filesystem.open_output_stream(aside) as sink:
        sink.write(content)
    filesystem.move(aside, name)
    return f"{_FOLDER}/{name}"
