"""The report in a real browser: draws, runs nothing foreign, asks nothing of the network."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_content import make_content
from test_report_page import HOSTILE

from pellucid.report.page import render_report

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update",
             "--disable-sync"]  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="chromium is not installed"),
]


class Visit:
    """A page that was opened, and everything that it did on its own."""

    def __init__(self, browser, path: Path, **options) -> None:
        self.requests, self.complaints = [], []
        self.page = browser.new_page(**options)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]", state="attached")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("report") / "report.html"
    place.write_text(render_report(make_content()), "utf-8")
    return place


def test_hostile_names_run_nothing(browser, tmp_path):
    place = tmp_path / "hostile.html"
    place.write_text(render_report(make_content(hostile=HOSTILE)), "utf-8")
    visit = Visit(browser, place)
    charts = visit.page.locator(".chart")
    for index in range(charts.count()):
        charts.nth(index).hover()
    assert visit.complaints == []
    assert visit.requests == [place.as_uri()]
    assert visit.page.locator("main img").count() == 0
    assert visit.page.locator(".chart.failed").count() == 0


def test_theme_switch_redraws_without_a_request(browser, path):
    visit = Visit(browser, path, color_scheme="light")
    line = "#approval-rate-over-time-chart .scatterlayer .js-line >> nth=-1"
    before = visit.page.locator(line).evaluate("node => node.style.stroke")
    visit.page.get_by_role("button", name="Dark mode").click()
    visit.page.wait_for_function(
        "([css, old]) => { const all = document.querySelectorAll(css);"
        " return all[all.length - 1].style.stroke !== old; }",
        arg=["#approval-rate-over-time-chart .scatterlayer .js-line", before],
    )
    assert before == "rgb(11, 95, 224)"
    assert visit.page.locator(line).evaluate("node => node.style.stroke") == "rgb(110, 163, 255)"
    assert visit.requests == [path.as_uri()]
    assert visit.complaints == []


def test_csv_button_saves_the_numbers(browser, path):
    visit = Visit(browser, path)
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Download Largest moves as CSV").click()
    text = Path(download.value.path()).read_text("utf-8-sig")
    assert download.value.suggested_filename == "largest-moves.csv"
    assert text.splitlines()[0] == "Layer,From,To,Decisions,Share of all"
    assert len(text.splitlines()) == 11
    assert [url for url in visit.requests if not url.startswith(("file:", "blob:"))] == []


def test_png_button_saves_a_picture(browser, path):
    visit = Visit(browser, path)
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Download Approval by route as PNG").click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    assert visit.complaints == []


@pytest.mark.parametrize("width", [390, 820, 1280])
def test_nothing_sticks_out_of_the_page(browser, path, width):
    visit = Visit(browser, path, viewport={"width": width, "height": 900})
    size = visit.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert size[0] <= size[1]


def test_paper_gets_every_figure_in_light_colours(browser, path):
    visit = Visit(browser, path, color_scheme="dark")
    visit.page.emulate_media(media="print")
    visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert visit.page.evaluate("document.documentElement.dataset.theme") == "light"
    ground = visit.page.evaluate(
        "getComputedStyle(document.documentElement).getPropertyValue('--surface').trim()"
    )
    assert ground == "#FFFFFF"
    assert not visit.page.locator(".rail").is_visible()
