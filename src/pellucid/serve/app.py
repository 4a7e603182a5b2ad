"""The web application: its routes, what is sent with every answer, and errors as pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pellucid.errors import PellucidError, StoppedError, UnknownNameError
from pellucid.serve import actions, api, routes
from pellucid.serve.building import Builders, logged
from pellucid.serve.loading import DemoLoader
from pellucid.serve.render import render_message
from pellucid.serve.served import Served

# A page of another site that makes its name resolve to this machine is refused by its Host.
_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
_HEADERS = (
    (b"content-security-policy",
     b"default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
     b"img-src 'self' data: blob:; connect-src 'self'; frame-ancestors 'none'; "
     b"base-uri 'none'; form-action 'self'; object-src 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)  # fmt: skip
_NOT_FOUND = 404
_NO_STORE = (b"cache-control", b"no-store")


def create_app(served: Served, *, demo: Callable[[], Iterable[str]] | None = None) -> FastAPI:
    """Return the application that serves pages, briefs and the API of some systems.

    Parameters
    ----------
    served : Served
        The systems.
    demo : callable, optional
        Logs demo data and yields what it does; offered where nothing is logged.
    """
    app = FastAPI(title="pellucid", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json",
                  description="Read-only: the numbers behind the pages.")  # fmt: skip
    app.state.served = served
    app.state.builders = Builders()
    app.state.demo = DemoLoader(demo)
    for router in (api.router, actions.router, routes.router):
        app.include_router(router)
    app.add_exception_handler(PellucidError, _on_known)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(Exception, _on_unknown)
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=5)
    app.add_middleware(_Headers)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS)
    return app


class _Headers:
    """Adds to every answer what keeps browsers from running or sending anything foreign."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], *_HEADERS]
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(_NO_STORE)
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, sending)


def _answer(request: Request, status: int, title: str, message: str) -> Response:
    if request.url.path.startswith("/api"):
        return JSONResponse({"error": title, "message": message}, status_code=status)
    return HTMLResponse(render_message(title, message), status_code=status)


async def _on_known(request: Request, error: Exception) -> Response:
    if isinstance(error, StoppedError):
        return Response(status_code=499)
    if isinstance(error, UnknownNameError):
        return _answer(request, 404, "Not found", str(error))
    return _answer(request, 422, "That cannot be answered", str(error))


async def _on_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else ""
    if status == _NOT_FOUND and detail == "Not Found":
        detail = f"No page has the address {request.url.path}."
    title = {404: "Not found", 405: "Not allowed"}.get(status, "That did not work")
    answer = _answer(request, status, title, detail)
    answer.headers.update(getattr(error, "headers", None) or {})
    return answer


async def _on_invalid(request: Request, error: Exception) -> Response:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    said = "; ".join(f"{'.'.join(str(part) for part in item['loc'][1:])}: {item['msg']}"
                     for item in problems)  # fmt: skip
    return _answer(request, 422, "That cannot be answered", said)


async def _on_unknown(request: Request, error: Exception) -> Response:
    del error
    return _answer(request, 500, "Something failed", logged())
