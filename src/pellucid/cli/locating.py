"""The subcommand that finds where a change comes from."""

from __future__ import annotations

import argparse

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


def add_localize(commands: Commands) -> None:
    """Add ``pellucid localize``."""
    parser = add_command(
        commands, "localize", _localize,
        "Find the slices (combinations of dimensions) that account for a change of a metric.",
        "  pellucid localize approval_rate --over 1d --lake lake/\n"
        "  pellucid localize decision_count --by country,route --over 2026-10-08..2026-10-15 "
        "--versus 2026-10-01..2026-10-08 --lake lake/",
    )  # fmt: skip
    parser.add_argument("metric", metavar="METRIC")
    parser.add_argument("--by", default="", metavar="A,B", help="dimensions to search; default all "
                        "declared, the candidate and the arm")  # fmt: skip
    add_where(parser)
    parser.add_argument("--versus", default="", metavar="WINDOW", help="the baseline; default the "
                        "window of the same length before")  # fmt: skip
    parser.add_argument("--most", type=int, default=5, metavar="N",
                        help="slices to find; default 5")  # fmt: skip
    add_over(parser, "7d")
    add_lake(parser)
    add_output(parser)


def _localize(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.locating import localized_text

    obs = open_system(options.lake, system=options.system)
    found = obs.localize(
        options.metric, over=options.over, versus=options.versus, by=names(options.by),
        where=options.where, most=options.most,
    )  # fmt: skip
    return write(options, localized_text(found), found.rows)
