"""One small answer for each figure of parts, with a hostile name where data can bring one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from pellucid.explain.change import ChangeStory
from pellucid.explain.contrast import Contrast
from pellucid.explain.groups import GroupStory
from pellucid.windows import Window

HOSTILE = "<b onmouseover=x>&co</b>"
WEEK = Window(datetime(2026, 10, 8, tzinfo=UTC), datetime(2026, 10, 15, tzinfo=UTC))
UNKNOWN = float("nan")


def change_story() -> ChangeStory:
    parts = {"part": ["Population mix", "Eligibility", HOSTILE], "change": [0.01, -0.05, 0.0],
             "error": [0.002, 0.01, UNKNOWN]}  # fmt: skip
    cells = {"country": [HOSTILE, None], "decisions_before": [80.0, 20.0],
             "decisions_after": [60.0, 30.0], "share_before": [0.5, 0.5],
             "share_after": [0.4, 0.55], "change": [-0.03, -0.01]}  # fmt: skip
    return ChangeStory(
        HOSTILE, WEEK, Window(WEEK.start - timedelta(days=7), WEEK.start), 0.5, 0.46, 0.012,
        (100.0, 90.0), pa.table(parts), pa.table(cells),
    )  # fmt: skip


def contrast(*, features: int = 12) -> Contrast:
    means = [0.01 * (features - place) for place in range(features)]
    parts = {
        "part": ["base", *(f"f{place}" for place in range(features)), "fees", "residual"],
        "kind": ["base", *["feature"] * features, "layer", "residual"],
        "label": ["Average score", *[f"F{place}" for place in range(features)], HOSTILE,
                  "Not explained"],
        "mean": [0.0, *means, -0.2, 0.0], "error": [0.0, *[0.01] * features, 0.02, 0.0],
    }  # fmt: skip
    wins = {"winner": ["a", HOSTILE, "another"], "decisions": [60.0, 30.0, 10.0],
            "share": [0.6, 0.3, 0.1]}  # fmt: skip
    flips = {"preferred": ["a"], "winner": [HOSTILE], "layer": ["Fees"], "decisions": [5.0],
             "share": [0.05]}  # fmt: skip
    return Contrast(
        "a", HOSTILE, WEEK, 100, 100.0, 7, "probability", is_rescaled=True,
        margin=sum(means) - 0.2, error=0.03, parts=pa.table(parts), wins=pa.table(wins),
        flips=pa.table(flips),
    )  # fmt: skip


def group_story(*, is_compared: bool = False) -> GroupStory:
    parts = {
        "part": ["base", "bank", "residual"], "kind": ["base", "feature", "residual"],
        "label": ["Average score", HOSTILE, "Not explained"], "mean": [1.5, -0.4, 0.0],
        "error": [0.0, 0.05, 0.0], "mean_absolute": [1.5, 0.6, 0.0],
    }  # fmt: skip
    if is_compared:
        parts |= {"versus_mean": [1.5, 0.1, 0.0], "versus_mean_absolute": [1.5, 0.3, 0.0],
                  "difference": [0.0, -0.5, 0.0], "difference_error": [0.0, 0.06, 0.0]}  # fmt: skip
    sides = 1 + is_compared
    groups = {
        "side": ["group", "versus"][:sides], "n": [40, 90][:sides],
        "decisions": [40.0, 90.0][:sides], "days": [7, 7][:sides], "score": [1.1, 1.6][:sides],
        "error": [0.05, 0.03][:sides],
    }  # fmt: skip
    return GroupStory(None, WEEK, None, "country = 'BR'", "TRUE" if is_compared else "", (),
                      "log_odds", pa.table(groups), pa.table(parts))  # fmt: skip
