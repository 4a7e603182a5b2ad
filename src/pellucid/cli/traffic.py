"""The subcommands about traffic: why a share, what layers do, what another policy would do."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from pellucid.cli.options import (
    Commands,
    add_baseline,
    add_command,
    add_lake,
    add_output,
    add_over,
    add_where,
    names,
    write,
)
from pellucid.errors import ExplainError

if TYPE_CHECKING:
    from pellucid.explain.traffic.policy import PolicyChange


def add_traffic(commands: Commands) -> None:
    """Add ``pellucid traffic``."""
    parser = add_command(
        commands, "traffic", _traffic,
        "Tell why a candidate has its share of traffic: features, layers and the rest.",
        "  pellucid traffic cedar-direct --lake lake/\n"
        "  pellucid traffic cedar-direct --where \"isodow(decided_at) = 2\" "
        "--versus \"isodow(decided_at) <> 2\" --lake lake/",
    )  # fmt: skip
    parser.add_argument("candidate", metavar="CANDIDATE")
    add_where(parser)
    parser.add_argument("--versus", default="", metavar="SQL", help="another group to compare with")
    add_baseline(parser, "none: no comparison")
    add_over(parser, "30d")
    add_lake(parser)
    add_output(parser)


def _traffic(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.traffic import traffic_text

    obs = open_system(options.lake, system=options.system)
    story = obs.why_traffic(
        options.candidate, where=options.where, versus=options.versus, over=options.over,
        baseline=options.baseline,
    )  # fmt: skip
    return write(options, traffic_text(story), story.parts)


def add_flow(commands: Commands) -> None:
    """Add ``pellucid flow``."""
    parser = add_command(
        commands, "flow", _flow,
        "Tell what each layer of the policy does: shares by stage, moves, outcomes won or lost.",
        "  pellucid flow --lake lake/\n"
        "  pellucid flow --where \"country = 'BR'\" --over 14d --lake lake/",
    )  # fmt: skip
    add_where(parser)
    add_over(parser, "30d")
    add_lake(parser)
    add_output(parser)


def _flow(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.traffic import flow_text

    obs = open_system(options.lake, system=options.system)
    effects = obs.layer_effects(where=options.where, over=options.over)
    flow = obs.flow(where=options.where, over=options.over)
    return write(options, flow_text(flow, effects), effects.effects)


def add_what_if(commands: Commands) -> None:
    """Add ``pellucid what-if``."""
    parser = add_command(
        commands, "what-if", _what_if,
        "Replay logged decisions under a changed policy: a layer dropped, a fee, a cap, a cutoff.",
        "  pellucid what-if --drop fees --lake lake/\n"
        "  pellucid what-if --scale fees@cedar-direct=1.5 --lake lake/\n"
        "  pellucid what-if --cap cedar-direct=0.3 --cutoff 0.4 --where \"country = 'BR'\" "
        "--lake lake/",
    )  # fmt: skip
    parser.add_argument(
        "--drop",
        action="append",
        default=[],
        metavar="LAYER",
        help="the layer, by name or label, adds nothing; may be given again, as may all of these",
    )
    parser.add_argument("--scale", action="append", default=[], metavar="LAYER[@CANDIDATE]=FACTOR",
                        help="what the layer adds is multiplied")  # fmt: skip
    parser.add_argument("--add", action="append", default=[], metavar="LAYER[@CANDIDATE]=AMOUNT",
                        help="the layer adds so much more, in the policy's unit")  # fmt: skip
    parser.add_argument("--cap", action="append", default=[], metavar="CANDIDATE=SHARE",
                        help="at most so much of each UTC day, such as 0.3")  # fmt: skip
    parser.add_argument("--cutoff", type=float, metavar="SCORE",
                        help="nobody is picked whose score is below it")  # fmt: skip
    add_where(parser)
    add_over(parser, "30d")
    add_lake(parser)
    add_output(parser)


def _what_if(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.traffic import what_if_text

    obs = open_system(options.lake, system=options.system)
    answer = obs.what_if(*_changes(options), where=options.where, over=options.over)
    return write(options, what_if_text(answer), answer.shares)


def add_learned(commands: Commands) -> None:
    """Add ``pellucid learned``."""
    parser = add_command(
        commands, "learned", _learned,
        "Find traffic lost every week because of what the model learned, and what taught it.",
        "  pellucid learned --lake lake/\n"
        "  pellucid learned --over 84d --lake lake/",
    )  # fmt: skip
    add_over(parser, "56d")
    add_lake(parser)
    parser.add_argument("--format", dest="style", default="text", choices=("text", "json"))


def _learned(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.traffic import learned_json, learned_text

    found = open_system(options.lake, system=options.system).learned(over=options.over)
    sys.stdout.write(f"{learned_json(found) if options.style == 'json' else learned_text(found)}\n")
    return 0


def add_rules(commands: Commands) -> None:
    """Add ``pellucid rules``."""
    parser = add_command(
        commands, "rules", _rules,
        "Find a short list of readable rules that picks as the policy does, and where it fails.",
        "  pellucid rules --over 30d --lake lake/\n"
        "  pellucid rules --over 14d --baseline 2026-10-04..2026-10-18 --lake lake/",
    )  # fmt: skip
    add_where(parser)
    add_over(parser, "30d")
    add_baseline(parser, "none: the rules of one period")
    parser.add_argument("--by", default="", metavar="A,B",
                        help="dimensions that rules may name; default: all")  # fmt: skip
    parser.add_argument("--most", type=int, default=16, metavar="N", help="rules; default 16")
    add_lake(parser)
    add_output(parser)


def _rules(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.traffic import rule_change_text, rules_text

    obs = open_system(options.lake, system=options.system)
    by = names(options.by)
    if options.baseline:
        change = obs.rules_changed(
            window=options.over, baseline=options.baseline, where=options.where, by=by,
            most=options.most,
        )  # fmt: skip
        return write(options, rule_change_text(change), change.moves)
    found = obs.rules(where=options.where, over=options.over, by=by, most=options.most)
    return write(options, rules_text(found), found.rules)


def _changes(options: argparse.Namespace) -> list[PolicyChange]:
    from pellucid.explain.traffic.policy import AddToLayer, CapShare, Cutoff, DropLayer, ScaleLayer

    changes: list[PolicyChange] = [DropLayer(name) for name in options.drop]
    for given in options.scale:
        layer, candidate, number = _assigned(given, "--scale")
        changes.append(ScaleLayer(layer, number, candidate))
    for given in options.add:
        layer, candidate, number = _assigned(given, "--add")
        changes.append(AddToLayer(layer, number, candidate))
    for given in options.cap:
        candidate, _, number = _assigned(given, "--cap")
        changes.append(CapShare(candidate, number))
    if options.cutoff is not None:
        changes.append(Cutoff(options.cutoff))
    return changes


def _assigned(given: str, option: str) -> tuple[str, str, float]:
    name, _, number = given.rpartition("=")
    first, _, second = name.partition("@")
    try:
        return first, second, float(number)
    except ValueError as error:
        raise ExplainError(
            f"{option} {given}: '{number}' is no number; write NAME=NUMBER, such as fees=1.5"
        ) from error
