"""The read-only API: the numbers behind the pages as JSON, Arrow, Parquet or CSV."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, Response

from pellucid.observatory import Observatory
from pellucid.report.content import Section
from pellucid.serve.building import Builders
from pellucid.serve.pages import PAGES
from pellucid.serve.render import render
from pellucid.serve.scenes import scene_of, view_of
from pellucid.serve.served import Served
from pellucid.serve.tables import parquet_bytes

router = APIRouter(prefix="/api")
Format = Literal["json", "arrow", "parquet", "csv"]
_KINDS = {
    "json": "application/json", "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet", "csv": "text/csv; charset=utf-8",
}  # fmt: skip

System = Annotated[str, Path(description="Name of a system.")]
Where = Annotated[str, Query(description="SQL condition on the rows, such as country = 'BR'.")]
Over = Annotated[str, Query(description="A span that ends with the records, such as 30d, or "
                            "2026-10-01..2026-11-01 (UTC, the end exclusive).")]  # fmt: skip
Baseline = Annotated[str, Query(description="What to compare with, as `over`; by default the "
                                "span before.")]  # fmt: skip
By = Annotated[list[str] | None, Query(description="Dimension to break down by; may be repeated.")]
Style = Annotated[Format, Query(alias="format", description="json, arrow (IPC stream), parquet or "
                                "csv.")]  # fmt: skip
Candidate = Annotated[str, Query(description="Name of a candidate.")]
Metric = Annotated[str, Query(description="Name of a metric; see /metrics.")]


async def _asked(request: Request, system: str, find: Callable[[Observatory], Any]) -> Any:
    served: Served = request.app.state.served
    builders: Builders = request.app.state.builders
    return await builders.build(lambda: find(served.open(system)), request.is_disconnected)


def _table(table: pa.Table, style: Format) -> Response:
    if style == "json":
        return _json(table)
    if style == "parquet":
        return Response(parquet_bytes(table), media_type=_KINDS[style])
    file = io.BytesIO()
    if style == "arrow":
        with pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
    else:
        import pyarrow.csv

        pyarrow.csv.write_csv(table, file)
    return Response(file.getvalue(), media_type=_KINDS[style])


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value, enc_hook=_plain), media_type=_KINDS["json"])


def _plain(value: Any) -> Any:
    if isinstance(value, pa.Table):
        return value.to_pylist()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return str(value)


@router.get("", include_in_schema=False)
def reference(request: Request) -> Response:
    """Show what the API can be asked."""
    found = []
    for path, methods in request.app.openapi()["paths"].items():
        get = methods.get("get")
        if get is None:
            continue
        fields = [{"name": item["name"], "description": item.get("description", "")}
                  for item in get.get("parameters", [])]  # fmt: skip
        found.append({"path": path, "summary": get.get("description", ""), "parameters": fields})
    return HTMLResponse(render("api.html.j2", title="API", operations=found))


@router.get("/v1/systems")
def list_systems(request: Request) -> Response:
    """List the systems that are served."""
    return _json(request.app.state.served.names())


@router.get("/v1/{system}")
async def system(request: Request, system: System) -> Response:
    """Return a system's definitions, and how far its records reach."""
    return _json(await _asked(request, system, lambda obs: {
        "definitions": obs.system, "span": obs.span(), "latest": obs.latest(),
    }))  # fmt: skip


@router.get("/v1/{system}/metrics")
async def metrics(request: Request, system: System) -> Response:
    """Return every metric with its definition."""
    return _json(await _asked(request, system, lambda obs: list(obs.metrics.values())))


@router.get("/v1/{system}/query")
async def query(
    request: Request, system: System,
    metric: Annotated[list[str], Query(description="Name of a metric; may be repeated.")],
    by: By = None, where: Where = "", over: Over = "30d",
    grain: Annotated[str, Query(description="1h, 1d or 1w; empty for the whole span.")] = "",
    top: Annotated[int | None, Query(ge=1, le=1000, description="Values of each dimension; the "
                                     "rest is added up.")] = None,
    style: Style = "json",
) -> Response:  # fmt: skip
    """Return metrics broken down, with exact totals at every level, intervals and n."""
    found = await _asked(request, system, lambda obs: obs.query(
        *metric, by=by or [], where=where, over=over, grain=grain, top=top).rows)  # fmt: skip
    return _table(found, style)


