"""Builds a part while someone waits: in a thread, stopped once they leave, failures in words."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from pellucid.engine.waiting import Waiting
from pellucid.errors import PellucidError
from pellucid.serve.page import Built, Page, Part, Scene
from pellucid.serve.render import render_failure, render_part
from pellucid.serve.served import Served

_LOOK_SECONDS = 0.2
_AT_ONCE = 4
_log = logging.getLogger(__name__)
Found = TypeVar("Found")


class Builders:
    """Threads that build parts: a few at once, so that light requests never queue behind them."""

    def __init__(self) -> None:
        # A limiter belongs to the loop that made it.
        self._limit: RunVar[anyio.CapacityLimiter] = RunVar("building")

    async def build(
        self, find: Callable[[], Found], has_left: Callable[[], Awaitable[bool]], *,
        is_light: bool = False,
    ) -> Found:  # fmt: skip
        """Return what is found, its queries stopped once nobody waits.

        Parameters
        ----------
        find : callable
            Run in a thread.
        has_left : callable
            Whether who waits has left.
        is_light : bool
            Whether it may pass those that queue.

        Raises
        ------
        StoppedError
            If they left.
        """
        limit = self._limit.get(None) or anyio.CapacityLimiter(_AT_ONCE)
        self._limit.set(limit)
        waiting = Waiting()

        def asking() -> Found:
            with waiting.asking():
                return find()

        task = asyncio.ensure_future(anyio.to_thread.run_sync(
            asking, limiter=None if is_light else limit))  # fmt: skip
        while not task.done():
            await asyncio.wait({task}, timeout=_LOOK_SECONDS)
            if not task.done() and await has_left():
                waiting.leave()
        return await task


def drawn(part: Part, scene: Scene, page: Page, served: Served) -> str:
    """Return a part as HTML, or a fragment that says why there is none."""

    def draw() -> str:
        built: Built = part.build(scene)
        return render_part(part, built, scene, page)

    try:
        key = (scene.obs.system.name, page.name, part.name, scene.view.query)
        return served.part(scene.obs, key, draw)
    except PellucidError as error:
        return render_failure(part, str(error))
    except Exception:  # noqa: BLE001 - one part that fails must not take the page with it
        return render_failure(part, logged())


def logged() -> str:
    """Log the error that is being handled; return what to tell who met it."""
    reference = uuid.uuid4().hex[:8]
    _log.exception("request %s failed", reference)
    return f"Something failed that should not. The server's log has it under {reference}."
