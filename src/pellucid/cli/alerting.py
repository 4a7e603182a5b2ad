"""The subcommands that run checks and keep incidents."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.cli.options import (
    RAW,
    Commands,
    add_command,
    add_lake,
    add_output,
    add_over,
    instant,
    write,
)
from pellucid.windows import parse_duration

if TYPE_CHECKING:
    from pellucid.observatory import Observatory
    from pellucid.spec.check import Checks

EXIT_FAILING = 3
_SEVERITIES = ("info", "warn", "critical")


def add_monitor(commands: Commands) -> None:
    """Add ``pellucid monitor`` with its own subcommands."""
    parser = commands.add_parser(
        "monitor", help="Run checks, keep incidents, tell people; try checks on the past.",
        description="Run checks, keep incidents, tell people; try checks on the past.",
        formatter_class=RAW,
        epilog="examples:\n"
        "  pellucid monitor propose --lake lake/ > checks.yml\n"
        "  pellucid monitor backtest --checks checks.yml --lake lake/ --over 28d\n"
        "  pellucid monitor run --checks checks.yml --lake lake/      # each hour, by cron\n"
        "  pellucid monitor acknowledge 3f2a9c41d07b --lake lake/ --note 'bank called'",
    )  # fmt: skip
    own = parser.add_subparsers(title="commands", metavar="", required=True)
    for add in (_add_propose, _add_run, _add_backtest, _add_tune, _add_incidents, _add_show,
                _add_acknowledge, _add_mute, _add_resolve, _add_metrics, _add_grafana):  # fmt: skip
        add(own)


def _add_propose(commands: Commands) -> None:
    parser = add_command(
        commands, "propose", _propose, "Print checks to start with, from the system's spec.",
        "  pellucid monitor propose --lake lake/ > checks.yml",
    )  # fmt: skip
    add_lake(parser)


def _propose(options: argparse.Namespace) -> int:
    from pellucid.metrics.checks import propose_checks
    from pellucid.spec.codec import to_yaml

    sys.stdout.write(to_yaml(propose_checks(_opened(options).system)))
    return 0


def _add_run(commands: Commands) -> None:
    parser = add_command(
        commands, "run", _run,
        "Look at the checks for every hour since the last run, and tell people what they found.",
        "  pellucid monitor run --checks checks.yml --lake lake/\n"
        "  pellucid monitor run --checks checks.yml --lake lake/ --fail-on critical; echo $?",
    )  # fmt: skip
    _add_checks(parser)
    parser.add_argument("--now", type=instant, metavar="INSTANT",
                        help="take this for the time; default the clock's")  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="store what is found, tell nobody")
    parser.add_argument("--fail-on", choices=_SEVERITIES, metavar="SEVERITY",
                        help=f"exit with {EXIT_FAILING} while an incident as severe is open: info, "
                        "warn or critical")  # fmt: skip
    add_lake(parser)
    add_output(parser)


def _run(options: argparse.Namespace) -> int:
    from pellucid.monitor.incidents.backtest import incident_rows
    from pellucid.terminal.incidents import incidents_text

    obs, checks = _opened(options), _read(options)
    if not options.quiet:
        obs.check_channels(checks)
    run = obs.monitor(checks, now=options.now)
    tries = () if options.quiet else obs.notify(checks, now=options.now)
    looked = f"{run.window}, {run.series:,} series" if run.window else "no new hour"
    said = f"Looked at {run.checks} checks: {looked}."
    for item in tries:
        if item.state == "failed":
            sys.stderr.write(f"pellucid: channel '{item.channel}': {item.problem}\n")
    sent = sum(item.state == "sent" for item in tries)
    told = f" {sent} of {len(tries)} notices sent." if tries else ""
    write(options, f"{said}{told}\n\n{incidents_text(run.incidents)}",
          incident_rows(run.incidents))  # fmt: skip
    if options.fail_on is None:
        return 0
    least = _SEVERITIES.index(options.fail_on)
    is_failing = any(item.state == "open" and _SEVERITIES.index(item.severity) >= least
                     for item in run.incidents)  # fmt: skip
    return EXIT_FAILING if is_failing else 0


def _add_backtest(commands: Commands) -> None:
    parser = add_command(
        commands, "backtest", _backtest,
        "Tell what checks would have found in the past, hour by hour; stores nothing.",
        "  pellucid monitor backtest --checks checks.yml --lake lake/ --over 28d",
    )  # fmt: skip
    _add_past(parser)


def _backtest(options: argparse.Namespace) -> int:
    from pellucid.terminal.incidents import backtest_text

    found = _opened(options).backtest(_read(options), over=options.over)
    return write(options, backtest_text(found), found.rows)


def _add_tune(commands: Commands) -> None:
    parser = add_command(
        commands, "tune", _tune,
        "Tell how many incidents each budget of false ones makes, and how many known ones it "
        "finds.",
        "  pellucid monitor tune --checks checks.yml --lake lake/ --over 28d",
    )  # fmt: skip
    _add_past(parser)


def _tune(options: argparse.Namespace) -> int:
    from pellucid.terminal.incidents import tuned_text

    found = _opened(options).tune(_read(options), over=options.over)
    return write(options, tuned_text(found), found.rows)


def _add_incidents(commands: Commands) -> None:
    parser = add_command(
        commands, "incidents", _incidents, "List incidents as they stand, the costliest first.",
        "  pellucid monitor incidents --lake lake/ --state open",
    )  # fmt: skip
    parser.add_argument("--state", default="", metavar="STATE",
                        choices=("open", "acknowledged", "muted", "resolved"),
                        help="only those: open, acknowledged, muted or resolved")  # fmt: skip
    add_lake(parser)
    add_output(parser)


def _incidents(options: argparse.Namespace) -> int:
    from pellucid.monitor.incidents.backtest import incident_rows
    from pellucid.terminal.incidents import incidents_text

    found = _opened(options).incidents(state=options.state)
    return write(options, incidents_text(found), incident_rows(found))


def _add_show(commands: Commands) -> None:
    parser = add_command(
        commands, "show", _show, "Tell one incident whole: cause, cost, the checks that failed.",
        "  pellucid monitor show 3f2a9c41d07b --lake lake/",
    )  # fmt: skip
    parser.add_argument("incident", metavar="ID")
    add_lake(parser)


def _show(options: argparse.Namespace) -> int:
    from pellucid.terminal.incidents import incident_text

    sys.stdout.write(f"{incident_text(_opened(options).incident(options.incident))}\n")
    return 0


def _add_acknowledge(commands: Commands) -> None:
    parser = add_command(
        commands, "acknowledge", _acknowledge, "Say that you are on an incident.",
        "  pellucid monitor acknowledge 3f2a9c41d07b --lake lake/ --note 'bank called'",
    )  # fmt: skip
    _add_change(parser)


def _acknowledge(options: argparse.Namespace) -> int:
    done = _opened(options).acknowledge(options.incident, actor=options.actor, note=options.note)
    return _said(done.incident_id, f"acknowledged by {done.owner}")


def _add_mute(commands: Commands) -> None:
    parser = add_command(
        commands, "mute", _mute, "Tell nobody of an incident, for a time or until it passes.",
        "  pellucid monitor mute 3f2a9c41d07b --lake lake/ --for 12h --note 'planned work'",
    )  # fmt: skip
    _add_change(parser)
    parser.add_argument("--for", dest="length", type=parse_duration, metavar="DURATION",
                        help="such as 12h; default until it passes")  # fmt: skip


def _mute(options: argparse.Namespace) -> int:
    until = datetime.now(UTC) + options.length if options.length else None
    _opened(options).mute(options.incident, actor=options.actor, until=until, note=options.note)
    when = f"until {until:%Y-%m-%d %H:%M} UTC" if until else "until it passes"
    return _said(options.incident, f"muted {when}")


def _add_resolve(commands: Commands) -> None:
    parser = add_command(
        commands, "resolve", _resolve, "Say that an incident is over.",
        "  pellucid monitor resolve 3f2a9c41d07b --lake lake/ --note 'fixed by release 15'",
    )  # fmt: skip
    _add_change(parser)


def _resolve(options: argparse.Namespace) -> int:
    _opened(options).resolve(options.incident, actor=options.actor, note=options.note)
    return _said(options.incident, "resolved")


def _add_metrics(commands: Commands) -> None:
    parser = add_command(
        commands, "metrics", _metrics,
        "Print how monitoring stands as Prometheus metrics, or serve them.",
        "  pellucid monitor metrics --lake lake/ > /var/lib/node_exporter/pellucid.prom\n"
        "  pellucid monitor metrics --lake lake/ --serve 9464",
    )  # fmt: skip
    _add_checks(parser, is_required=False)
    parser.add_argument("--serve", type=int, metavar="PORT",
                        help="serve them on 127.0.0.1, fresh at each scrape")  # fmt: skip
    add_lake(parser)


def _metrics(options: argparse.Namespace) -> int:
    from pellucid.monitor.notices.prometheus import exposition, serve

    obs = _opened(options)
    checks = _read(options) if options.checks else None
    if options.serve is None:
        text = exposition(obs.status(checks), now=datetime.now(UTC))
        sys.stdout.write(text.decode())
        return 0
    with serve(lambda: obs.status(checks), port=options.serve) as serving:
        sys.stdout.write(f"http://127.0.0.1:{serving.port}/metrics\n")
        sys.stdout.flush()
        try:
            serving.wait()
        except KeyboardInterrupt:
            return 0
    return 0


def _add_grafana(commands: Commands) -> None:
    parser = add_command(
        commands, "grafana", _grafana, "Print a Grafana dashboard over those metrics, as JSON.",
        "  pellucid monitor grafana --lake lake/ > pellucid.json",
    )  # fmt: skip
    add_lake(parser)


def _grafana(options: argparse.Namespace) -> int:
    from pellucid.monitor.notices.grafana import dashboard

    sys.stdout.write(f"{json.dumps(dashboard(_opened(options).system.name), indent=2)}\n")
    return 0


def _add_checks(parser: argparse.ArgumentParser, *, is_required: bool = True) -> None:
    parser.add_argument("--checks", type=Path, required=is_required, metavar="FILE",
                        help="YAML file of checks and channels")  # fmt: skip


def _add_past(parser: argparse.ArgumentParser) -> None:
    _add_checks(parser)
    add_over(parser, "28d")
    add_lake(parser)
    add_output(parser)


def _add_change(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("incident", metavar="ID")
    parser.add_argument("--note", default="", metavar="TEXT", help="why, for the record")
    parser.add_argument("--as", dest="actor", default=_user(), metavar="NAME",
                        help="who you are; default the user who runs it")  # fmt: skip
    add_lake(parser)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        # In a container a user may have no name.
        return "unknown"


def _opened(options: argparse.Namespace) -> Observatory:
    from pellucid.observatory import open_system

    return open_system(options.lake, system=options.system)


def _read(options: argparse.Namespace) -> Checks:
    from pellucid.spec.codec import read_checks

    return read_checks(options.checks)


def _said(incident_id: str, what: str) -> int:
    sys.stdout.write(f"{incident_id} {what}\n")
    return 0
