"""``pellucid serve`` and ``pellucid brief``."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterator
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY, create_server, socket
from threading import Thread

from pellucid.cli.options import Commands, add_command, add_lake
from pellucid.errors import MissingExtraError, SpecError

_LAST_PORT = 65_535


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
    parser.add_argument("--port", type=_port, default=8000, help="default 8000; 0 picks a free one")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"'{text}' is no port: 0 to {_LAST_PORT}")
    return int(text)


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
    SpecError
        If the lake is a file, or the port cannot be had.
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
    if is_local and not Path(lake).is_dir():
        if Path(lake).exists():
            raise SpecError("serve", [f"--lake '{lake}' is a file; name the folder of the tables"])
        sys.stdout.write(f"Nothing is in '{lake}' yet: the first page tells how to begin.\n")
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    # It listens already, so that who reads the address and asks at once waits until it is up.
    with _listening(port) as door:
        # asyncio sets it only where a socket names its protocol, which this one does not: without
        # it an answer in two packets takes 40 ms longer.
        door.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        sys.stdout.write(f"Pages at http://127.0.0.1:{door.getsockname()[1]}/ (Ctrl+C ends)\n")
        sys.stdout.flush()
        Thread(target=served.warm, daemon=True).start()
        server.run(sockets=[door])
    return 0


def _listening(port: int) -> socket:
    try:
        return create_server(("127.0.0.1", port))
    except OSError as error:
        raise SpecError("serve", [
            f"port {port} cannot be had ({error.strerror}): choose another by --port, or 0 for any "
            "that is free"
        ]) from error  # fmt: skip


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
    parser.add_argument("page", help="its name, with what follows it in the address bar; or all of "
                        "the address")  # fmt: skip
    add_lake(parser)
    parser.add_argument("--output", type=Path, metavar="FILE",
                        help="default pellucid-<page>.html")  # fmt: skip
    parser.add_argument("--made-by", default="", metavar="NAME", help="default: who runs it")


def _brief(options: argparse.Namespace) -> int:
    from urllib.parse import parse_qsl, unquote, urlsplit

    from pellucid.observatory import open_system
    from pellucid.report.page import write_page

    try:
        from pellucid.serve.brief import make_brief
    except ImportError as error:
        raise MissingExtraError(package="jinja2", extra="serve", purpose="a brief") from error
    from pellucid.serve.served import Served

    address = urlsplit(options.page)
    places = [unquote(part) for part in address.path.split("/") if part]
    name, query = places[-1] if places else "", address.query
    system = options.system or (places[-2] if len(places) > 1 else None)
    obs = open_system(options.lake, system=system)
    served = Served(options.lake, named=(obs.system.name,))
    text = make_brief(served, obs.system.name, name, parse_qsl(query),
                      options.made_by or getpass.getuser())  # fmt: skip
    path = options.output or Path(f"pellucid-{name}.html")
    size = write_page(text, path)
    sys.stdout.write(f"{path} ({size / 1e6:.1f} MB)\n")
    return 0
