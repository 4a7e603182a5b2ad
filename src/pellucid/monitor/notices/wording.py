"""The words of a notice: what, where and since when; why; what it costs; what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from pellucid.monitor.incidents.incident import Alert, Incident, Stake
from pellucid.monitor.localize.wording import conditions_text
from pellucid.monitor.notices.notice import NoticeKind
from pellucid.schema.currencies import minor_decimals
from pellucid.windows import DAY, HOUR

_LONGEST = 500
_NAMED = 3
_MINUTE = timedelta(minutes=1)
# Values of dimensions are what callers logged: none may start a link, a mention such as <!channel>,
# or any other markup where the notice is read.
_TAMED = str.maketrans({
    "`": "'", "*": "∗", "<": "‹", ">": "›", "[": "(", "]": ")", "@": "＠",
})  # fmt: skip


def title_of(incident: Incident, kind: NoticeKind, *, is_first: bool) -> str:
    """Return one line of plain text for a notice.

    Parameters
    ----------
    incident : Incident
    kind : str
    is_first : bool
        Whether the channel knows nothing yet, or since an end that it was told of.
    """
    severity = incident.severity
    head = severity.capitalize()
    if kind == "worse":
        head = f"Open again, {severity}" if is_first else f"Now {severity}"
    elif kind == "resolved":
        head = "Over already" if is_first else "Resolved"
    return f"{head}: {tamed(incident.title)} ({tamed(incident.system)})"


def body_of(
    incident: Incident,
    kind: NoticeKind,
    notes: Mapping[str, str],
    *,
    is_first: bool,
    pages: str = "",
) -> str:
    """Return what a notice says, as Markdown of paragraphs, lists and code.

    Parameters
    ----------
    incident : Incident
    kind : str
    notes : mapping of str to str
        Name of a check to what to do when it fails.
    is_first : bool
        See `title_of`.
    pages : str
        Address of the pages.
    """
    said = [_first_line(incident, kind, is_first=is_first)]
    facts = [
        ("Probable cause", incident.cause.told),
        _cost(incident, kind),
        ("Shortly before", "; ".join(incident.markers)),
        ("Owner", incident.owner),
    ]
    if kind != "resolved":
        facts += [("What to do", note) for note in _notes(incident, notes)]
    if incident.note:
        facts.append((f"Note by {incident.actor}", incident.note))
    listed = [f"- {tamed(name)}: {tamed(text)}" for name, text in facts if text]
    listed[1:1] = _others(incident)
    said.append("\n".join(listed))
    if kind != "resolved":
        own = tamed(incident.incident_id)
        said.append(
            f"Someone is on it: `pellucid monitor acknowledge {own}`. "
            f"Not worth a notice: `pellucid monitor mute {own}`."
        )
    if pages:
        said.append(f"{pages.rstrip('/')}/{incident.system}/incident?id={incident.incident_id}")
    return "\n\n".join(said)


def plain(markdown: str) -> str:
    """Return the Markdown of a notice as plain text.

    Examples
    --------
    >>> plain("- Someone is on it: `pellucid monitor acknowledge 1f3a`")
    '- Someone is on it: pellucid monitor acknowledge 1f3a'
    """
    return markdown.replace("`", "")


def tamed(text: str) -> str:
    r"""Return text as one line that means nothing to Markdown, HTML or a chat.

    Examples
    --------
    >>> tamed("route=<!channel>\n`x` [a](b)")
    "route=‹!channel› 'x' (a)(b)"
    """
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(shown.split()).translate(_TAMED)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def utc_text(at: datetime) -> str:
    """Return an instant to the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _first_line(incident: Incident, kind: NoticeKind, *, is_first: bool) -> str:
    first = incident.alerts[0]
    what = f"{tamed(first.why)}, since {utc_text(incident.started_at)}."
    if kind != "resolved":
        return f"It is open again. {what}" if kind == "worse" and is_first else what
    lasted = _span(incident.last_at - incident.started_at)
    over = f"It last failed at {utc_text(incident.last_at)}, after {lasted}, and is resolved."
    if is_first:
        over += " It was over before anyone here could be told that it had begun."
    return f"{what} {over}"


def _others(incident: Incident) -> list[str]:
    """Return which other checks show the same, in one line, if any do."""
    first, *rest = incident.alerts
    known = dict.fromkeys(_place(alert) for alert in rest)
    known.pop(_place(first), None)
    if not known:
        return []
    named = [*known][:_NAMED]
    more = f", and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return [f"- The same shows in: {'; '.join(named)}{more}"]


def _place(alert: Alert) -> str:
    where = f" of {conditions_text(alert.slice)}" if alert.slice else ""
    return tamed(f"{alert.label}{where}")


def _notes(incident: Incident, notes: Mapping[str, str]) -> Iterable[str]:
    """Return what to do, by the checks that fail, each once and the first ones only."""
    found = dict.fromkeys(notes.get(alert.check, "") for alert in incident.alerts)
    return [note for note in found if note][:_NAMED]


def _cost(incident: Incident, kind: NoticeKind) -> tuple[str, str]:
    name = "Cost" if kind == "resolved" else "Cost so far"
    return name, cost_text(incident.stake) if incident.stake else ""


def cost_text(stake: Stake) -> str:
    """Return what an incident costs, in words.

    Examples
    --------
    >>> cost_text(Stake(lost=312.4, low=250, high=371, label="approvals", money_minor=1240000,
    ...                 currency="EUR"))
    'about 312 approvals (95%: 250 to 371), 12,400.00 EUR'
    """
    is_more = stake.lost < 0
    sign = -1 if is_more else 1
    low, high = sorted((sign * stake.low, sign * stake.high))
    what = f"{'none: ' if is_more else ''}about {sign * stake.lost:,.0f} "
    what += f"{'more ' if is_more else ''}{stake.label} "
    what += f"(95%: {low:,.0f} to {high:,.0f})".replace("-", "−")
    if stake.money_minor is None:
        return what
    decimals = minor_decimals(stake.currency)
    money = f"{sign * stake.money_minor / 10**decimals:,.{decimals}f} {stake.currency}"
    return f"{what}, {money.replace('-', '−')}"


def _span(length: timedelta) -> str:
    """Return a length of time by its two largest units."""
    days, rest = divmod(max(length, _MINUTE), DAY)
    hours, rest = divmod(rest, HOUR)
    parts = [(days, "d"), (hours, "h"), (rest // _MINUTE, "min")]
    return " ".join([f"{number} {unit}" for number, unit in parts if number][:2])
