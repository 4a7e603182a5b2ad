"""Sending: real servers on this machine, down, slow and broken ones among them."""

from __future__ import annotations

import base64
import json
import logging
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from noted import MINUTE, NOW, Hook, channel, hook, incident, mailbox

pytest.importorskip("apprise")

from pellucid.errors import SpecError, UnknownNameError
from pellucid.monitor.notices.address import address_of
from pellucid.monitor.notices.due import due
from pellucid.monitor.notices.notice import Try
from pellucid.monitor.notices.send import check_channels, send
from pellucid.spec.check import Channel

SECRET = "hunter2-Zq9xT4"


def sent(*channels: Channel, count: int = 1, **options: Any) -> tuple[Try, ...]:
    incidents = [incident(f"i{number}") for number in range(count)]
    return send(due(incidents, (), channels, now=NOW), channels, now=NOW, **options)


def states(tries: tuple[Try, ...]) -> list[str]:
    return [item.state for item in tries]


def test_a_webhook_gets_markdown() -> None:
    with hook() as own:
        (done,) = sent(channel(url=own.url()))
    (came,) = own.came
    (notice,) = due([incident("i0")], (), [channel()], now=NOW)
    assert done == Try(notice_id=notice.notice_id, tried_at=NOW, incident_id="i0", channel="ops",
                       kind="opened", severity="warn", state="sent")  # fmt: skip
    assert (came["title"], came["message"], came["type"]) == (notice.title, notice.body, "warning")


def test_a_webhook_that_shows_plain_text_gets_that() -> None:
    with hook() as own:
        sent(channel(url=own.url(path="/?format=text")))
    assert "`" not in own.came[0]["message"]
    assert "Someone is on it: pellucid monitor acknowledge i0." in own.came[0]["message"]


def test_a_mail_arrives() -> None:
    with mailbox() as (port, mails):
        done = sent(channel(
            url=f"mailto://127.0.0.1:{port}?from=monitor@example.com&to=ann@example.com&mode=insecure"
        ))  # fmt: skip
    assert states(done) == ["sent"], done
    (mail,) = mails
    assert "ann@example.com" in mail
    assert "Approval" in mail


def test_what_is_too_long_for_a_service_is_cut() -> None:
    """It would be refused each time. Mattermost takes 4,000 characters."""
    with hook() as own:
        to = channel(url=f"mmost://127.0.0.1:{own.port}/3ccdd113474722377935511fc85d3dd4")
        incidents = [incident(f"i{number}", title="long " * 100) for number in range(30)]
        send(due(incidents, (), [to], now=NOW), [to], now=NOW)
    (came,) = own.came
    assert 3_500 < len(came["text"]) <= 4_000
    assert "30 incidents in card-routing" in came["text"]


@pytest.mark.parametrize(("state", "severity", "kind"), [
    ("open", "critical", "failure"), ("open", "info", "info"), ("resolved", "critical", "success"),
])  # fmt: skip
def test_services_are_told_how_bad_it_is(state: Any, severity: Any, kind: str) -> None:
    with hook() as own:
        to = channel(url=own.url(), severity="info")
        send(due([incident(state=state, severity=severity)], (), [to], now=NOW), [to], now=NOW)
    assert own.came[0]["type"] == kind


def test_many_notices_are_one_message_and_a_try_each() -> None:
    with hook() as own:
        done = sent(channel(url=own.url()), count=9)
    assert len(own.came) == 1
    assert states(done) == ["sent"] * 9, done[0]
    assert len({item.notice_id for item in done}) == 9


