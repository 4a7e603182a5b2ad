"""A figure as a value: plain traces with colour tokens, a sentence and the numbers behind it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.errors import MissingExtraError
from pellucid.figures.table import Table
from pellucid.figures.tokens import Theme, resolve

# The locks keep plotly from ever offering to send a figure to its maker's server.
CONFIG: Mapping[str, Any] = {
    "displayModeBar": False,
    "displaylogo": False,
    "responsive": True,
    "scrollZoom": False,
    "showSendToCloud": False,
    "plotlyServerURL": "",
}
_MIME = "application/vnd.plotly.v1+json"
_notebook: set[str] = set()


@dataclass(frozen=True, slots=True)
class Figure:
    """What a browser or plotly draws.

    Attributes
    ----------
    data : tuple of dict
        Plotly traces; colours are tokens such as ``@cat1/16``.
    layout : dict
        Plotly layout, with ``height``; ``meta.min_width`` (pixels) where the figure must not be
        squeezed further.
    alt : str
        The figure in a sentence, with its numbers.
    table : Table, optional
        The numbers behind the figure: its equal for screen readers and downloads.
    """

    data: tuple[dict[str, Any], ...]
    layout: dict[str, Any]
    alt: str
    table: Table | None = None

    def to_plotly_json(self, theme: Theme = "light") -> dict[str, Any]:
        """Return data, layout and config for plotly, colours resolved."""
        return {
            "data": resolve(self.data, theme),
            "layout": resolve(self.layout, theme),
            "config": dict(CONFIG),
        }

    def to_json(self) -> str:
        """Return data, layout, config and alt as JSON, colours still tokens."""
        return json.dumps(
            {"data": self.data, "layout": self.layout, "config": dict(CONFIG), "alt": self.alt},
            ensure_ascii=False, allow_nan=False, separators=(",", ":"),
        )  # fmt: skip

    def _repr_mimebundle_(
        self,
        include: object = None,  # noqa: ARG002 - the notebook protocol
        exclude: object = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return the forms that a notebook can show; plotly.js is sent with the first only."""
        drawn = self.to_plotly_json()
        script = "" if "sent" in _notebook else f"<script>{plotly_script()}</script>"
        _notebook.add("sent")
        name = f"figure-{uuid.uuid4().hex}"
        call = ",".join(script_json(drawn[part]) for part in ("data", "layout", "config"))
        html = (
            f'{script}<div id="{name}" role="img" aria-label="{_attribute(self.alt)}"></div>'
            f'<script>Plotly.newPlot("{name}",{call})</script>'
        )
        return {_MIME: drawn, "text/html": html, "text/plain": self.alt}


def script_json(value: Any) -> str:
    """Return JSON that is safe inside a ``<script>`` element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def plotly_script() -> str:
    """Return the source of plotly.js as the installed plotly package has it.

    Raises
    ------
    MissingExtraError
        If plotly is not installed.
    """
    try:
        import plotly
    except ImportError as error:
        raise MissingExtraError(package="plotly", extra="report", purpose="drawing") from error
    return (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_text("utf-8")


def _attribute(text: str) -> str:
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    return text
