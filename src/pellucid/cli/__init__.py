"""The `pellucid` command: one function for each subcommand, no logic of its own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pellucid.cli.alerting import add_monitor
from pellucid.cli.explaining import (
    add_attribute,
    add_change,
    add_explain,
    add_flips,
    add_group,
    add_models,
    add_why,
)
from pellucid.cli.governing import add_control, add_value, add_weak
from pellucid.cli.locating import add_localize
from pellucid.cli.monitoring import (
    add_compare,
    add_drift,
    add_importances,
    add_maturity,
    add_performance,
    add_query,
    add_roll_up,
)
from pellucid.cli.options import (
    EXIT_USER,
    RAW,
    Commands,
    add_command,
    add_lake,
    add_window,
)
from pellucid.cli.serving import add_brief, add_port, add_serve, serve_lake
from pellucid.cli.spotting import add_anomalies
from pellucid.cli.traffic import add_flow, add_learned, add_rules, add_traffic, add_what_if
from pellucid.errors import PellucidError

_LOGGED = ("decisions", "candidates", "outcomes", "attributions", "training")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 2 for the user's mistake, 1 for ours."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.run is None:
        parser.print_help()
        return EXIT_USER
    try:
        return int(options.run(options) or 0)
    except PellucidError as error:
        sys.stderr.write(f"pellucid: {error}\n")
        return EXIT_USER
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # The reader of our output, such as `head`, has seen enough.
            sys.stderr.close()
            return 0
        place = f": {error.filename}" if error.filename else ""
        sys.stderr.write(f"pellucid: {error.strerror or error}{place}\n")
        return EXIT_USER


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    parser = argparse.ArgumentParser(
        prog="pellucid", formatter_class=RAW,
        description="See through the ML that makes your decisions: log, monitor, explain.",
        epilog="Start with `pellucid demo`; for your own data, `pellucid init --from FILE`.",
    )  # fmt: skip
    parser.set_defaults(run=None)
    from pellucid import __version__

    parser.add_argument("--version", action="version", version=f"pellucid {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="")
    for add in (
        _add_demo, _add_init, _add_log, add_query, add_compare, add_localize, add_anomalies,
        add_drift, add_importances, add_performance, add_maturity, add_control, add_weak,
        add_value, add_explain, add_flips, add_change, add_why, add_group, add_traffic, add_flow,
        add_what_if, add_rules, add_learned, add_models, add_attribute, _add_report, add_serve,
        add_brief, add_monitor, add_roll_up, _add_check, _add_compact,
    ):  # fmt: skip
        add(commands)
    return parser


def _add_demo(commands: Commands) -> None:
    parser = add_command(
        commands, "demo", _demo,
        "Simulate payments traffic, log it, and write a report on it.",
        "  pellucid demo\n  pellucid demo --serve\n"
        "  pellucid demo --decisions 1000000 --lake big-demo/",
    )  # fmt: skip
    parser.add_argument("--decisions", type=int, default=60_000, help="about how many; default "
                        "60000")  # fmt: skip
    parser.add_argument("--seed", type=int, default=7, help="the same seed, the same world")
    parser.add_argument("--lake", default="demo-lake", metavar="FOLDER",
                        help="where to log; default demo-lake")  # fmt: skip
    parser.add_argument("--report", type=Path, default=Path("pellucid-report.html"), metavar="FILE",
                        help="default pellucid-report.html")  # fmt: skip
    parser.add_argument("--serve", action="store_true", help="run a week of checks too, and serve "
                        "the pages")  # fmt: skip
    add_port(parser)


def _demo(options: argparse.Namespace) -> int:
    from pellucid.demo import demo_checks, run_demo, watch_demo

    for line in run_demo(
        lake=options.lake, report=options.report, decisions=options.decisions, seed=options.seed
    ):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    if not options.serve:
        return 0
    for line in watch_demo(options.lake):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return serve_lake(options.lake, None, options.port, demo_checks(options.lake))


def _add_init(commands: Commands) -> None:
    parser = add_command(
        commands, "init", _init,
        "Propose a system spec by looking at a Parquet or CSV file of decisions.",
        "  pellucid init --from decisions.parquet --name card-routing > card-routing.yaml",
    )  # fmt: skip
    parser.add_argument("--from", dest="source", required=True, type=Path, metavar="FILE",
                        help="one row for each decision")  # fmt: skip
    parser.add_argument("--name", required=True, help="name of the system, such as card-routing")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there, not to stdout")


def _init(options: argparse.Namespace) -> int:
    from pellucid.log.sources import read_sample
    from pellucid.spec.bind import check_system
    from pellucid.spec.codec import to_yaml
    from pellucid.spec.propose import propose

    proposal = propose(read_sample(options.source), name=options.name)
    text = to_yaml(check_system(proposal.system))
    if options.output:
        options.output.write_text(text)
    else:
        sys.stdout.write(text)
    for note in proposal.notes:
        sys.stderr.write(f"# {note}\n")
    return 0


def _add_log(commands: Commands) -> None:
    parser = add_command(
        commands, "log", _log,
        "Log a Parquet or CSV file, of any size; running it again changes nothing.",
        "  pellucid log decisions may.parquet --system card-routing.yaml --lake lake/\n"
        "  pellucid log outcomes chargebacks.csv --system card-routing --lake lake/ "
        "--timezone UTC",
    )  # fmt: skip
    parser.add_argument("table", choices=_LOGGED, help="which table the rows are for")
    parser.add_argument("file", type=Path, help="a .parquet or .csv file")
    parser.add_argument("--lake", required=True, metavar="ROOT",
                        help="folder or object-store URL that holds the tables")  # fmt: skip
    parser.add_argument("--system", required=True, metavar="NAME|FILE.yaml",
                        help="a spec file to put in force, or a stored system's name")  # fmt: skip
    parser.add_argument("--timezone", metavar="ZONE",
                        help="zone of timestamps that carry none, such as UTC")  # fmt: skip


def _log(options: argparse.Namespace) -> int:
    from pellucid.log.client import Logger
    from pellucid.spec.codec import read_spec

    is_file = options.system.endswith((".yaml", ".yml"))
    system = read_spec(options.system) if is_file else options.system
    log = Logger(system, to=options.lake)
    report = log.table(
        options.table, options.file, timezone=options.timezone, progress=sys.stderr.isatty()
    )
    sys.stdout.write(f"{report}\n")
    return EXIT_USER if report.refused else 0


def _add_report(commands: Commands) -> None:
    parser = add_command(
        commands, "report", _report,
        "Write one HTML page that opens offline: traffic, approvals, policy, one decision.",
        "  pellucid report --lake lake/ --output report.html\n"
        "  pellucid report --lake lake/ --over 2026-10-01..2026-11-01 --decision p00001138-1",
    )  # fmt: skip
    add_lake(parser)
    add_window(parser)
    parser.add_argument("--output", type=Path, default=Path("pellucid-report.html"), metavar="FILE")
    parser.add_argument("--decision", metavar="ID", help="the decision to tell; default: a telling "
                        "one is picked")  # fmt: skip
    parser.add_argument("--learned", action="store_true", help="look for what the model learned of "
                        "the calendar too: trains models again")  # fmt: skip


def _report(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.report.build import write_report

    obs = open_system(options.lake, system=options.system)
    size = write_report(
        obs, options.output, over=options.over, as_of=options.as_of, decision_id=options.decision,
        learned=obs.learned() if options.learned else (),
    )  # fmt: skip
    sys.stdout.write(f"{options.output} ({size / 1e6:.1f} MB)\n")
    return 0


def _add_check(commands: Commands) -> None:
    parser = add_command(
        commands, "check", _check,
        "Verify a store: files whole, records in agreement, nothing waiting in quarantine.",
        "  pellucid check --lake lake/",
    )  # fmt: skip
    add_lake(parser)


def _check(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system

    findings = open_system(options.lake, system=options.system).check()
    for finding in findings:
        sys.stdout.write(f"{finding.severity:<5}  {finding.table:<12}  {finding.what}\n")
    return EXIT_USER if any(finding.severity == "error" for finding in findings) else 0


def _add_compact(commands: Commands) -> None:
    parser = add_command(
        commands, "compact", _compact,
        "Join small files, and clear away those that nothing needs since a day.",
        "  pellucid compact --lake lake/",
    )  # fmt: skip
    add_lake(parser)


def _compact(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.store.maintenance import compact

    for done in compact(open_system(options.lake, system=options.system).lake):
        sys.stdout.write(
            f"{done.table:<12}  {done.files_before:,} files → {done.files_after:,}; "
            f"{done.files_deleted:,} deleted, {done.files_set_aside:,} set aside\n"
        )
    return 0
