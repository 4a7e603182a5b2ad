"""The subcommands that measure: questions, comparisons, and the roll-ups that answer them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.cli.options import (
    Commands,
    add_baseline,
    add_command,
    add_lake,
    add_output,
    add_over,
    add_where,
    add_window,
    names,
    write,
)
from pellucid.errors import SpecError

if TYPE_CHECKING:
    from pellucid.monitor.drift.report import DriftReport


def add_query(commands: Commands) -> None:
    """Add ``pellucid query``."""
    parser = add_command(
        commands, "query", _query,
        "Compute metrics, broken down, with intervals, n and exact totals.",
        "  pellucid query --lake lake/                     (lists metrics and dimensions)\n"
        "  pellucid query approval_rate traffic_share --by route --lake lake/\n"
        "  pellucid query approval_rate --by country --where 'amount_minor > 5000' --over 7d "
        "--grain 1d --lake lake/ --format csv",
    )  # fmt: skip
    parser.add_argument("metrics", nargs="*", metavar="METRIC", help="names; none lists them all")
    parser.add_argument("--by", default="", metavar="A,B", help="dimensions, comma-joined")
    parser.add_argument("--where", default="", metavar="SQL", help="condition on the rows")
    parser.add_argument("--grain", default="", choices=("", "1h", "1d", "1w"), metavar="GRAIN",
                        help="1h, 1d or 1w")  # fmt: skip
    parser.add_argument("--segments", default="", metavar="A,B", help="segments of the spec")
    _add_top(parser)
    parser.add_argument("--show-sql", action="store_true", help="print the query, do not run it")
    add_window(parser)
    add_lake(parser)
    add_output(parser)


def _query(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal import catalogue_text, write_answer

    obs = open_system(options.lake, system=options.system)
    if not options.metrics:
        sys.stdout.write(f"{catalogue_text(obs.system, obs.metrics)}\n")
        return 0
    question = obs.question(
        *options.metrics, by=names(options.by), where=options.where, over=options.over,
        grain=options.grain, segments=names(options.segments), as_of=options.as_of,
        top=options.top,
    )  # fmt: skip
    if options.show_sql:
        sys.stdout.write(f"{obs.show(question)}\n")
        return 0
    write_answer(obs.ask(question), style=options.style, output=options.output)
    return 0


def _add_top(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--top", type=int, metavar="N",
                        help="values of each dimension to show; the rest is one")  # fmt: skip


def add_compare(commands: Commands) -> None:
    """Add ``pellucid compare``."""
    parser = add_command(
        commands, "compare", _compare,
        "Compare metrics between two windows, two arms or two segments, with intervals.",
        "  pellucid compare approval_rate --by country --over 7d --lake lake/\n"
        "  pellucid compare approval_rate --by bank --top 10 --side \"arm = 'ml'\" "
        "--other \"arm = 'control'\" --lake lake/",
    )  # fmt: skip
    parser.add_argument("metrics", nargs="+", metavar="METRIC")
    parser.add_argument("--by", default="", metavar="A,B", help="dimensions, comma-joined")
    add_where(parser)
    parser.add_argument("--versus", default="", metavar="WINDOW", help="the baseline; default the "
                        "window of the same length before")  # fmt: skip
    parser.add_argument("--side", default="", metavar="SQL|SEGMENT", help="compare this part")
    parser.add_argument("--other", default="", metavar="SQL|SEGMENT", help="with this one; default "
                        "everything else")  # fmt: skip
    _add_top(parser)
    add_over(parser, "7d")
    add_lake(parser)
    add_output(parser)


def _compare(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.monitoring import comparison_text

    obs = open_system(options.lake, system=options.system)
    comparison = obs.compare(
        *options.metrics, by=names(options.by), where=options.where, over=options.over,
        versus=options.versus, side=options.side, other=options.other, top=options.top,
    )  # fmt: skip
    return write(options, comparison_text(comparison), comparison.rows)


def add_roll_up(commands: Commands) -> None:
    """Add ``pellucid rollup``."""
    parser = add_command(
        commands, "rollup", _roll_up,
        "Bring the hourly roll-ups up to date, from which a year answers in a moment.",
        "  pellucid rollup --lake lake/",
    )  # fmt: skip
    add_lake(parser)


def _roll_up(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system

    for done in open_system(options.lake, system=options.system).roll_up():
        sys.stdout.write(
            f"{done.unit:<12}  {done.hours:,} hours read, cells of {done.days:,} days written\n"
        )
    return 0


def add_drift(commands: Commands) -> None:
    """Add ``pellucid drift``."""
    parser = add_command(
        commands, "drift", _drift,
        "Tell which columns' distributions changed, by more than chance and enough to matter.",
        "  pellucid drift --over 7d --lake lake/\n"
        "  pellucid drift feature --baseline training --lake lake/\n"
        "  pellucid drift --files today.parquet --baseline-files may.parquet --html drift.html",
    )  # fmt: skip
    parser.add_argument("columns", nargs="*", metavar="COLUMN", help="names, or groups: feature, "
                        "score, eligibility, decision, dimension, attribution")  # fmt: skip
    parser.add_argument("--baseline", default="", metavar="WINDOW|training",
                        help="what to compare with; default the 28 days before")  # fmt: skip
    parser.add_argument("--files", nargs="+", type=Path, metavar="FILE",
                        help="Parquet files to compare, without a lake")  # fmt: skip
    parser.add_argument("--baseline-files", nargs="+", type=Path, metavar="FILE",
                        help="what to compare them with")  # fmt: skip
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page that opens offline")
    add_where(parser)
    add_over(parser, "7d")
    add_lake(parser, is_required=False)
    add_output(parser)


def _drift(options: argparse.Namespace) -> int:
    from pellucid.terminal.drift import drift_text

    report = _drift_of_files(options) if options.files else _drift_of_lake(options)
    if options.html:
        from pellucid.report.drift import write_drift

        size = write_drift(report, options.html)
        sys.stdout.write(f"{report.told}\n{options.html} ({size / 1e6:.2f} MB)\n")
        return 0
    return write(options, drift_text(report), report.rows)


def _drift_of_files(options: argparse.Namespace) -> DriftReport:
    from pellucid.monitor.drift.files import drift_of_files

    if not options.baseline_files:
        raise SpecError("drift", ["has --files and no --baseline-files to compare them with"])
    return drift_of_files(options.files, options.baseline_files, columns=options.columns)


def _drift_of_lake(options: argparse.Namespace) -> DriftReport:
    from pellucid.observatory import open_system

    if not options.lake:
        raise SpecError("drift", ["needs --lake, or --files and --baseline-files"])
    return open_system(options.lake, system=options.system).drift(
        *options.columns, over=options.over, baseline=options.baseline, where=options.where
    )


def add_importances(commands: Commands) -> None:
    """Add ``pellucid importances``."""
    parser = add_command(
        commands, "importances", _importances,
        "Tell whether features matter in the same order as before, and whose effect turned round.",
        "  pellucid importances --over 7d --lake lake/\n"
        "  pellucid importances --where is_chosen --lake lake/\n"
        "  pellucid importances --over 7d --baseline 7d --model approval:2 "
        "--baseline-model approval:1 --lake lake/",
    )  # fmt: skip
    add_baseline(parser, "the 28 days before")
    parser.add_argument("--model", default="", metavar="ID",
                        help="whose attributions; default the model with most of them")  # fmt: skip
    parser.add_argument("--baseline-model", default="", metavar="ID",
                        help="whose in the baseline; default the same")  # fmt: skip
    add_where(parser)
    add_over(parser, "7d")
    add_lake(parser)
    add_output(parser)


def _importances(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.drift import order_text

    found = open_system(options.lake, system=options.system).attribution_drift(
        over=options.over, baseline=options.baseline, where=options.where, model=options.model,
        baseline_model=options.baseline_model,
    )  # fmt: skip
    return write(options, order_text(found), found.rows)


def add_performance(commands: Commands) -> None:
    """Add ``pellucid performance``."""
    parser = add_command(
        commands, "performance", _performance,
        "Measure the model on mature labels, and tell what to expect before they come.",
        "  pellucid performance --over 30d --grain 1w --lake lake/\n"
        "  pellucid performance --where \"country = 'BR'\" --lake lake/",
    )  # fmt: skip
    add_where(parser)
    parser.add_argument("--grain", default="", choices=("", "1h", "1d", "1w"), metavar="GRAIN",
                        help="1h, 1d or 1w: each bucket too")  # fmt: skip
    add_baseline(parser, "the 28 days before")
    add_window(parser)
    add_lake(parser)
    add_output(parser)


def _performance(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.monitoring import performance_text

    found = open_system(options.lake, system=options.system).performance(
        over=options.over, baseline=options.baseline, where=options.where, grain=options.grain,
        as_of=options.as_of,
    )  # fmt: skip
    return write(options, performance_text(found), found.rows)


def add_maturity(commands: Commands) -> None:
    """Add ``pellucid maturity``."""
    parser = add_command(
        commands, "maturity", _maturity,
        "Tell how late an outcome comes, and what rates of young decisions will end at.",
        "  pellucid maturity chargeback --over 30d --lake lake/",
    )  # fmt: skip
    parser.add_argument("outcome", nargs="?", default="", help="default: the one that is predicted")
    add_where(parser)
    parser.add_argument("--grain", default="1d", choices=("1h", "1d"), metavar="GRAIN",
                        help="length of a cohort: 1h or 1d")  # fmt: skip
    add_window(parser)
    add_lake(parser)
    add_output(parser)


def _maturity(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.monitoring import maturity_text

    found = open_system(options.lake, system=options.system).maturity(
        options.outcome, over=options.over, where=options.where, grain=options.grain,
        as_of=options.as_of,
    )  # fmt: skip
    return write(options, maturity_text(found), found.rows)
