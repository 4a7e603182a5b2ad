"""Style sheets and scripts, each under an address that changes with its content."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from pellucid.figures.figure import plotly_script
from pellucid.report.page import figures_script, style, theme_script

_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent.

    Attributes
    ----------
    address : str
        Below ``/assets/``; holds a hash of the content, so that it may be kept for ever.
    kind : str
        Media type.
    body, packed : bytes
        As it is, and by gzip.
    """

    address: str
    kind: str
    body: bytes
    packed: bytes


@cache
def assets() -> dict[str, Asset]:
    """Return every asset by its name, packed once.

    Raises
    ------
    MissingExtraError
        If plotly is not installed.
    """
    texts = {
        "pages.css": style() + _static("pages.css"),
        "theme.js": theme_script(),
        "plotly.js": plotly_script(),
        "figures.js": figures_script(),
        "pages.js": _static("pages.js"),
        "icon.svg": _static("icon.svg"),
    }
    return {name: _asset(name, text) for name, text in texts.items()}


def _static(name: str) -> str:
    return (files("pellucid.serve") / "static" / name).read_text("utf-8")


def _asset(name: str, text: str) -> Asset:
    body = text.encode()
    stem, _, kind = name.rpartition(".")
    digest = hashlib.sha256(body).hexdigest()[:12]
    return Asset(f"{stem}-{digest}.{kind}", _KINDS[kind], body, gzip.compress(body, mtime=0))
