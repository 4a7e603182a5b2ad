"""What a page can change: the state of an incident, and loading the demo. Nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from pellucid.serve.served import Served

router = APIRouter(include_in_schema=False)
_MOST_HOURS = 24 * 90


@router.post("/{system}/incidents/{incident_id}")
def change(
    system: str, incident_id: str, request: Request,
    to: Annotated[Literal["acknowledge", "mute", "resolve"], Form()],
    actor: Annotated[str, Form(min_length=1, max_length=80)],
    note: Annotated[str, Form(max_length=300)] = "",
    hours: Annotated[str, Form(pattern=r"^\d{0,4}$")] = "",
) -> Response:  # fmt: skip
    """Acknowledge, mute or resolve an incident."""
    check_same_origin(request)
    served: Served = request.app.state.served
    obs = served.open(system)
    if to == "mute":
        span = min(int(hours or 0), _MOST_HOURS)
        until = datetime.now(UTC) + timedelta(hours=span) if span else None
        obs.mute(incident_id, actor=actor.strip(), note=note, until=until)
    elif to == "acknowledge":
        obs.acknowledge(incident_id, actor=actor.strip(), note=note)
    else:
        obs.resolve(incident_id, actor=actor.strip(), note=note)
    return RedirectResponse(f"/{system}/incident?id={incident_id}", status_code=303)


@router.post("/demo")
def load_demo(request: Request) -> Response:
    """Begin to load the demo data."""
    check_same_origin(request)
    request.app.state.demo.load()
    return RedirectResponse("/", status_code=303)


@router.get("/demo")
def demo_state(request: Request) -> Response:
    """Tell how far loading the demo data is."""
    state = request.app.state.demo.state()
    return JSONResponse({"said": state.said, "is_done": state.is_done})


def check_same_origin(request: Request) -> None:
    """Refuse a change that another site's page asked a browser for.

    Raises
    ------
    HTTPException
        With status 403.
    """
    site = request.headers.get("sec-fetch-site", "")
    origin = request.headers.get("origin", "")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if site not in ("", "same-origin", "none") or (origin and origin != own):
        raise HTTPException(403, "only pages of this server may change anything")
