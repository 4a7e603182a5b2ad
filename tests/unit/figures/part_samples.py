"""One small answer for each figure of parts, with a hostile name where data can bring one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from pellucid.explain.changes.story import TRAFFIC_SHARE, ChangeStory
from pellucid.explain.groups.contrast import Contrast
from pellucid.explain.groups.story import GroupStory
from pellucid.explain.traffic.story import TrafficStory
from pellucid.windows import Window

HOSTILE = "<b onmouseover=x>&co</b>"
WEEK = Window(datetime(2026, 10, 8, tzinfo=UTC), datetime(2026, 10, 15, tzinfo=UTC))
UNKNOWN = float("nan")


def change_story() -> ChangeStory:
    parts = {"part": ["Population mix", "Eligibility", HOSTILE], "change": [0.01, -0.05, 0.0],
             "error": [0.002, 0.01, UNKNOWN], "degrees": [12.0, 7.5, UNKNOWN]}  # fmt: skip
    cells = {"country": [HOSTILE, None], "decisions_before": [80.0, 20.0],
             "decisions_after": [60.0, 30.0], "before": [0.5, 0.5],
             "after": [0.4, 0.55], "change": [-0.03, -0.01]}  # fmt: skip
    return ChangeStory(
        TRAFFIC_SHARE, HOSTILE, "", WEEK, Window(WEEK.start - timedelta(days=7), WEEK.start),
        0.5, 0.46, 0.012, 12.0, (100.0, 90.0), pa.table(parts), pa.table(cells),
        (0.0, 0.0), (0.05, 0.05),
    )  # fmt: skip


def contrast(*, features: int = 12) -> Contrast:
    means = [0.01 * (features - place) for place in range(features)]
    parts = {
        "part": ["base", *(f"f{place}" for place in range(features)), "fees", "residual"],
        "kind": ["base", *["feature"] * features, "layer", "residual"],
        "label": ["Average score", *[f"F{place}" for place in range(features)], HOSTILE,
                  "Not explained"],
        "mean": [0.0, *means, -0.2, 0.0], "error": [0.0, *[0.01] * features, 0.02, 0.0],
        "degrees": [6.0] * (features + 3),
    }  # fmt: skip
    wins = {"winner": ["a", HOSTILE, "another"], "decisions": [60.0, 30.0, 10.0],
            "share": [0.6, 0.3, 0.1]}  # fmt: skip
    flips = {"preferred": ["a"], "winner": [HOSTILE], "layer": ["Fees"], "decisions": [5.0],
             "share": [0.05]}  # fmt: skip
    return Contrast(
        "a", HOSTILE, WEEK, 100, 100.0, 7, "probability", is_rescaled=True,
        margin=sum(means) - 0.2, error=0.03, degrees=6.0, parts=pa.table(parts),
        wins=pa.table(wins), flips=pa.table(flips),
    )  # fmt: skip


def group_story(*, is_compared: bool = False) -> GroupStory:
    parts = {
        "part": ["base", "bank", "residual"], "kind": ["base", "feature", "residual"],
        "label": ["Average score", HOSTILE, "Not explained"], "mean": [1.5, -0.4, 0.0],
        "error": [0.0, 0.05, 0.0], "degrees": [6.0] * 3, "mean_absolute": [1.5, 0.6, 0.0],
    }  # fmt: skip
    if is_compared:
        parts |= {"versus_mean": [1.5, 0.1, 0.0], "versus_mean_absolute": [1.5, 0.3, 0.0],
                  "difference": [0.0, -0.5, 0.0], "difference_error": [0.0, 0.06, 0.0],
                  "difference_degrees": [6.0] * 3}  # fmt: skip
    sides = 1 + is_compared
    groups = {
        "side": ["group", "versus"][:sides], "n": [40, 90][:sides],
        "decisions": [40.0, 90.0][:sides], "days": [7, 7][:sides], "score": [1.1, 1.6][:sides],
        "error": [0.05, 0.03][:sides], "degrees": [6.0, 6.0][:sides],
    }  # fmt: skip
    return GroupStory(None, WEEK, None, "country = 'BR'", "TRUE" if is_compared else "", (),
                      "log_odds", pa.table(groups), pa.table(parts),
                      pa.table(parts).slice(1, 1).drop_columns(["kind"]))  # fmt: skip


def traffic(*, is_compared: bool = False) -> TrafficStory:
    sides = {"side": ["group", "versus"], "n": [900, 400], "decisions": [900.0, 400.0],
             "days": [7, 7], "share": [0.35, 0.25], "error": [0.01, 0.02], "degrees": [6.0, 6.0],
             "fidelity": [1.0, 0.99]}  # fmt: skip
    parts = {
        "part": ["start", "f0", "fees", "rest"], "kind": ["start", "feature", "layer", "rest"],
        "label": ["Even split", HOSTILE, "Fees", "Outside"], "value": [0.2, 0.2, -0.05, 0.0],
        "error": [0.001, 0.01, 0.004, UNKNOWN], "degrees": [6.0] * 4,
    }  # fmt: skip
    without = {"part": ["f0", "fees"], "label": [HOSTILE, "Fees"], "share": [0.2, 0.4],
               "change": [-0.15, 0.05]}  # fmt: skip
    if is_compared:
        parts |= {"versus_value": [0.2, 0.1, -0.05, 0.0], "difference": [0.0, 0.1, 0.0, 0.0],
                  "difference_error": [0.001, 0.02, 0.004, UNKNOWN],
                  "difference_degrees": [6.0] * 4}  # fmt: skip
        without |= {"versus_share": [0.15, 0.3], "versus_change": [-0.1, 0.05]}
    table = pa.table(sides).slice(0, 2 if is_compared else 1)
    return TrafficStory("a", WEEK, None, "", "country = 'BR'" if is_compared else "", table,
                        pa.table(parts), pa.table(without))  # fmt: skip
