"""Content to one HTML page: everything inlined, nothing requested."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.errors import MissingExtraError
from pellucid.figures.figure import CONFIG, plotly_script, script_json
from pellucid.figures.tokens import css_variables
from pellucid.report.content import ReportContent
from pellucid.report.views import (
    Anchors,
    csv_json,
    figure_json,
    sparkline,
    table_view,
    widths,
)

if TYPE_CHECKING:
    from jinja2 import Environment


def render_report(content: ReportContent) -> str:
    """Return a report as one HTML document that opens offline.

    Scripts are allowed by their hashes only and nothing may be requested, so that a label that
    smuggles in markup can neither run nor call home, even where escaping were to fail.

    Raises
    ------
    MissingExtraError
        If jinja2 or plotly is not installed.
    """
    templates = environment("pellucid.report")
    from markupsafe import Markup

    scripts = {
        "theme": theme_script(), "plotly": _plotly(), "figures": figures_script(),
        "page": _asset("report.js"),
    }  # fmt: skip
    return templates.get_template("report.html.j2").render(
        content=content,
        scripts={name: Markup(text) for name, text in scripts.items()},  # noqa: S704 - ours
        style=Markup(style()),  # noqa: S704 - ours
        policy=_policy(scripts.values()),
        **tools(content.candidates, Anchors(), has_links=False),
    )


def environment(*packages: str) -> Environment:
    """Return the templates of some packages, the first's before the next's.

    Raises
    ------
    MissingExtraError
        If jinja2 is not installed.
    """
    try:
        from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtraError(package="jinja2", extra="report", purpose="a report") from error
    return Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in packages]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def tools(
    candidates: Sequence[str], anchors: Anchors, *,
    has_links: bool, parquet: Callable[[str], str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return what the macros of cards need beside a card.

    Parameters
    ----------
    candidates : sequence of str
        The order that fixes candidates' colours.
    anchors : Anchors
        Of the page.
    has_links : bool
        Whether cells that lead to another page of a server are links.
    parquet : callable, optional
        From the id of a table to where a server has it as Parquet.
    """
    from markupsafe import Markup

    return {
        "anchors": anchors,
        "has_links": has_links,
        "parquet": parquet,
        "table_view": lambda table: table_view(table if has_links else table.of_values, candidates),
        "figure_json": lambda figure: Markup(figure_json(figure)),  # noqa: S704 - escaped by us
        "csv_json": lambda table: Markup(csv_json(table)),  # noqa: S704 - escaped by us
        "sparkline": sparkline,
        "widths": widths,
        "with_code": with_code,
    }


def with_code(text: str) -> Any:
    """Return text as HTML, with what stands between backticks as code."""
    from markupsafe import Markup

    code = Markup("<code>{}</code>")
    pieces = re.split(r"`([^`]*)`", text)
    return Markup().join(
        code.format(piece) if place % 2 else piece for place, piece in enumerate(pieces)
    )


def style() -> str:
    """Return the style sheet of cards and pages, tokens first."""
    return css_variables() + _asset("report.css")


def theme_script() -> str:
    """Return the script that chooses the theme, to run before anything is painted."""
    return _asset("theme.js")


def figures_script() -> str:
    """Return the script that draws figures and saves numbers and pictures."""
    return _asset("figures.js").replace("__CONFIG__", script_json(dict(CONFIG)))


def write_page(page: str, path: Path) -> int:
    """Write a page as one file, whole or not at all; return its size in bytes."""
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(page)
    Path(aside).chmod(0o644)
    Path(aside).replace(path)
    return path.stat().st_size


@cache
def _asset(name: str) -> str:
    return (files("pellucid.report") / "templates" / name).read_text("utf-8")


@cache
def _plotly() -> str:
    text = plotly_script()
    # Neither occurs in the plotly.js that we pin; were one to appear, the page would break.
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _policy(scripts: object) -> str:
    """Return a content security policy: our scripts by hash, no connection, no frame, no form."""
    hashes = " ".join(f"'sha256-{_digest(text)}'" for text in scripts)  # type: ignore[attr-defined]
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
