"""Which two windows a page compares."""

from __future__ import annotations

from datetime import timedelta

from pellucid.errors import EngineError
from pellucid.serve.page import Scene
from pellucid.windows import DAY, WEEK, Window


def compared(scene: Scene) -> tuple[Window, Window]:
    """Return a window and the one before it that records cover both.

    The view's, where what is before it was recorded; else its last week; else its later half.

    Raises
    ------
    EngineError
        If less than two days are recorded.
    """
    asked = scene.asked
    if asked.previous is not None:
        return asked.window, asked.previous
    first, _ = asked.obs.span()
    end = asked.window.end
    week = Window(end - WEEK, end)
    if week.previous.start >= first - timedelta(hours=1):
        return week, week.previous
    days = (end - first) // (2 * DAY)
    if not days:
        raise EngineError("less than two days are recorded, so there is nothing to compare with")
    half = Window(end - days * DAY, end)
    return half, half.previous
