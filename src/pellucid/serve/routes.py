"""The pages' addresses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pellucid.errors import EngineError, PellucidError, StoppedError, UnknownNameError
from pellucid.figures.table import Column, Table
from pellucid.observatory import Observatory
from pellucid.report.content import Card
from pellucid.report.page import tools
from pellucid.report.views import Anchors
from pellucid.serve.assets import assets
from pellucid.serve.brief import make_brief
from pellucid.serve.building import Builders, drawn
from pellucid.serve.page import Page, Part, Scene
from pellucid.serve.pages import PAGES
from pellucid.serve.render import (
    Shell,
    render,
    render_failure,
    render_message,
    render_options,
    render_shell,
    tables_of,
)
from pellucid.serve.scenes import outside_of, scene_of, view_of
from pellucid.serve.served import Served
from pellucid.serve.tables import arrow_of, parquet_bytes

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
_GONE = 499
_LONGEST_NAME = 80


@router.get("/assets/{address}")
def asset(address: str, request: Request) -> Response:
    """Send a style sheet or script; its address changes with its content."""
    found = next((item for item in assets().values() if item.address == address), None)
    if found is None:
        return Response(status_code=404)
    headers = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return Response(found.packed, media_type=found.kind, headers=headers)
    return Response(found.body, media_type=found.kind, headers=headers)


@router.get("/")
def fleet(request: Request) -> Response:
    """Show every system; of one its overview; where there is none how to begin."""
    served: Served = request.app.state.served
    names = served.names()
    if not names:
        demo = request.app.state.demo
        return HTMLResponse(render("welcome.html.j2", title="Welcome", root=served.root,
                                   has_demo=demo.can_load, demo=demo.state()))  # fmt: skip
    if len(names) == 1 and "all" not in request.query_params:
        return RedirectResponse(f"/{names[0]}/overview", status_code=307)
    rows = tuple(_system_row(served, name) for name in names)
    columns = (
        Column("System", "link"), Column("What it decides"), Column("First decision (UTC)", "time"),
        Column("Last decision (UTC)", "time"), Column("Open incidents", "count"),
        Column("State", "pill"),
    )  # fmt: skip
    card = Card(title="Systems", table=Table(columns, rows))
    return HTMLResponse(render(
        "fleet.html.j2", title="Systems", systems_card=card,
        **tools((), Anchors(), has_links=True),
    ))  # fmt: skip


def _system_row(served: Served, name: str) -> tuple[Any, ...]:
    link = (name, f"/{name}/overview")
    try:
        obs = served.open(name)
        span = obs.span()
    except EngineError:
        return (link, "", None, None, None, ("no decisions yet", ""))
    except PellucidError as error:
        return (link, str(error), None, None, None, ("cannot be read", "bad"))
    still = _open_incidents(obs)
    state = (f"{still} open", "warn") if still else ("well", "good")
    return (link, obs.system.description, *span, still, state)


def _open_incidents(obs: Observatory) -> int:
    return sum(item.state in ("open", "acknowledged") for item in obs.incidents())


@router.get("/{system}")
def home(system: str) -> Response:
    """Go to a system's overview."""
    return RedirectResponse(f"/{quote(system)}/overview", status_code=307)


@router.get("/{system}/options/{dimension}")
def options(system: str, dimension: str, request: Request) -> Response:
    """Send the values of a dimension as boxes to tick."""
    served: Served = request.app.state.served
    obs = served.open(system)
    return HTMLResponse(render_options(dimension, served.values(obs, dimension)))


@router.get("/{system}/{name}")
async def page(system: str, name: str, request: Request) -> Response:
    """Send a page; its parts are asked for by the browser, or are in it where `inline` is set."""
    builders: Builders = request.app.state.builders

    def shell() -> str:
        return _shell(request, system, name)

    return HTMLResponse(await builders.build(shell, request.is_disconnected, is_light=True))


@router.get("/{system}/{name}/part/{part}")
async def part(system: str, name: str, part: str, request: Request) -> Response:
    """Send a part of a page."""
    builders: Builders = request.app.state.builders
    served: Served = request.app.state.served

    def find() -> str:
        try:
            scene, shown = _scene(request, system, name)
        except EngineError as error:
            return render_failure(_part_of(PAGES[name], part), str(error))
        return drawn(_part_of(shown, part), scene, shown, served)

    try:
        is_light = any(own.is_light for own in _page_of(name).parts if own.name == part)
        found = await builders.build(find, request.is_disconnected, is_light=is_light)
        return HTMLResponse(found)
    except StoppedError:
        return Response(status_code=_GONE)


@router.get("/{system}/{name}/brief.html")
def brief(system: str, name: str, request: Request) -> Response:
    """Send a page as one file that opens offline."""
    pairs = [pair for pair in request.query_params.multi_items() if pair[0] != "made_by"]
    made_by = request.query_params.get("made_by", "")[:_LONGEST_NAME]
    text = make_brief(request.app.state.served, system, name, pairs, made_by)
    file = f"{system}-{name}-{datetime.now(UTC):%Y-%m-%d}.html"
    return HTMLResponse(text, headers=_attached(file))


@router.get("/{system}/{name}/part/{part}/{table}.parquet")
def parquet(system: str, name: str, part: str, table: str, request: Request) -> Response:
    """Send the numbers of a card."""
    scene, shown = _scene(request, system, name)
    own = _part_of(shown, part)
    tables = tables_of(own, own.build(scene))
    if table not in tables:
        raise UnknownNameError(kind="table", name=table, known=tables)
    return Response(parquet_bytes(arrow_of(tables[table])), headers=_attached(f"{table}.parquet"),
                    media_type="application/vnd.apache.parquet")  # fmt: skip


def _attached(file: str) -> dict[str, str]:
    return {"content-disposition": f"attachment; filename*=UTF-8''{quote(file)}"}


def _page_of(name: str) -> Page:
    if name not in PAGES:
        raise UnknownNameError(kind="page", name=name, known=PAGES)
    return PAGES[name]


def _part_of(page: Page, name: str) -> Part:
    found = next((part for part in page.parts if part.name == name), None)
    if found is None:
        raise UnknownNameError(kind=f"part of {page.name}", name=name,
                               known=[part.name for part in page.parts])  # fmt: skip
    return found


def _scene(request: Request, system: str, name: str) -> tuple[Scene, Page]:
    served: Served = request.app.state.served
    shown = _page_of(name)
    obs = served.open(system)
    view, _ = view_of(served, obs, shown, request.query_params.multi_items())
    return scene_of(served, obs, view), shown


def _shell(request: Request, system: str, name: str) -> str:
    served: Served = request.app.state.served
    shown = _page_of(name)
    obs = served.open(system)
    view, problems = view_of(served, obs, shown, request.query_params.multi_items())
    try:
        scene = scene_of(served, obs, view)
    except EngineError as error:
        return render_message(
            f"{system} has no decisions yet", str(error),
            more="Log some with pellucid.Logger in a service, or from a file with `pellucid log`.",
        )  # fmt: skip
    values = shown.inner(scene)
    parts = [drawn(part, scene, shown, served) if "inline" in request.query_params else None
             for part in shown.parts]  # fmt: skip
    outside = outside_of(obs, view)
    return render_shell(Shell(
        page=shown, system=system, systems=served.names(), scene=scene,
        problems=(*problems, *([outside] if outside else [])),
        open_incidents=_open_incidents(obs), inner=values,
    ), parts)  # fmt: skip