@router.get("/v1/{system}/compare")
async def compare(
    request: Request, system: System, metric: Metric, by: By = None, where: Where = "",
    over: Over = "7d", versus: Baseline = "", style: Style = "json",
) -> Response:  # fmt: skip
    """Set two spans side by side, with an interval on each difference."""
    found = await _asked(request, system, lambda obs: obs.compare(
        metric, by=by or [], where=where, over=over, versus=versus).rows)  # fmt: skip
    return _table(found, style)


@router.get("/v1/{system}/localize")
async def localize(
    request: Request, system: System, metric: Metric, where: Where = "", over: Over = "7d",
    versus: Baseline = "",
) -> Response:  # fmt: skip
    """Find the slices that account for a change; they and everything else add up to it."""
    return _json(await _asked(request, system, lambda obs: obs.localize(
        metric, over=over, versus=versus, where=where)))  # fmt: skip


@router.get("/v1/{system}/anomalies")
async def anomalies(
    request: Request, system: System, metric: Metric, by: By = None, where: Where = "",
    over: Over = "14d", style: Style = "json",
) -> Response:  # fmt: skip
    """Find spikes and shifts against the season and chance of their own past."""
    found = await _asked(request, system, lambda obs: obs.anomalies(
        metric, by=by or [], where=where, over=over).rows)  # fmt: skip
    return _table(found, style)


@router.get("/v1/{system}/drift")
async def drift(
    request: Request, system: System, where: Where = "", over: Over = "7d",
    baseline: Baseline = "", style: Style = "json",
) -> Response:  # fmt: skip
    """Tell which columns moved by more than chance."""
    found = await _asked(request, system, lambda obs: obs.drift(
        over=over, baseline=baseline, where=where).rows)  # fmt: skip
    return _table(found, style)


@router.get("/v1/{system}/performance")
async def performance(
    request: Request, system: System, where: Where = "", over: Over = "30d",
    grain: Annotated[str, Query(description="1h, 1d or 1w; empty for the whole.")] = "",
    style: Style = "json",
) -> Response:  # fmt: skip
    """Return what scores were worth: on mature labels, and expected of all."""
    found = await _asked(request, system, lambda obs: obs.performance(
        over=over, where=where, grain=grain).rows)  # fmt: skip
    return _table(found, style)


@router.get("/v1/{system}/maturity")
async def maturity(
    request: Request, system: System,
    outcome: Annotated[str, Query(description="Name of an outcome; the predicted one.")] = "",
    where: Where = "", over: Over = "30d", style: Style = "json",
) -> Response:  # fmt: skip
    """Return what is known of each day's outcomes and what they are expected to end at."""
    found = await _asked(request, system, lambda obs: obs.maturity(
        outcome, over=over, where=where).rows)  # fmt: skip
    return _table(found, style)


@router.get("/v1/{system}/control")
async def control(
    request: Request, system: System,
    metric: Annotated[str, Query(description="A rate; by default that of the outcome.")] = "",
    by: By = None, where: Where = "", over: Over = "30d", style: Style = "json",
) -> Response:  # fmt: skip
    """Tell in which segments ML does worse than the control arm."""
    found = await _asked(request, system, lambda obs: obs.versus_control(
        metric, by=by or [], over=over, where=where).rows)  # fmt: skip
    return _table(found, style)


@router.get("/v1/{system}/flow")
async def flow(request: Request, system: System, where: Where = "", over: Over = "30d") -> Response:
    """Return where the model wanted to send traffic and what each layer changed."""
    return _json(await _asked(request, system, lambda obs: obs.flow(over=over, where=where)))


@router.get("/v1/{system}/layers")
async def layers(
    request: Request, system: System, where: Where = "", over: Over = "30d"
) -> Response:
    """Return what each layer moved, won and lost."""
    return _json(await _asked(request, system, lambda obs: obs.layer_effects(
        over=over, where=where)))  # fmt: skip


@router.get("/v1/{system}/traffic")
async def traffic(
    request: Request, system: System, candidate: Candidate, where: Where = "", over: Over = "30d"
) -> Response:
    """Return what makes a candidate's share, in parts that add up to it."""
    return _json(await _asked(request, system, lambda obs: obs.why_traffic(
        candidate, over=over, where=where)))  # fmt: skip


