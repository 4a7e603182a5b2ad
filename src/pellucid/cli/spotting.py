"""The subcommand that says what stands out."""

from __future__ import annotations

import argparse
from datetime import date

from pellucid.cli.options import (
    Commands,
    add_command,
    add_lake,
    add_output,
    add_over,
    add_where,
    names,
    write,
)


def add_anomalies(commands: Commands) -> None:
    """Add ``pellucid anomalies``."""
    parser = add_command(
        commands, "anomalies", _anomalies,
        "Tell what metrics did that their own past does not explain, and since when.",
        "  pellucid anomalies approval_rate --by route --over 14d --lake lake/\n"
        "  pellucid anomalies decision_count approval_rate --by country --grain 1d "
        "--holidays 2026-12-25,2027-01-01 --lake lake/",
    )  # fmt: skip
    parser.add_argument("metrics", nargs="+", metavar="METRIC")
    parser.add_argument("--by", default="", metavar="A,B", help="dimensions, comma-joined")
    add_where(parser)
    parser.add_argument("--history", default="8w", metavar="DURATION",
                        help="how far before to learn from; default 8w")  # fmt: skip
    parser.add_argument("--grain", default="1h", choices=("1h", "1d"), metavar="GRAIN",
                        help="1h or 1d; default 1h")  # fmt: skip
    parser.add_argument("--holidays", type=_dates, default=[], metavar="DATES",
                        help="UTC days to leave out, comma-joined")  # fmt: skip
    add_over(parser, "14d")
    add_lake(parser)
    add_output(parser)


def _anomalies(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.spotting import anomalies_text

    found = open_system(options.lake, system=options.system).anomalies(
        *options.metrics, by=names(options.by), where=options.where, over=options.over,
        history=options.history, grain=options.grain, holidays=options.holidays,
    )  # fmt: skip
    return write(options, anomalies_text(found), found.rows)


def _dates(text: str) -> list[date]:
    try:
        return [date.fromisoformat(name) for name in names(text)]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; dates are such as 2026-12-25") from error
