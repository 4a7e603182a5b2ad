"""Model files, kept beside the tables under the hash of their content."""

from __future__ import annotations

import hashlib
import uuid

from pellucid.errors import StoreError
from pellucid.store.lake import Lake

_FOLDER = "artifacts"


def save_artifact(lake: Lake, content: bytes, *, suffix: str) -> tuple[str, str]:
    """Store a model file; return its address below the system's folder, and its SHA-256."""
    digest = hashlib.sha256(content).hexdigest()
    name = f"{digest}{suffix}"
    filesystem = lake.filesystem(_FOLDER)
    # Written aside and then moved, so that a file under its final name is always whole.
    aside = f"{name}.{uuid.uuid4().hex}.part"
    with filesystem.open_output_stream(aside) as sink:
        sink.write(content)
    filesystem.move(aside, name)
    return f"{_FOLDER}/{name}", digest


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