def test_a_server_that_is_down_gets_its_notice_once_when_it_is_up() -> None:
    """Kept, tried again after growing pauses, delivered once."""
    with hook() as gone:
        port = gone.port
    to, tries, at = channel(url=f"json://127.0.0.1:{port}/"), (), NOW
    made = []

    def run_for(minutes: int) -> None:
        nonlocal tries, at
        for _ in range(minutes):
            found = due([incident()], tries, [to], now=at)
            tries += send(found, [to], now=at)
            made.extend([(at - NOW) // MINUTE] * len(found))
            at += MINUTE

    run_for(10)
    assert made == [0, 1, 3, 7]
    assert states(tries) == ["failed"] * 4
    with hook(port) as own:
        run_for(60)
    assert made == [0, 1, 3, 7, 15]
    assert len(own.came) == 1
    assert states(tries) == ["failed"] * 4 + ["sent"]


def test_a_server_that_fails_costs_no_other_channel() -> None:
    with hook(status=500) as broken, hook() as fine:
        to = [channel("broken", broken.url()), channel("odd", "slakc://x/y"),
              channel("unset", "json://${NO_SUCH_VARIABLE}/"),
              channel("fine", fine.url())]  # fmt: skip
        done = sent(*to)
    assert states(done) == ["failed", "failed", "failed", "sent"]
    assert "error=500" in done[0].problem
    assert "not one that Apprise can send to" in done[1].problem
    assert "NO_SUCH_VARIABLE of its url is not set" in done[2].problem
    assert len(fine.came) == 1


def test_a_service_that_raises_costs_no_other_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library below raises what Apprise does not expect, as a bug of a plugin would."""
    import requests

    request = requests.request

    def broken(method: str, url: str, **options: Any) -> Any:
        if "bad" in url:
            raise RecursionError(f"deep in {url}")
        return request(method, url, **options)

    monkeypatch.setattr(requests, "request", broken)
    with hook() as own:
        done = sent(channel("bad", own.url(path=f"/bad/{SECRET}")), channel("fine", own.url()))
    assert states(done) == ["failed", "sent"]
    assert SECRET not in done[0].problem
    assert done[0].problem


def test_a_slow_server_holds_nobody_up() -> None:
    with hook(delay=30) as slow, hook() as fine:
        begun = time.monotonic()
        done = sent(channel("slow", slow.url()), channel("fine", fine.url()), count=3,
                    time_limit=2.0)  # fmt: skip
        took = time.monotonic() - begun
    assert states(done) == ["failed"] * 3 + ["sent"] * 3
    assert {item.problem for item in done[:3]} == {"not done within 2 s"}
    assert took < 10
    assert all(item.daemon for item in threading.enumerate() if item.name == "pellucid-notices")


def test_a_server_cannot_send_a_notice_elsewhere() -> None:
    with hook() as other, hook(status=307) as own:
        own.headers["Location"] = f"http://127.0.0.1:{other.port}/stolen"
        done = sent(channel(url=own.url()))
    assert states(done) == ["failed"]
    assert other.asked == []


def test_a_notice_for_a_channel_that_is_not_there_is_an_error() -> None:
    found = due([incident()], (), [channel("ops")], now=NOW)
    with pytest.raises(UnknownNameError, match="no channel is called 'ops'"):
        send(found, [channel("opps")], now=NOW)


def _url_with_secret(own: Hook, place: str) -> str:
    if place == "password":
        return own.url(login=f"ann:{SECRET}@")
    if place == "path":
        return own.url(path=f"/services/{SECRET}/x")
    return own.url(path=f"/?+X-Key={SECRET}&-token={SECRET}")


@pytest.mark.parametrize("place", ["password", "path", "query"])
@pytest.mark.parametrize("way", ["refused", "500", "fine", "bad"])
def test_no_secret_gets_out(place: str, way: str, caplog: Any, capfd: Any) -> None:
    """Into no problem, log or output, at any level of logging, from any library."""
    with hook(status=500 if way == "500" else 200) as own:
        url = _url_with_secret(own, place)
        if way == "bad":
            url = url.replace("json://", "jsom://")
        if way != "refused":
            done = run_logged(url, caplog)
    if way == "refused":
        done = run_logged(url, caplog)
    assert states(done) == ["sent" if way == "fine" else "failed"]
    assert bool(done[0].problem) == (way != "fine")
    out = capfd.readouterr()
    hidden = [SECRET, SECRET[:8], base64.b64encode(f"ann:{SECRET}".encode()).decode()]
    for text in (done[0].problem, caplog.text, out.out, out.err, repr(done)):
        assert not [part for part in hidden if part.lower() in text.lower()]
    assert not [item for item in caplog.records if item.name.startswith(("apprise", "urllib3"))]
    logging.getLogger("apprise").warning("others are heard")
    assert "others are heard" in caplog.text


def run_logged(url: str, caplog: Any) -> tuple[Try, ...]:
    caplog.set_level(1)
    for name in ("apprise", "urllib3", "requests"):
        caplog.set_level(1, logger=name)
    return sent(channel(url=url))


def test_what_a_service_says_of_its_own_url_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many services the host is a token, and hosts that do not answer are named."""
    monkeypatch.setenv("HOOK_HOST", "localhost")
    with hook() as gone:
        port = gone.port
    (done,) = sent(channel(url=f"json://${{HOOK_HOST}}:{port}/"))
    assert done.problem == "A Connection error occurred sending JSON notification to ***."


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=3, max_size=30),
       st.text(max_size=20))  # fmt: skip
def test_no_form_of_a_variable_is_said(secret: str, around: str) -> None:
    address = address_of(channel(url="mailto://ann:${PASSWORD}@example.com"), {"PASSWORD": secret})
    said = address.redacted(f"{around} {secret} {address.url} {secret.upper()}")
    # The mask itself may be what is asked for.
    assert secret.strip("*").lower() not in said.replace("***", "").lower() or (
        secret.lower() in around.replace("***", "").lower() or not secret.strip("*")
    )
    assert secret not in repr(address)


