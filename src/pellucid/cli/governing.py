"""The subcommands about the policy: against control, where it is weak, against other policies."""

from __future__ import annotations

import argparse

from pellucid.cli.options import (
    Commands,
    add_command,
    add_lake,
    add_output,
    add_over,
    add_where,
    add_window,
    names,
    write,
)


def add_control(commands: Commands) -> None:
    """Add ``pellucid control``."""
    parser = add_command(
        commands, "control", _control,
        "Tell where ML does worse than the control arm: by segment, safe for many looks.",
        "  pellucid control --lake lake/\n"
        "  pellucid control approval_rate --by country,card_type --over 60d --lake lake/",
    )  # fmt: skip
    parser.add_argument("metric", nargs="?", default="", help="default: the rate of the outcome "
                        "that is predicted")  # fmt: skip
    parser.add_argument("--by", default="", metavar="A,B", help="dimensions, each by itself; "
                        "a+b for a combination; default all")  # fmt: skip
    parser.add_argument("--side", default="arm = 'ml'", metavar="SQL", help="default arm = 'ml'")
    parser.add_argument("--other", default="arm = 'control'", metavar="SQL",
                        help="default arm = 'control'")  # fmt: skip
    add_where(parser)
    add_over(parser, "30d")
    add_lake(parser)
    add_output(parser)


def _control(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.governing import gap_text

    obs = open_system(options.lake, system=options.system)
    asked = [tuple(item.split("+")) for item in names(options.by)]
    found = obs.versus_control(
        options.metric, by=asked, over=options.over, where=options.where, side=options.side,
        other=options.other,
    )  # fmt: skip
    return write(options, gap_text(found), found.rows)


def add_weak(commands: Commands) -> None:
    """Add ``pellucid weak``."""
    parser = add_command(
        commands, "weak", _weak,
        "Find where ML does worse: the few distinct segments, the most costly first.",
        "  pellucid weak --lake lake/\n"
        "  pellucid weak approval_rate --by country,route,card_type --depth 3 --versus rest "
        "--lake lake/\n"
        "  pellucid weak predicted_minus_realised --versus rest --lake lake/",
    )  # fmt: skip
    parser.add_argument("metric", nargs="?", default="", metavar="METRIC",
                        help="a rate, mean or ratio, or log_loss; default: the rate of the outcome "
                        "that is predicted")  # fmt: skip
    parser.add_argument("--by", default="", metavar="A,B", help="dimensions to combine; default "
                        "those declared, and with --versus rest the candidate too")  # fmt: skip
    parser.add_argument("--depth", type=int, default=2, metavar="N",
                        help="most dimensions of a segment, 1 to 3; default 2")  # fmt: skip
    parser.add_argument("--versus", default="control", choices=("control", "rest"),
                        help="compare with the control arm in the same segment, or with the rest "
                        "of all rows; default control")  # fmt: skip
    parser.add_argument("--most", type=int, default=10, metavar="N",
                        help="segments to show; default 10")  # fmt: skip
    add_where(parser)
    add_over(parser, "30d")
    add_lake(parser)
    add_output(parser)


def _weak(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.governing import weak_text

    found = open_system(options.lake, system=options.system).weak_segments(
        options.metric, by=names(options.by), depth=options.depth, most=options.most,
        over=options.over, where=options.where, versus=options.versus,
    )  # fmt: skip
    return write(options, weak_text(found), found.rows)


def add_value(commands: Commands) -> None:
    """Add ``pellucid value``."""
    parser = add_command(
        commands, "value", _value,
        "Tell what another policy would have earned, from the logged propensities.",
        "  pellucid value model --lake lake/\n"
        "  pellucid value \"CASE WHEN country = 'BR' THEN 'a' ELSE 'b' END\" --lake lake/",
    )  # fmt: skip
    parser.add_argument("policy", help="model, a layer, or an SQL expression that names a "
                        "candidate")  # fmt: skip
    add_where(parser)
    add_window(parser)
    add_lake(parser)
    add_output(parser)


def _value(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.governing import value_text

    found = open_system(options.lake, system=options.system).policy_value(
        options.policy, over=options.over, where=options.where, as_of=options.as_of
    )
    return write(options, value_text(found), found.rows)
