"""Notices put together into messages: few on a quiet day, and few on a bad night too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pellucid.monitor.notices.due import severity_rank
from pellucid.monitor.notices.notice import Notice
from pellucid.monitor.notices.wording import plain
from pellucid.spec.check import Severity

_MOST_SINGLE = 5
_MOST_LISTED = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What goes to a channel in one piece.

    Attributes
    ----------
    channel : str
        Name of the channel.
    severity : str
        The highest of its notices.
    is_over : bool
        Whether it tells of ends only.
    title : str
        One line of plain text.
    body : str
        Markdown.
    text : str
        The body as plain text.
    notices : tuple of Notice
        What it tells.
    """

    channel: str
    severity: Severity
    is_over: bool
    title: str
    body: str
    text: str
    notices: tuple[Notice, ...]


def messages(notices: Iterable[Notice]) -> tuple[Message, ...]:
    """Return the messages that tell of some notices.

    Up to five notices of a channel are a message each; more are one digest, which names the
    thirty worst and counts the others.
    """
    channels: dict[str, list[Notice]] = {}
    for notice in notices:
        channels.setdefault(notice.channel, []).append(notice)
    return tuple(
        message
        for own in channels.values()
        for message in ([_digest(own)] if len(own) > _MOST_SINGLE else map(_single, own))
    )


def _single(notice: Notice) -> Message:
    return Message(
        channel=notice.channel, severity=notice.severity, is_over=notice.kind == "resolved",
        title=notice.title, body=notice.body, text=notice.text, notices=(notice,),
    )  # fmt: skip


def _digest(notices: list[Notice]) -> Message:
    ordered = sorted(
        notices, key=lambda item: (item.kind == "resolved", -severity_rank(item.severity))
    )
    kinds = Counter(notice.kind for notice in notices)
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    worst = max((notice.severity for notice in notices), key=severity_rank)
    listed = [f"- {item.title}: `{item.incident_id}`" for item in ordered[:_MOST_LISTED]]
    if len(ordered) > _MOST_LISTED:
        listed.append(f"- and {len(ordered) - _MOST_LISTED} more")
    body = "\n\n".join([
        f"{len(notices)} incidents at once: {counted}.",
        "\n".join(listed),
        "Someone is on one of them: `pellucid monitor acknowledge ID`.",
    ])  # fmt: skip
    return Message(
        channel=notices[0].channel, severity=worst,
        is_over=all(notice.kind == "resolved" for notice in notices),
        title=f"{len(notices)} incidents in {notices[0].system}: {counted}",
        body=body, text=plain(body), notices=tuple(notices),
    )  # fmt: skip