@pytest.mark.parametrize("password", ["p@ss/w:rd?#&%41", "a b", "ü", "+"])
def test_a_variable_is_one_part_of_a_url(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what follows an @ in a password would be looked up as a host."""
    monkeypatch.setenv("PASSWORD", password)
    with hook() as own:
        done = sent(channel(url=own.url(login="ann:${PASSWORD}@", path="/x")))
    assert states(done) == ["sent"]
    assert own.asked == ["/x"]


def test_a_variable_may_be_the_whole_url(monkeypatch: pytest.MonkeyPatch) -> None:
    with hook() as own:
        monkeypatch.setenv("HOOK_URL", own.url(path="/a/b") + "\n")
        assert states(sent(channel(url="${HOOK_URL}"))) == ["sent"]
    assert own.asked == ["/a/b"]


@pytest.mark.parametrize("environment", [{}, {"TOKEN": ""}])
def test_a_missing_variable_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(SpecError, match=r"channel 'ops'.*\n.*variable TOKEN .*is not set"):
        address_of(channel(url="slack://${TOKEN}/${TOKEN}"), environment)


def test_channels_are_checked_without_sending() -> None:
    with hook() as own:
        problems = check_channels([
            channel("fine", own.url()), channel("twice", own.url()), channel("twice", own.url()),
            channel("odd", f"slakc://{SECRET}/y"), channel("short", f"slack://{SECRET}"),
            channel("method", own.url(path=f"/?method={SECRET}")),
            channel("unset", "json://${NO_SUCH_VARIABLE}/"),
            channel("config", own.url().replace("json://", "http://")),
            channel("file", "file:///etc/hosts"),
        ])  # fmt: skip
    assert own.asked == []
    assert [text.partition(":")[0] for text in problems] == [
        f"channel '{name}'"
        for name in ("twice", "odd", "short", "method", "unset", "config", "file")
    ]
    assert SECRET not in str(problems)
    assert check_channels([]) == ()


_WATCH = """
import json, sys
calls = []
def heard(event, given):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec",
                 "socket.gethostbyname", "socket.sendto", "webbrowser.open"):
        calls.append([event, str(given)])
    elif event == "open" and isinstance(given[1], str) and set(given[1]) & set("wax+"):
        calls.append([event, str(given)])
sys.dont_write_bytecode = True
sys.addaudithook(heard)
from pellucid.monitor.notices.send import check_channels
from pellucid.spec.check import Channel
problems = check_channels([Channel(name=url, url=url) for url in sys.argv[1:]])
print(json.dumps([problems, calls]))
"""


@pytest.mark.slow
def test_nothing_is_called_before_there_is_a_notice() -> None:
    """Importing Apprise and making services of URLs opens no connection, file or program."""
    urls = [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
        "mailto://ann:secret@example.com", "json://example.com/x", "jsons://example.com",
        "pagerduty://A1BRTD4JD@TIiajkdnlazkcOXrIdevi7FQ/", "tgram://123456789:abcdefg_hijklmnop/12",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "opsgenie://a1b2c3d4-e5f6",
        "workflows://example.com:443/643b1669/6c7fe9dfa8/", "ntfy://example.com/topic",
    ]  # fmt: skip
    run = subprocess.run([sys.executable, "-c", _WATCH, *urls], capture_output=True, text=True,
                         check=True)  # fmt: skip
    problems, calls = json.loads(run.stdout)
    assert (problems, calls) == ([], [])


def test_the_urls_of_the_page_are_good(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[4] / "docs" / "alerts.md").read_text()
    (block,) = re.findall(r"```yaml\n(channels:.*?)```", page, re.DOTALL)
    channels = [Channel(**item) for item in yaml.safe_load(block)["channels"]]
    for name in re.findall(r"\$\{(\w+)\}", block):
        monkeypatch.setenv(name, f"{name}0123456789abcdef"[-20:])
    monkeypatch.setenv("SLACK_WEBHOOK", "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/"
                       "TIiajkdnlazkcOXrIdevi7FQ")  # fmt: skip
    assert len(channels) == 4
    assert check_channels(channels) == ()


def test_without_apprise_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['apprise'] = None\n"
        "from pellucid.monitor.notices.send import check_channels\n"
        "from pellucid.spec.check import Channel\n"
        "print(check_channels([]))\n"
        "check_channels([Channel(name='ops', url='json://localhost')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout == "()\n"
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("pellucid.errors.MissingExtraError: sending notices needs 'apprise'")
    assert last.endswith("pip install 'pellucid[alerts]'")