@router.get("/v1/{system}/change")
async def change(
    request: Request, system: System, metric: Metric,
    candidate: Annotated[str, Query(description="Whose, of traffic_share.")] = "",
    where: Where = "", over: Over = "7d", baseline: Baseline = "",
) -> Response:  # fmt: skip
    """Return why a rate or share changed, in parts that add up to the change."""
    return _json(await _asked(request, system, lambda obs: obs.why_changed(
        metric, candidate=candidate, window=over, baseline=baseline, where=where)))  # fmt: skip


@router.get("/v1/{system}/why")
async def why(
    request: Request, system: System, candidate: Candidate,
    other: Annotated[str, Query(description="The candidate that it is set against.")],
    where: Where = "", over: Over = "30d",
) -> Response:  # fmt: skip
    """Return what puts one candidate ahead of another where both could be picked."""
    return _json(await _asked(request, system, lambda obs: obs.why(
        candidate, not_=other, over=over, where=where)))  # fmt: skip


@router.get("/v1/{system}/group")
async def group(
    request: Request, system: System, where: Where = "",
    versus: Annotated[str, Query(description="Condition of the group compared with.")] = "",
    by: By = None, over: Over = "30d",
) -> Response:  # fmt: skip
    """Return what makes the scores of a group of decisions."""
    return _json(await _asked(request, system, lambda obs: obs.explain_group(
        where, versus=versus, by=by or [], over=over)))  # fmt: skip


@router.get("/v1/{system}/rules")
async def rules(
    request: Request, system: System, where: Where = "", over: Over = "30d"
) -> Response:
    """Return a short list of rules that picks as the policy does."""
    return _json(await _asked(request, system, lambda obs: obs.rules(where=where, over=over)))


@router.get("/v1/{system}/incidents")
async def incidents(
    request: Request, system: System,
    state: Annotated[str, Query(description="open, acknowledged, muted or resolved.")] = "",
) -> Response:  # fmt: skip
    """List incidents, the costliest first."""
    return _json(await _asked(request, system, lambda obs: obs.incidents(state=state)))


@router.get("/v1/{system}/incidents/{incident_id}")
async def incident(request: Request, system: System, incident_id: str) -> Response:
    """Return one incident with its alerts."""
    return _json(await _asked(request, system, lambda obs: obs.incident(incident_id)))


@router.get("/v1/{system}/decisions")
async def decisions(
    request: Request, system: System,
    find: Annotated[str, Query(description="Id of a decision or request.")] = "",
    where: Where = "", over: Over = "30d",
    first: Annotated[int, Query(ge=0, description="How many to skip.")] = 0,
    most: Annotated[int, Query(ge=1, le=10_000, description="How many to return.")] = 50,
    style: Style = "json",
) -> Response:  # fmt: skip
    """List decisions, the latest first."""
    found = await _asked(request, system, lambda obs: obs.decisions(
        find=find, where=where, over=over, first=first, most=most))  # fmt: skip
    return _table(found, style)


@router.get("/v1/{system}/decision")
async def decision(
    request: Request, system: System,
    id: Annotated[str, Query(description="Id of a decision.")],  # noqa: A002 - as on the page
) -> Response:  # fmt: skip
    """Return one decision: candidates, scores, layers, attributions, outcomes, in words too."""
    return _json(await _asked(request, system, lambda obs: obs.explain(id)))


@router.get("/v1/{system}/figures/{page}/{part}")
async def figures(request: Request, system: System, page: str, part: str) -> Response:
    """Return the figures of a part of a page, as Plotly draws them; its query is the page's."""
    served: Served = request.app.state.served

    def find(obs: Observatory) -> list[dict[str, Any]]:
        own = (
            next((item for item in PAGES[page].parts if item.name == part), None)
            if page in PAGES
            else None
        )
        if own is None:
            raise HTTPException(404, f"no part of a page is called {page}/{part}")
        view, _ = view_of(served, obs, PAGES[page], request.query_params.multi_items())
        built = own.build(scene_of(served, obs, view))
        cards = built.cards if isinstance(built, Section) else ()
        return [{"title": card.title, "alt": card.figure.alt, **card.figure.to_plotly_json()}
                for card in cards if card.figure]  # fmt: skip

    return _json(await _asked(request, system, find))
