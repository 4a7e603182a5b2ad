"""Sending notices by Apprise, the one place that knows it."""

from __future__ import annotations

import logging
import os
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from types import ModuleType
from typing import Any

from pellucid.errors import MissingExtraError, SpecError, UnknownNameError
from pellucid.monitor.notices.address import Address, address_of
from pellucid.monitor.notices.messages import Message, messages
from pellucid.monitor.notices.notice import Notice, Try
from pellucid.spec.check import Channel

# Apprise gives a service four seconds. One that answers later has the message already, and would
# get it once more.
_PATIENCE_SECONDS = 20.0
_KIND_OF = {"critical": "failure", "warn": "warning", "info": "info"}
_UNEXPLAINED = "the service did not take it, and nothing was said why"


def send(
    notices: Iterable[Notice], channels: Sequence[Channel], *, now: datetime,
    time_limit: float = 60.0,
) -> tuple[Try, ...]:  # fmt: skip
    """Send notices to their channels, all channels at once; return how it went.

    Nothing that a channel is or does raises, or keeps another one from getting its notices. A try
    is ``sent`` if the service said that it took the message; one that times out may have been
    taken all the same, and then comes twice. No part of a URL is in a problem or in any log: what
    Apprise and the libraries below it log in the course of sending goes no further than here.

    Parameters
    ----------
    notices : iterable of Notice
        As `due` gives them.
    channels : sequence of Channel
    now : datetime
        When the tries are made.
    time_limit : float, default 60
        Seconds that a channel may take over all its messages.

    Returns
    -------
    tuple of Try
        One for each notice; those of one message went the same way.

    Raises
    ------
    MissingExtraError
        If Apprise is not installed.
    UnknownNameError
        If a notice is for a channel that is not among `channels`.
    """
    known = {channel.name: channel for channel in channels}
    deliveries: dict[str, _Delivery] = {}
    for message in messages(notices):
        if message.channel not in known:
            raise UnknownNameError(kind="channel", name=message.channel, known=known)
        channel = known[message.channel]
        deliveries.setdefault(channel.name, _Delivery(channel)).messages.append(message)
    if deliveries:
        _apprise()
    for delivery in deliveries.values():
        delivery.thread.start()
    deadline = time.monotonic() + time_limit
    return tuple(
        _try(notice, problem, now)
        for delivery in deliveries.values()
        for message, problem in delivery.ended(deadline, time_limit)
        for notice in message.notices
    )


def check_channels(channels: Sequence[Channel]) -> tuple[str, ...]:
    """Return what is wrong with channels, without sending anything; empty where all is well.

    Looks at names and URLs as they stand with this process's environment: a variable that is not
    set here is a problem here.

    Raises
    ------
    MissingExtraError
        If there are channels, and Apprise is not installed.
    """
    counts = Counter(channel.name for channel in channels)
    problems = [
        f"channel '{name}': the name is given {count} times; give each channel its own"
        for name, count in counts.items() if count > 1
    ]  # fmt: skip
    for channel in channels:
        try:
            _service(channel, address_of(channel, os.environ))
        except SpecError as error:
            problems += [f"channel '{channel.name}': {problem}" for problem in error.problems]
    return tuple(problems)


class _Delivery:
    """The messages of one channel on their way, in a thread of their own.

    The thread is a daemon: a service that never answers holds neither the others nor the process.
    """

    def __init__(self, channel: Channel) -> None:
        self.messages: list[Message] = []
        self.thread = threading.Thread(target=self._run, name="pellucid-notices", daemon=True)
        self._channel = channel
        self._problems: list[str] = []
        self._is_over = threading.Event()

    def ended(self, deadline: float, time_limit: float) -> Iterator[tuple[Message, str]]:
        """Wait, and yield the messages, each with why it was not sent; empty if it was."""
        self.thread.join(max(0.0, deadline - time.monotonic()))
        self._is_over.set()
        problems = [*self._problems]
        late = f"not done within {time_limit:g} s"
        problems += [late] * (len(self.messages) - len(problems))
        return zip(self.messages, problems, strict=True)

    def _run(self) -> None:
        try:
            address = address_of(self._channel, os.environ)
            service = _service(self._channel, address)
        except SpecError as error:
            self._problems += ["; ".join(error.problems)] * len(self.messages)
            return
        for message in self.messages:
            if self._is_over.is_set():
                return
            self._problems.append(_sent(service, address, message))


