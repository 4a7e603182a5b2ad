"""Checks over a real lake: runs, backtests, states, notices and the command, end to end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pellucid
from integration.watched import DAY, END, HOUR, OUTAGE_AT, STALE_AT, make_lake, system
from pellucid.cli import main
from pellucid.errors import SpecError, UnknownNameError
from pellucid.spec.codec import to_yaml

CHECKS = pellucid.Checks(
    checks=(
        pellucid.Check(name="approvals", metric="approval_rate", severity="critical",
                       by=("route", "country", "route,country"), owner="payments",
                       note="Call the acquirer."),
        pellucid.Check(name="volume", metric="decision_count", by=("country",)),
        pellucid.Check(name="features", rule="drift", columns=("feature",)),
        pellucid.Check(name="fresh", rule="late", after="6h"),
    ),
    markers=(pellucid.Marker(name="release 14", at=(OUTAGE_AT - 2 * HOUR).isoformat()),),
)  # fmt: skip
WEEK = f"{(END - 7 * DAY).isoformat()}..{END.isoformat()}"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("watched") / "lake"
    make_lake(root)
    return root


@pytest.fixture
def lake(stored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stored, tmp_path / "lake"))


@pytest.fixture
def checks_file(tmp_path: Path) -> Path:
    path = tmp_path / "checks.yml"
    path.write_text(to_yaml(CHECKS))
    return path


def ids(found: tuple[pellucid.Incident, ...]) -> list[tuple[str, str, str]]:
    return sorted((item.cause.subject, str(item.cause.slice), item.state) for item in found)


def test_a_backtest_finds_what_was_planted_and_nothing_else(stored: Path) -> None:
    found = pellucid.open(stored).backtest(CHECKS, over=WEEK)
    assert ids(found.incidents) == [
        ("approval_rate", "(('route', 'north'),)", "resolved"), ("load", "()", "open"),
    ]  # fmt: skip
    outage, stale = found.incidents
    assert outage.started_at == OUTAGE_AT
    # The first hour is over after one, and its outcomes are mature two hours later.
    assert outage.opened_at == OUTAGE_AT + 3 * HOUR
    assert outage.markers == ("release 14",)
    assert outage.stake is not None
    # 0.8 of the decisions of a third of the traffic, 40 an hour, for ten hours.
    assert 80 < outage.stake.low < 0.85 * 40 / 3 * 10 < outage.stake.high < 140
    assert outage.stake.currency == "EUR"
    assert outage.stake.money_minor == pytest.approx(outage.stake.lost * 2750, rel=0.1)
    assert stale.opened_at == STALE_AT + DAY
    assert "all values are missing now" in stale.title
    assert found.rows.num_rows == 2


def test_runs_find_the_same_whenever_they_are_made(lake: Path, stored: Path) -> None:
    whole = pellucid.open(stored).backtest(CHECKS, over=f"{(END - 3 * DAY).isoformat()}.."
                                           f"{(END - HOUR).isoformat()}")  # fmt: skip
    obs = pellucid.open(lake)
    first = obs.monitor(CHECKS, now=OUTAGE_AT - 10 * HOUR)
    assert not first.incidents
    for hours in (3, 4, 4, 11, 30, 61):
        obs.monitor(CHECKS, now=OUTAGE_AT + hours * HOUR)
        again = obs.monitor(CHECKS, now=OUTAGE_AT + hours * HOUR)
        assert again.window is None
        assert again.changed == ()
    assert ids(obs.incidents()) == ids(whole.incidents)
    by_cause = {item.cause.subject: item for item in obs.incidents()}
    for item in whole.incidents:
        own = by_cause[item.cause.subject]
        assert (own.opened_at, own.started_at) == (item.opened_at, item.started_at)
        assert {alert.alert_id for alert in own.alerts} == {a.alert_id for a in item.alerts}


def test_people_change_states_and_every_change_is_kept(lake: Path) -> None:
    obs = pellucid.open(lake)
    obs.monitor(CHECKS, now=OUTAGE_AT + 5 * HOUR)
    (open_one,) = obs.incidents(state="open")
    obs.acknowledge(open_one.incident_id, actor="ana", note="bank called")
    assert obs.incident(open_one.incident_id).owner == "ana"
    run = obs.monitor(CHECKS, now=OUTAGE_AT + 6 * HOUR)
    assert [item.state for item in run.incidents] == ["acknowledged"]
    obs.mute(open_one.incident_id, actor="ana")
    obs.resolve(open_one.incident_id, actor="bo", note="fixed")
    assert obs.incident(open_one.incident_id).actor == "bo"
    with pytest.raises(SpecError, match="is resolved since"):
        obs.acknowledge(open_one.incident_id, actor="ana")
    with pytest.raises(UnknownNameError, match="no incident is called 'x'"):
        obs.resolve("x", actor="ana")
    files = sorted((lake / "watched" / "incidents").rglob("*.parquet"))
    states = [row["state"] for path in files for row in pq.read_table(path).to_pylist()]
    assert {"open", "acknowledged", "muted", "resolved"} <= set(states)
    # It still fails: whoever resolved it was wrong.
    obs.monitor(CHECKS, now=OUTAGE_AT + 8 * HOUR)
    assert obs.incident(open_one.incident_id).state == "open"


def test_records_that_stay_away_are_told_and_their_coming_back_too(lake: Path) -> None:
    obs = pellucid.open(lake)
    obs.monitor(CHECKS, now=END)
    run = obs.monitor(CHECKS, now=END + 7 * HOUR)
    late = [item for item in run.incidents if item.cause.kind == "late"]
    assert len(late) == 1
    assert "No decisions came since" in late[0].title
    assert obs.monitor(CHECKS, now=END + 9 * HOUR).changed == ()


def test_a_cause_lies_within_the_rows_that_its_check_watches(stored: Path) -> None:
    approvals = pellucid.Check(name="abroad", metric="approval_rate", by=("route",),
                               where="country <> 'BR'")  # fmt: skip
    (found,) = pellucid.open(stored).backtest(pellucid.Checks(checks=(approvals,)),
                                              over=WEEK).incidents  # fmt: skip
    assert found.cause.slice == (("route", "north"),)
    of_france = replace(approvals, by=(), where="country = 'FR' AND route = 'north'")
    (found,) = pellucid.open(stored).backtest(pellucid.Checks(checks=(of_france,)),
                                              over=WEEK).incidents  # fmt: skip
    before, since = (float(part.rstrip("%.")) for part in found.cause.told.split() if "%" in part)
    assert before > 70
    assert since < 20


def test_limits_fail_only_where_chance_does_not_explain_it(stored: Path) -> None:
    floor = pellucid.Check(name="floor", rule="limit", metric="approval_rate", below=0.6,
                           over="6h", by=("route",))  # fmt: skip
    near = replace(floor, name="near", below=0.86, by=())
    found = pellucid.open(stored).backtest(
        pellucid.Checks(checks=(floor, near)),
        over=f"{(OUTAGE_AT - 12 * HOUR).isoformat()}..{(OUTAGE_AT + 12 * HOUR).isoformat()}",
    )
    assert found.incidents[0].cause.slice == (("route", "north"),)
    whys = [alert.why for item in found.incidents for alert in item.alerts]
    assert any("of route=north is" in why and "below its limit of 60.0%" in why for why in whys)
    assert min(item.opened_at for item in found.opened) > OUTAGE_AT + 2 * HOUR


def test_columns_of_few_rows_are_judged_by_several_days(tmp_path: Path) -> None:
    make_lake(tmp_path / "lake", a_day=40)
    obs = pellucid.open(tmp_path / "lake")
    features = replace(CHECKS, checks=(CHECKS.checks[2],))
    (found,) = obs.backtest(features, over=WEEK).incidents
    assert found.cause.subject == "load"
    assert found.started_at <= STALE_AT < found.opened_at == STALE_AT + DAY
    of_a_day = obs.drift("load", over=f"{STALE_AT.isoformat()}..{(STALE_AT + DAY).isoformat()}")
    assert [item.verdict for item in of_a_day.columns] == ["too few rows"]


def test_a_day_that_grew_is_counted_anew(tmp_path: Path) -> None:
    make_lake(tmp_path / "lake", a_day=200)
    obs = pellucid.open(tmp_path / "lake")
    day = f"{(END - 2 * DAY).isoformat()}..{(END - DAY).isoformat()}"
    (before,) = obs.drift("load", over=day).columns
    count = 50
    pellucid.Logger(system(), to=tmp_path / "lake").table("candidates", pa.table({
        "decision_id": [f"late{number}" for number in range(count)],
        "decided_at": pa.array([END - 2 * DAY] * count, pa.timestamp("us", tz="UTC")),
        "candidate_id": ["north"] * count, "is_eligible": [True] * count,
        "is_chosen": [True] * count, "f_load": [9.0] * count,
    })).raise_for_refused()  # fmt: skip
    (after,) = obs.drift("load", over=day).columns
    assert after.drift.n == before.drift.n + count
    assert after.drift.baseline_n == before.drift.baseline_n


def test_tuning_says_what_each_budget_finds(stored: Path) -> None:
    end = OUTAGE_AT + 10 * HOUR
    known = pellucid.Marker(name="north fails", at=OUTAGE_AT.isoformat(), kind="known",
                            until=end.isoformat(), slice=("route=north",))  # fmt: skip
    checks = replace(CHECKS, markers=(known,), checks=CHECKS.checks[:2])
    found = pellucid.open(stored).tune(checks, over=WEEK)
    rows = found.rows.to_pylist()
    assert [row["found"] for row in rows] == [1] * len(rows)
    assert [row["incidents"] for row in rows] == sorted(row["incidents"] for row in rows)
    assert "1 of 1 known incidents" in found.told


class Hook(BaseHTTPRequestHandler):
    """Takes what Apprise posts, or says that it is broken."""

    got: list[dict[str, str]]
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if type(self).status == 200:
            self.got.append(json.loads(body))
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[tuple[type[Hook], str]]:
    kind = type("OwnHook", (Hook,), {"got": [], "status": 200})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield kind, f"json://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_notifier_that_is_down_gets_its_notice_once_it_is_up(
    lake: Path, hook: tuple[type[Hook], str]
) -> None:
    kind, url = hook
    checks = replace(CHECKS, channels=(pellucid.Channel(name="chat", url=url),))
    obs = pellucid.open(lake)
    now = OUTAGE_AT + 4 * HOUR
    obs.monitor(checks, now=now)
    kind.status = 503
    (failed,) = obs.notify(checks, now=now)
    assert failed.state == "failed"
    assert failed.problem
    kind.status = 200
    assert [item.state for item in obs.notify(checks, now=now + timedelta(minutes=5))] == ["sent"]
    assert obs.notify(checks, now=now + HOUR) == ()
    (message,) = kind.got
    assert "Approval rate of route=north fell" in message["title"]
    assert "Call the acquirer." in message["message"]
    obs.monitor(checks, now=OUTAGE_AT + 37 * HOUR)
    assert [item.kind for item in obs.notify(checks, now=OUTAGE_AT + 37 * HOUR)] == ["resolved"]


def run_command(*arguments: str | Path) -> int:
    return main([str(argument) for argument in arguments])


def test_the_command_from_proposal_to_resolution(
    lake: Path, checks_file: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    at = (OUTAGE_AT + 5 * HOUR).isoformat()
    assert run_command("monitor", "propose", "--lake", lake) == 0
    (tmp_path / "proposed.yml").write_text(capsys.readouterr().out)
    assert len(pellucid.read_checks(tmp_path / "proposed.yml").checks) > 5
    code = run_command("monitor", "run", "--checks", checks_file, "--lake", lake, "--now", at,
                       "--fail-on", "critical")  # fmt: skip
    assert code == 3
    assert "Approval rate of route=north fell" in capsys.readouterr().out
    (incident,) = pellucid.open(lake).incidents()
    name = incident.incident_id
    assert run_command("monitor", "show", name, "--lake", lake) == 0
    assert "Probable cause: Approval rate of route=north" in capsys.readouterr().out
    assert run_command("monitor", "acknowledge", name, "--lake", lake, "--as", "ana") == 0
    assert run_command("monitor", "run", "--checks", checks_file, "--lake", lake, "--now", at,
                       "--fail-on", "critical") == 0  # fmt: skip
    assert run_command("monitor", "mute", name, "--for", "2h", "--lake", lake) == 0
    assert run_command("monitor", "resolve", name, "--lake", lake) == 0
    capsys.readouterr()
    assert run_command("monitor", "incidents", "--lake", lake, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["state"] == "resolved"
    assert run_command("monitor", "metrics", "--lake", lake) == 0
    assert "pellucid_monitor_last_run_timestamp_seconds" in capsys.readouterr().out
    assert run_command("monitor", "grafana", "--lake", lake) == 0
    assert json.loads(capsys.readouterr().out)["panels"]


def test_wrong_checks_are_told_with_their_place(
    lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.yml"
    path.write_text("checks: [{name: a, metric: gone_rate}, {name: b, rule: late}]\n"
                    "channels: [{name: chat, url: 'nowhere://x'}]\n")  # fmt: skip
    assert run_command("monitor", "run", "--checks", path, "--lake", lake) == 2
    assert "chat" in capsys.readouterr().err
    assert run_command("monitor", "backtest", "--checks", path, "--lake", lake) == 2
    told = capsys.readouterr().err
    assert "checks.a.metric: no metric is called 'gone_rate'" in told
    assert "checks.b: needs `after`" in told


@pytest.mark.slow
def test_a_run_that_is_killed_loses_nothing_and_doubles_nothing(
    lake: Path, checks_file: Path
) -> None:
    command = [sys.executable, "-m", "pellucid.cli", "monitor", "run", "--quiet", "--checks",
               str(checks_file), "--lake", str(lake), "--now"]  # fmt: skip
    at = [OUTAGE_AT + hours * HOUR for hours in (-8, 4, 5, 20, 40)]
    for number, now in enumerate(at):
        for delay in (0.6, 1.2, 1.8):
            process = subprocess.Popen([*command, now.isoformat()], stdout=subprocess.DEVNULL)
            time.sleep(delay + number / 10)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        subprocess.run([*command, now.isoformat()], check=True, stdout=subprocess.DEVNULL)
    found = pellucid.open(lake).incidents()
    whole = pellucid.open(lake).backtest(
        CHECKS, over=f"{(OUTAGE_AT - 32 * HOUR).isoformat()}..{at[-1].isoformat()}"
    )
    assert ids(found) == ids(whole.incidents)
    for item in found:
        assert len({alert.alert_id for alert in item.alerts}) == len(item.alerts)
