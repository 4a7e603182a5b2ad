"""``pellucid serve`` and ``pellucid brief``."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterator
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY
from threading import Thread

from pellucid.cli.options import Commands, add_command, add_lake
from pellucid.errors import MissingExtraError


def add_serve(commands: Commands) -> None:
    """Add ``pellucid serve``."""
    parser = add_command(
        commands, "serve", _serve,
        "Serve the pages and the API of every system of a lake, to this machine only.",
        "  pellucid serve --lake lake/\n"
        "  pellucid serve --lake lake/ --checks checks.yml --port 8100",
    )  # fmt: skip
    add_lake(parser)
    add_port(parser)
    parser.add_argument("--checks", type=Path, metavar="FILE",
                        help="checks to show beside their alerts")  # fmt: skip


def add_port(parser: argparse.ArgumentParser) -> None:
    """Add ``--port``."""
    parser.add_argument("--port", type=int, default=8000, help="default 8000; 0 picks a free one")


def _serve(options: argparse.Namespace) -> int:
    from pellucid.spec.codec import read_checks

    checks = read_checks(options.checks) if options.checks else None
    return serve_lake(options.lake, options.system, options.port, checks)


def serve_lake(lake: str, system: str | None, port: int, checks: object = None) -> int:
    """Serve a lake's pages until interrupted.

    Raises
    ------
    MissingExtraError
        If FastAPI, uvicorn, Plotly or Jinja is not installed.
    """
    try:
        import uvicorn

        from pellucid.serve.app import create_app
    except ImportError as error:
        raise MissingExtraError(package="fastapi", extra="serve", purpose="serving") from error
    from pellucid.serve.served import Served

    served = Served(lake, named=(system,) if system else (), checks=checks)  # type: ignore[arg-type]
    is_local = "://" not in lake
    app = create_app(served, demo=(lambda: _demo_lines(lake)) if is_local else None)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning",
                            access_log=False)  # fmt: skip
    server = uvicorn.Server(config)
    with config.bind_socket() as socket:
        # Who reads the address may ask at once: connections queue until the server is up.
        # asyncio sets it only where a socket names its protocol, which uvicorn's does not: without
        # it an answer in two packets takes 40 ms longer.
        socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        socket.listen()
        sys.stdout.write(f"Pages at http://127.0.0.1:{socket.getsockname()[1]}/ (Ctrl+C ends)\n")
        sys.stdout.flush()
        Thread(target=served.warm, daemon=True).start()
        server.run(sockets=[socket])
    return 0


def _demo_lines(lake: str) -> Iterator[str]:
    from pellucid.demo import load_demo, watch_demo

    yield from load_demo(lake=lake)
    yield from watch_demo(lake)


def add_brief(commands: Commands) -> None:
    """Add ``pellucid brief``."""
    parser = add_command(
        commands, "brief", _brief,
        "Write a page as one HTML file that opens offline; put it in cron for a weekly one.",
        "  pellucid brief overview --lake lake/\n"
        "  pellucid brief 'control?range=7d&is.country=BR&is.issuer=br-sol' --lake lake/ "
        "--output brazil.html",
    )  # fmt: skip
    parser.add_argument("page", help="as in the address bar, behind the system's name")
    add_lake(parser)
    parser.add_argument("--output", type=Path, metavar="FILE",
                        help="default pellucid-<page>.html")  # fmt: skip
    parser.add_argument("--made-by", default="", metavar="NAME", help="default: who runs it")


def _brief(options: argparse.Namespace) -> int:
    from urllib.parse import parse_qsl

    from pellucid.observatory import open_system
    from pellucid.report.page import write_page

    try:
        from pellucid.serve.brief import make_brief
    except ImportError as error:
        raise MissingExtraError(package="jinja2", extra="serve", purpose="a brief") from error
    from pellucid.serve.served import Served

    obs = open_system(options.lake, system=options.system)
    name, _, query = options.page.strip("/").partition("?")
    served = Served(options.lake, named=(obs.system.name,))
    text = make_brief(served, obs.system.name, name, parse_qsl(query),
                      options.made_by or getpass.getuser())  # fmt: skip
    path = options.output or Path(f"pellucid-{name}.html")
    size = write_page(text, path)
    sys.stdout.write(f"{path} ({size / 1e6:.1f} MB)\n")
    return 0