def _try(notice: Notice, problem: str, now: datetime) -> Try:
    return Try(
        notice_id=notice.notice_id, tried_at=now, incident_id=notice.incident_id,
        channel=notice.channel, kind=notice.kind, severity=notice.severity,
        state="failed" if problem else "sent", problem=problem,
    )  # fmt: skip


@cache
def _apprise() -> ModuleType:
    """Return Apprise with its services loaded."""
    try:
        import apprise
    except ImportError as error:
        raise MissingExtraError(
            package="apprise", extra="alerts", purpose="sending notices"
        ) from error
    with warnings.catch_warnings(), _heard():
        # The first URL loads them all. Where warnings are errors, one that warns would be missing;
        # and filters of warnings are not a thread's own, so this is not left to the threads.
        warnings.simplefilter("ignore")
        apprise.Apprise.instantiate("json://localhost")
    return apprise


def _service(channel: Channel, address: Address) -> Any:
    """Return the service of a URL.

    Only URLs of notification services make one: Apprise's configuration files and URLs are not
    read, and no plugin is loaded from anywhere but Apprise itself.
    """
    apprise = _apprise()
    # Not in threads of its own, which would hold the process at its end; to no host but the URL's,
    # whatever that answers; with no pictures from anyone's site.
    asset = apprise.AppriseAsset(
        async_mode=False, service_timeout=0, http_redirects=False, image_url_mask="",
        image_url_logo="", app_id="pellucid", app_desc="pellucid", app_url="",
        pgp_autogen=False, pem_autogen=False, interpret_emojis=False,
    )  # fmt: skip
    with _heard() as said:
        try:
            service = apprise.Apprise.instantiate(address.url, asset=asset)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything on a bad URL
            said.append(f"{type(error).__name__}: {error}")
            service = None
    if service is None:
        why = address.redacted("; ".join(said)) or "unknown"
        raise SpecError(f"channel '{channel.name}'", [
            f"its url is not one that Apprise can send to ({why}); it must be of one of its "
            "notification services, such as slack://..., mailto://... or json://..."
        ])  # fmt: skip
    service.socket_connect_timeout = max(service.socket_connect_timeout, _PATIENCE_SECONDS)
    service.socket_read_timeout = max(service.socket_read_timeout, _PATIENCE_SECONDS)
    if service.overflow_mode == apprise.OverflowMode.UPSTREAM:
        # What is longer than a service takes would be refused each time that it is tried.
        service.overflow_mode = apprise.OverflowMode.TRUNCATE
    return service


def _sent(service: Any, address: Address, message: Message) -> str:
    """Send a message; return why it was not sent, empty if it was."""
    apprise = _apprise()
    markdown, text = apprise.NotifyFormat.MARKDOWN, apprise.NotifyFormat.TEXT
    # Apprise would pass Markdown on as it is to what shows plain text.
    is_plain = service.resolve_format(markdown) == text
    with _heard() as said:
        try:
            client = apprise.Apprise(service, asset=service.asset)
            is_sent = bool(client.notify(
                title=message.title, body=message.text if is_plain else message.body,
                body_format=text if is_plain else markdown,
                notify_type="success" if message.is_over else _KIND_OF[message.severity],
            ))  # fmt: skip
        except Exception as error:  # noqa: BLE001 - a plugin that fails costs no other channel
            said.append(f"{type(error).__name__}: {error}")
            is_sent = False
    return "" if is_sent else address.redacted("; ".join(said)) or _UNEXPLAINED


class _Ear(logging.Filter):
    """Keeps what listening threads log from all handlers, and Apprise's own warnings for them.

    It stays where it was put, and lets all other threads' records pass: a filter that is taken
    away while another thread logs makes that one skip the filter behind it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[int, list[str]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        said = self.said.get(threading.get_ident())
        if said is None:
            return True
        if record.name == "apprise" and record.levelno >= logging.WARNING:
            said.append(record.getMessage())
        return False


_EAR = _Ear()


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Listen to what this thread logs: URLs with their secrets, at some levels."""
    for logger in (logging.root, *logging.root.manager.loggerDict.copy().values()):
        if isinstance(logger, logging.Logger):
            logger.addFilter(_EAR)
    said = _EAR.said[threading.get_ident()] = []
    try:
        yield said
    finally:
        del _EAR.said[threading.get_ident()]
