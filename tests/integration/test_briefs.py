"""``pellucid brief`` and ``pellucid serve`` as commands."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request

import pytest

import pellucid
from pellucid.demo import load_demo

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    place = tmp_path_factory.mktemp("briefs") / "lake"
    list(load_demo(lake=str(place), decisions=6_000))
    return place


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "pellucid.cli", *arguments],
                          capture_output=True, text=True, check=False, timeout=120)  # fmt: skip


def test_a_brief_is_written_whole_with_its_filter_and_maker(lake, tmp_path):
    place = tmp_path / "brief.html"
    done = run("brief", "control?range=7d&is.country=BR", "--lake", str(lake), "--output",
               str(place), "--made-by", "Ana")  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = place.read_text()
    assert "Only Card country: BR." in text
    assert "by Ana" in text
    assert pellucid.open(lake).system.name in text
    assert list(tmp_path.iterdir()) == [place]


def test_a_brief_of_no_page_says_which_there_are(lake, tmp_path):
    done = run("brief", "overvew", "--lake", str(lake), "--output", str(tmp_path / "x.html"))
    assert done.returncode == 2
    assert "did you mean 'overview'" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_brief_takes_an_address_as_it_is_copied(lake, tmp_path):
    place = tmp_path / "brief.html"
    address = "http://127.0.0.1:8000/card-routing/rules?is.country=BR"
    done = run("brief", address, "--lake", str(lake), "--output", str(place))
    assert done.returncode == 0, done.stderr
    assert "Only Card country: BR." in place.read_text()


@pytest.mark.parametrize("page", [
    "decision?id=nope", "incident?id=nope", "overview?where=1;drop", "decisions",
    "overview?from=9999-12-31&to=9999-12-31",
])  # fmt: skip
def test_a_brief_of_nothing_is_not_written(lake, tmp_path, page):
    done = run("brief", page, "--lake", str(lake), "--output", str(tmp_path / "x.html"))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_served_is_said(lake, tmp_path):
    (tmp_path / "file").touch()
    for arguments, said in (
        (("--lake", str(tmp_path / "file")), "is a file"),
        (("--lake", str(lake), "--port", "99999"), "0 to 65535"),
        (("--lake", str(lake), "--port", "-1"), "0 to 65535"),
    ):
        done = run("serve", *arguments)
        assert done.returncode == 2
        assert said in done.stderr


def test_serve_says_where_and_answers_until_it_is_ended(lake):
    command = [sys.executable, "-m", "pellucid.cli", "serve", "--lake", str(lake), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            root = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())[0]
            with urllib.request.urlopen(f"{root}api/v1/systems", timeout=60) as reply:
                assert reply.read() == b'["card-routing"]'
            server.terminate()
            assert server.wait(20) in (0, -15)
        finally:
            server.kill()


def test_a_port_in_use_is_said(lake):
    command = [sys.executable, "-m", "pellucid.cli", "serve", "--lake", str(lake), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = re.search(r":(\d+)/", server.stdout.readline())[1]
            done = run("serve", "--lake", str(lake), "--port", port)
        finally:
            server.kill()
    assert done.returncode == 2
    assert "already in use" in done.stderr
    assert "--port" in done.stderr
