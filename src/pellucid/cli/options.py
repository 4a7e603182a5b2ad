"""Options that subcommands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

from pellucid.errors import SpecError
from pellucid.windows import parse_instant

EXIT_USER = 2
RAW = argparse.RawDescriptionHelpFormatter

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001


def add_command(
    commands: Commands, name: str, run: object, summary: str, examples: str
) -> argparse.ArgumentParser:
    """Add a subcommand that `run` carries out."""
    parser = commands.add_parser(
        name, help=summary, description=summary, formatter_class=RAW,
        epilog=f"examples:\n{examples}",
    )  # fmt: skip
    parser.set_defaults(run=run)
    return parser


def add_lake(parser: argparse.ArgumentParser, *, is_required: bool = True) -> None:
    """Add where the tables are."""
    parser.add_argument("--lake", required=is_required, metavar="ROOT",
                        help="folder or object-store URL that holds the tables")  # fmt: skip
    parser.add_argument("--system", metavar="NAME",
                        help="the system; not needed where the lake holds one")  # fmt: skip


def add_window(parser: argparse.ArgumentParser) -> None:
    """Add which decisions, and with the knowledge of when."""
    parser.add_argument("--over", default="30d", metavar="WINDOW",
                        help="30d up to the latest hour with decisions, or 2026-10-01..2026-11-01 "
                        "(end exclusive, UTC); default 30d")  # fmt: skip
    parser.add_argument("--as-of", type=instant, metavar="INSTANT",
                        help="see only what was recorded by then")  # fmt: skip


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add in what form, and to where."""
    parser.add_argument("--format", dest="style", default="table",
                        choices=("table", "json", "csv", "parquet"),
                        help="table for people, the others for programs")  # fmt: skip
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there, not to stdout")


def names(text: str) -> list[str]:
    """Return the names of a comma-joined list."""
    return [name.strip() for name in text.split(",") if name.strip()]


def instant(text: str) -> object:
    """Return the instant of an option."""
    try:
        return parse_instant(text)
    except SpecError as error:
        raise argparse.ArgumentTypeError("; ".join(error.problems)) from error


def add_over(parser: argparse.ArgumentParser, default: str) -> None:
    """Add ``--over``, with a default."""
    parser.add_argument("--over", default=default, metavar="WINDOW",
                        help="7d up to the latest hour, or 2026-10-01..2026-11-01 "
                        f"(end exclusive, UTC); default {default}")  # fmt: skip


def add_baseline(parser: argparse.ArgumentParser, default: str) -> None:
    """Add ``--baseline``, with a word on its default."""
    parser.add_argument("--baseline", default="", metavar="WINDOW",
                        help="what to compare with, 2026-09-01..2026-10-01; default "
                        f"{default}")  # fmt: skip


def add_where(parser: argparse.ArgumentParser) -> None:
    """Add ``--where``."""
    parser.add_argument("--where", default="", metavar="SQL", help="condition on the decisions")


def write(options: argparse.Namespace, text: str, rows: object) -> int:
    """Write an explanation as the options say."""
    from pellucid.terminal import write_story

    write_story(text, rows, style=options.style, output=options.output)
    return 0
