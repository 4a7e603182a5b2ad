"""The subcommands that explain: one decision, a change, two candidates, a group."""

from __future__ import annotations

import argparse
import json
import sys

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


def add_explain(commands: Commands) -> None:
    """Add ``pellucid explain``."""
    parser = add_command(
        commands, "explain", _explain,
        "Tell one decision in order: candidates, scores, layers, pick, outcome.",
        "  pellucid explain p00001138-1 --lake lake/\n"
        "  pellucid explain p00001138-1 --lake lake/ --format json",
    )  # fmt: skip
    parser.add_argument("decision_id", metavar="DECISION_ID")
    add_lake(parser)
    parser.add_argument("--format", dest="style", default="text", choices=("text", "json"))


def _explain(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system

    obs = open_system(options.lake, system=options.system)
    story = obs.explain(options.decision_id)
    if options.style == "json":
        sys.stdout.write(f"{json.dumps(story.to_dict(), default=str, allow_nan=False)}\n")
        return 0
    sys.stdout.write(f"{story}\n")
    return 0


def add_flips(commands: Commands) -> None:
    """Add ``pellucid flips``."""
    parser = add_command(
        commands, "flips", _flips,
        "Find the smallest change of one layer or one feature that sends a decision elsewhere.",
        "  pellucid flips p00001138-1 --lake lake/\n"
        "  pellucid flips p00001138-1 --to elm-direct --lake lake/",
    )  # fmt: skip
    parser.add_argument("decision_id", metavar="DECISION_ID")
    parser.add_argument("--to", default="", metavar="CANDIDATE",
                        help="where to; default: anywhere else")  # fmt: skip
    add_lake(parser)
    add_output(parser)


def _flips(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.stories import flips_text

    obs = open_system(options.lake, system=options.system)
    found = obs.flips(options.decision_id, to=options.to)
    return write(options, flips_text(found), found.features)


def add_change(commands: Commands) -> None:
    """Add ``pellucid change``."""
    parser = add_command(
        commands, "change", _change,
        "Tell why a candidate's traffic share, or an outcome's rate, changed: parts that add up.",
        "  pellucid change traffic_share --of cedar-direct --lake lake/\n"
        "  pellucid change approval_rate --over 2026-10-25..2026-11-01 --baseline "
        "2026-10-18..2026-10-25 --by country --where \"arm = 'ml'\" --lake lake/\n"
        "  pellucid change traffic_share --of cedar-direct --replay --lake lake/",
    )  # fmt: skip
    parser.add_argument(
        "metric",
        metavar="METRIC",
        help="traffic_share, or the rate of an outcome, such as approval_rate",
    )
    parser.add_argument("--of", default="", metavar="CANDIDATE",
                        help="whose share; of a rate, only what went to it")  # fmt: skip
    add_over(parser, "7d")
    add_baseline(parser, "as long, right before")
    parser.add_argument("--by", default="", metavar="A,B",
                        help="dimensions of the mix; default: the spec's first two")  # fmt: skip
    parser.add_argument("--replay", action="store_true",
                        help="also replay each period with parts of the other's policy; needs the "
                        "models' files")  # fmt: skip
    add_where(parser)
    add_lake(parser)
    add_output(parser)


def _change(options: argparse.Namespace) -> int:
    from pellucid.errors import ExplainError
    from pellucid.explain.changes.story import TRAFFIC_SHARE
    from pellucid.observatory import open_system
    from pellucid.terminal.stories import change_text, replay_text

    if options.replay and options.metric != TRAFFIC_SHARE:
        raise ExplainError(f"--replay is of {TRAFFIC_SHARE} only, not of {options.metric}")
    obs = open_system(options.lake, system=options.system)
    story = obs.why_changed(
        options.metric, candidate=options.of, window=options.over, baseline=options.baseline,
        by=names(options.by), where=options.where,
    )  # fmt: skip
    if not options.replay:
        return write(options, change_text(story), story.parts)
    replayed = obs.replay_change(
        options.of, window=options.over, baseline=options.baseline, where=options.where
    )
    text = f"{change_text(story)}\n\n{replay_text(replayed)}"
    return write(options, text, replayed.parts)


def add_why(commands: Commands) -> None:
    """Add ``pellucid why``."""
    parser = add_command(
        commands, "why", _why,
        "Tell why one candidate and not another, over decisions in which both could be picked.",
        "  pellucid why cedar-direct --not elm-direct --lake lake/\n"
        "  pellucid why cedar-direct --not elm-direct --where \"country = 'BR'\" --lake lake/",
    )  # fmt: skip
    parser.add_argument("candidate", metavar="CANDIDATE")
    parser.add_argument("--not", dest="not_", required=True, metavar="CANDIDATE",
                        help="the other one")  # fmt: skip
    add_over(parser, "30d")
    add_where(parser)
    add_lake(parser)
    add_output(parser)


def _why(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.stories import contrast_text

    obs = open_system(options.lake, system=options.system)
    answer = obs.why(options.candidate, not_=options.not_, where=options.where, over=options.over)
    return write(options, contrast_text(answer), answer.parts)


def add_group(commands: Commands) -> None:
    """Add ``pellucid group``."""
    parser = add_command(
        commands, "group", _group,
        "Tell what made the scores of a group of decisions, alone or against another.",
        "  pellucid group --where \"country = 'BR'\" --lake lake/\n"
        "  pellucid group --where \"country = 'BR'\" --versus \"country <> 'BR'\" --lake lake/\n"
        "  pellucid group --where \"country = 'BR'\" --versus \"country <> 'BR'\" "
        "--contrast direct --lake lake/\n"
        "  pellucid group --by country --of cedar-direct --lake lake/",
    )  # fmt: skip
    add_where(parser)
    parser.add_argument("--versus", default="", metavar="SQL", help="another group to compare with")
    add_baseline(parser, "none: no comparison")
    parser.add_argument("--contrast", default="stored", choices=("stored", "direct"),
                        help="compare stored attributions, or explain the one side against the "
                        "other; default stored")  # fmt: skip
    parser.add_argument("--by", default="", metavar="A,B", help="dimensions to break down by")
    parser.add_argument("--of", metavar="CANDIDATE",
                        help="whose scores; default: of what was picked")  # fmt: skip
    add_over(parser, "30d")
    add_lake(parser)
    add_output(parser)


def _group(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.stories import group_text

    obs = open_system(options.lake, system=options.system)
    story = obs.explain_group(
        options.where, versus=options.versus, by=names(options.by), candidate=options.of,
        over=options.over, baseline=options.baseline, contrast=options.contrast,
    )  # fmt: skip
    return write(options, group_text(story), story.parts)


def add_models(commands: Commands) -> None:
    """Add ``pellucid models``."""
    parser = add_command(
        commands, "models", _models,
        "Score logged candidates with two models and tell how they differ.",
        "  pellucid models approval:1 approval:2 --lake lake/\n"
        "  pellucid models approval:1 approval:2 --over 7d --baseline 2026-10-01..2026-10-08 "
        "--lake lake/",
    )  # fmt: skip
    parser.add_argument("before", metavar="MODEL", help="the earlier model's id")
    parser.add_argument("after", metavar="MODEL", help="the later one's")
    add_over(parser, "30d")
    add_baseline(parser, "none: the models only")
    add_where(parser)
    add_lake(parser)
    add_output(parser)


def _models(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system
    from pellucid.terminal.stories import versions_text

    obs = open_system(options.lake, system=options.system)
    change = obs.compare_models(
        options.before, options.after, over=options.over, baseline=options.baseline,
        where=options.where,
    )  # fmt: skip
    return write(options, versions_text(change), change.parts)


def add_attribute(commands: Commands) -> None:
    """Add ``pellucid attribute``."""
    parser = add_command(
        commands, "attribute", _attribute,
        "Explain logged candidates and store it, for `why` and `group`; what is stored is kept.",
        "  pellucid attribute --over 30d --lake lake/",
    )  # fmt: skip
    add_over(parser, "30d")
    parser.add_argument("--most", type=int, default=20_000, metavar="N",
                        help="decisions for each model version, about; default 20000")  # fmt: skip
    add_lake(parser)


def _attribute(options: argparse.Namespace) -> int:
    from pellucid.observatory import open_system

    obs = open_system(options.lake, system=options.system)
    receipt = obs.attribute(
        over=options.over, most_decisions=options.most, progress=sys.stderr.isatty()
    )
    sys.stdout.write(
        f"{receipt.stored:,} candidates explained; what was explained before is left as it is\n"
    )
    return 0
