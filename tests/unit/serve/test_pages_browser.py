"""The pages in a real browser: what they ask of the network, and how they are used."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from pellucid.demo import SYSTEM, load_demo
from pellucid.figures import numbers
from pellucid.serve.app import create_app
from pellucid.serve.pages import PAGES
from pellucid.serve.served import Served

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update",
             "--disable-sync"]  # fmt: skip
WITHOUT_ITEM = [name for name, page in PAGES.items() if not page.is_item]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="chromium is not installed"),
]


class Visit:
    """A tab, and everything that it did on its own."""

    def __init__(self, browser, root: str, **options) -> None:
        self.root, self.requests, self.complaints = root, [], []
        self.page = browser.new_context(accept_downloads=True, **options).new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def go(self, address: str) -> None:
        self.page.goto(f"{self.root}/{SYSTEM}/{address}")
        self.wait()

    def wait(self) -> None:
        self.page.wait_for_selector("html[data-ready]", state="attached", timeout=90_000)

    def follow(self, name: str) -> None:
        """Click a link and wait until its page is drawn."""
        self.page.get_by_role("link", name=name, exact=True).first.click()
        self.arrive()

    def arrive(self) -> None:
        self.wait()

    @property
    def text(self) -> str:
        return self.page.locator("main").inner_text()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        opened.close()


@contextmanager
def serving(lake):
    """Serve a lake by the command; yield the server's address."""
    command = [sys.executable, "-m", "pellucid.cli", "serve", "--lake", str(lake), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server.stdout.readline().split()[2].rstrip("/")
        finally:
            server.kill()


@pytest.fixture(scope="module")
def root(lake):
    with serving(lake) as address:
        yield address


@pytest.fixture
def visit(browser, root):
    opened = Visit(browser, root, viewport={"width": 1280, "height": 900})
    yield opened
    opened.page.context.close()


@pytest.fixture(scope="module")
def axe():
    return pytest.importorskip("axe_playwright_python.sync_playwright").Axe()


def serious(axe, page) -> list[str]:
    found = axe.run(page).response["violations"]
    return [f"{item['id']}: {item['nodes'][0]['html'][:160]}" for item in found
            if item["impact"] in ("serious", "critical")]  # fmt: skip


@pytest.mark.parametrize("name", WITHOUT_ITEM)
def test_a_page_draws_asks_nobody_else_and_is_accessible(visit, axe, name):
    visit.go(name)
    charts = visit.page.locator(".chart[data-figure]")
    for index in range(charts.count()):
        charts.nth(index).scroll_into_view_if_needed()
        visit.page.wait_for_selector(f"#{charts.nth(index).get_attribute('id')}[data-ready]")
    assert not visit.page.locator(".failed, .failed-card").count()
    assert visit.complaints == []
    assert {url.split("/")[2] for url in visit.requests} == {visit.root.split("/")[2]}
    assert serious(axe, visit.page) == []
    visit.page.set_viewport_size({"width": 390, "height": 800})
    visit.page.wait_for_timeout(300)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("name", ["overview", "explore", "alerts"])
def test_dark_mode_is_accessible_kept_and_asks_nothing(visit, axe, name):
    visit.go(name)
    asked = len(visit.requests)
    visit.page.get_by_role("button", name="Dark mode").click()
    assert len(visit.requests) == asked
    assert serious(axe, visit.page) == []
    visit.page.reload()
    visit.wait()
    assert visit.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert visit.page.get_by_role("button", name="Light mode").is_visible()


def test_a_filter_gives_the_numbers_of_the_python_api_and_an_address(visit, obs):
    visit.go("overview")
    before = visit.page.locator(".kpi .value").first.inner_text()
    visit.page.locator("summary", has_text="Card country").click()
    visit.page.get_by_label("BR").check()
    visit.page.keyboard.press("Escape")
    visit.page.wait_for_url("**is.country=BR**")
    visit.arrive()
    expected = obs.query("decision_count", where="country = 'BR'").rows.to_pylist()[0]["value"]
    shown = visit.page.locator(".kpi .value").first
    assert shown.inner_text() == numbers.count(expected) != before
    visit.page.reload()
    visit.wait()
    assert visit.page.locator(".kpi .value").first.inner_text() == numbers.count(expected)
    visit.follow("Explore")
    assert "Card country: BR" in visit.text
    visit.page.go_back()
    visit.arrive()
    visit.page.go_back()
    visit.page.wait_for_url(re.compile(r"/overview$"))
    visit.arrive()
    assert visit.page.locator(".kpi .value").first.inner_text() == before


def test_presets_and_days_are_in_the_address(visit):
    visit.go("overview")
    visit.page.get_by_label("7d", exact=True).check(force=True)
    visit.page.wait_for_url("**range=7d")
    visit.arrive()
    visit.page.locator("summary", has_text="UTC").click()
    visit.page.get_by_label("From", exact=True).fill("2026-10-10")
    visit.page.get_by_label("To", exact=True).fill("2026-10-12")
    visit.page.get_by_role("button", name="Show these days").click()
    visit.page.wait_for_url("**from=2026-10-10&to=2026-10-12")
    visit.arrive()
    assert "10 Oct – 12 Oct 2026" in visit.text


def test_a_value_can_be_typed_and_removed(visit):
    visit.go("decisions")
    visit.page.locator("summary", has_text="Issuing bank").click()
    visit.page.get_by_label("Find a value of Issuing bank").fill("no-such-bank")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url("**is.issuer=no-such-bank")
    visit.arrive()
    assert "No decision matches" in visit.text
    visit.page.get_by_role("link", name="Remove the filter").click()
    visit.page.wait_for_url(re.compile(r"/decisions$"))
    visit.arrive()
    assert "No decision matches" not in visit.text


def test_enter_takes_the_only_value_that_is_left_and_never_guesses(visit):
    visit.go("decisions")
    visit.page.locator("summary", has_text="Issuing bank").click()
    find = visit.page.get_by_label("Find a value of Issuing bank")
    visit.page.locator("details[open] .option").first.wait_for()
    find.fill("br-")
    visit.page.keyboard.press("Enter")
    assert find.is_visible()
    find.fill("aurora")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url("**is.issuer=br-aurora")


def test_a_panel_never_leaves_the_window(visit):
    visit.go("overview")
    visit.page.set_viewport_size({"width": 1100, "height": 800})
    boxes = visit.page.locator("details.popover")
    for index in range(boxes.count()):
        boxes.nth(index).locator("summary").click()
        panel = boxes.nth(index).locator(".panel, form").first.bounding_box()
        assert panel["x"] >= 0
        assert panel["x"] + panel["width"] <= 1100
        visit.page.keyboard.press("Escape")


def test_back_leads_to_where_one_was_and_no_page_is_kept_twice(visit):
    visit.go("overview")
    links = visit.page.locator(".rail a[aria-current=page]")
    entries = visit.page.evaluate("history.length")
    links.click()
    visit.arrive()
    assert visit.page.evaluate("history.length") == entries
    visit.page.evaluate("scrollTo(0, 900)")
    visit.page.locator("a[href*='/decision?']").first.evaluate("link => link.click()")
    visit.page.wait_for_url("**/decision?**")
    visit.arrive()
    assert visit.page.evaluate("scrollY") == 0
    visit.page.go_back()
    visit.page.wait_for_url("**/overview")
    visit.arrive()
    for _ in range(50):
        if visit.page.evaluate("scrollY") == 900:
            break
        visit.page.wait_for_timeout(100)
    assert visit.page.evaluate("scrollY") == 900


def test_keyboard_alone_reaches_the_content_and_the_filters(visit):
    visit.go("explore")
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.textContent") == "Skip to content"
    visit.page.keyboard.press("Enter")
    summary = visit.page.locator("summary", has_text="Card country")
    summary.focus()
    visit.page.keyboard.press("Enter")
    assert visit.page.get_by_label("Find a value of Card country").is_visible()
    visit.page.keyboard.press("Escape")
    assert not visit.page.get_by_label("Find a value of Card country").is_visible()
    assert visit.page.evaluate("document.activeElement.textContent").startswith("Card country")


def test_a_long_table_is_cut_until_asked_for_and_sorts_by_its_headings(visit):
    visit.go("control")
    card = visit.page.locator("section.card", has_text="against the control arm, by segment").first
    rows = card.locator("tbody tr:visible")
    assert rows.count() == 15
    every = card.locator("tbody tr").count()
    heading = card.get_by_role("button", name="n control", exact=True)
    heading.click()
    shown = [int(text.replace(",", "")) for text in rows.locator("td:last-child").all_inner_texts()]
    assert shown == sorted(shown, reverse=True)
    assert card.locator('th[aria-sort="descending"]').inner_text().startswith("n control")
    card.get_by_role("button", name=f"Show all {every} rows").click()
    assert rows.count() == every
    assert not card.locator(".all-rows").is_visible()
    heading.click()
    shown = [int(text.replace(",", "")) for text in rows.locator("td:last-child").all_inner_texts()]
    assert shown == sorted(shown)
    card.get_by_role("button", name="Likely difference").click()
    assert rows.first.locator("td").nth(4).inner_text().startswith("+")
    assert rows.last.locator("td").nth(4).inner_text() == "–"


def test_a_condition_is_typed_and_a_wrong_one_is_explained(visit):
    visit.go("decisions")
    visit.page.locator("summary", has_text="Condition").click()
    visit.page.get_by_label("Only decisions where").fill("attempt = 2")
    visit.page.get_by_role("button", name="Apply", exact=True).last.click()
    visit.page.wait_for_url("**where=attempt**")
    visit.wait()
    assert visit.page.locator("tbody th, tbody td").count()
    links = visit.page.locator("a[href*='/decision?']").all_inner_texts()
    assert links
    assert all(link.endswith("-2") for link in links)
    visit.page.locator("summary", has_text="Condition").click()
    visit.page.get_by_label("Only decisions where").fill("atempt = 2")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url("**where=atempt**")
    visit.wait()
    assert "unknown column 'atempt'" in visit.page.locator("[role=note]").inner_text()
    assert not visit.page.locator(".failed-card").count()


def test_a_slow_part_is_asked_for_and_can_be_cancelled(visit):
    visit.go("traffic")
    # Held on its way: how long the server takes for it differs from machine to machine.
    visit.page.route("**/part/learned*", lambda route: None)
    visit.page.get_by_role("button", name="Look").click()
    cancel = visit.page.get_by_role("button", name="Cancel")
    cancel.wait_for(timeout=20_000)
    cancel.click()
    visit.page.get_by_text("Cancelled.").wait_for()
    started = time.monotonic()
    visit.follow("Overview")
    assert time.monotonic() - started < 60
    assert "Decisions" in visit.text


def test_a_server_that_is_gone_leaves_what_is_shown(browser, lake):
    with serving(lake) as address:
        visit = Visit(browser, address)
        visit.go("decisions")
    visit.page.get_by_role("link", name="Rules").click()
    visit.page.get_by_text("what is shown is from before").wait_for()
    assert visit.page.locator("table.grid").count()
    visit.page.context.close()


def test_a_brief_opens_offline_from_a_file(visit, browser, tmp_path):
    visit.go("control?is.card_type=credit")
    visit.page.get_by_text("Export", exact=True).click()
    visit.page.get_by_label("Made by").fill("Ana")
    with visit.page.expect_download() as started:
        visit.page.get_by_role("button", name="Download brief").click()
    place = tmp_path / "brief.html"
    started.value.save_as(place)
    offline = browser.new_context(offline=True)
    page = offline.new_page()
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(place.as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    text = page.locator("main").inner_text()
    offline.close()
    assert "by Ana" in text
    assert "Only Card type: credit." in text
    assert all(url.startswith(("file:", "data:", "blob:")) for url in requests)
    assert complaints == []


def test_numbers_and_pictures_can_be_saved(visit):
    visit.go("overview")
    card = visit.page.locator("section.card", has_text="Traffic by route").first
    card.scroll_into_view_if_needed()
    card.locator(".chart[data-ready]").wait_for()
    for name, start in (
        ("CSV", b"\xef\xbb\xbf"),
        ("PNG", b"\x89PNG"),
        ("SVG", b"<svg"),
        ("Parquet", b"PAR1"),
    ):
        with visit.page.expect_download() as started:
            card.get_by_text(name, exact=True).click()
        assert Path(started.value.path()).read_bytes().startswith(start)


def test_the_demo_can_be_loaded_from_the_first_page(browser, tmp_path):
    new = str(tmp_path / "new")
    app = create_app(Served(new), demo=lambda: load_demo(lake=new, decisions=3_000))
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    with config.bind_socket() as socket:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
        thread.start()
        address = f"http://127.0.0.1:{socket.getsockname()[1]}"
        socket.listen()
        visit = Visit(browser, address)
        visit.page.goto(address)
        visit.page.get_by_role("button", name="Load the demo data").click()
        visit.page.get_by_text("Simulating a card-payments router").wait_for()
        visit.page.wait_for_url("**/overview", timeout=200_000)
        visit.page.locator(".kpi .value").first.wait_for(timeout=60_000)
        visit.page.context.close()
        server.should_exit = True
        thread.join()
    assert visit.complaints == []


class TestJourneys:
    """A stakeholder's eight questions, each from Overview in at most three clicks."""

    def test_why_did_approvals_fall_this_week(self, visit):
        visit.go("overview")
        visit.page.get_by_label("7d", exact=True).check(force=True)
        visit.arrive()
        visit.follow("Why it changed")
        assert re.search(r"Approval rate (rose|fell|hardly moved)", visit.text)
        assert "What each part added to the rate" in visit.text

    def test_how_much_traffic_went_to_a_route_in_a_country_and_why(self, visit, obs):
        visit.go("overview")
        visit.page.locator("summary", has_text="Card country").click()
        visit.page.get_by_label("BR").check()
        visit.page.keyboard.press("Escape")
        visit.page.wait_for_url("**is.country=BR")
        visit.arrive()
        visit.follow("Why this share")
        rows = obs.query("traffic_share", by=["route"], where="country = 'BR'").rows.to_pylist()
        top = max((row for row in rows if row["route"]), key=lambda row: row["value"])
        assert f"Why {top['route']} has its share" in visit.text
        assert numbers.rate(top["value"]) in visit.text
        assert numbers.count(top["numerator"]) in visit.text

    def test_what_did_the_cost_layer_do(self, visit):
        visit.go("overview")
        visit.follow("Policy layers")
        assert re.search(r"Fees moved \d+\.\d% of decisions, most of all from", visit.text)
        assert "If one were not there" in visit.text

    def test_why_one_route_and_not_another_for_an_issuer(self, visit):
        visit.go("overview")
        visit.page.locator("summary", has_text="Issuing bank").click()
        visit.page.locator("[data-list] .option").first.wait_for()
        visit.page.locator("details[open] .option").first.click()
        visit.page.keyboard.press("Escape")
        visit.page.wait_for_url("**is.issuer=**")
        visit.arrive()
        visit.follow("Why A, not B")
        assert "Issuing bank: " in visit.text
        assert re.search(r"could both be picked in [\d,]+ decisions", visit.text)

    def test_where_does_ml_do_worse_than_control(self, visit):
        visit.go("overview")
        visit.follow("ML against control")
        assert "where ML decides and" in visit.text
        assert "clearly do" in visit.text

    def test_what_is_wrong_with_the_data_today(self, visit):
        visit.go("overview")
        visit.page.get_by_label("24h", exact=True).check(force=True)
        visit.arrive()
        visit.follow("Drift & quality")
        assert re.search(r"Of \d+ columns", visit.text)
        assert "No row was refused" in visit.text
        visit.page.get_by_role("button", name="Look").click()
        visit.page.get_by_text("Files are whole, and records agree").wait_for(timeout=60_000)

    def test_is_the_model_calibrated(self, visit):
        visit.go("overview")
        visit.follow("Performance")
        assert "Is the model calibrated?" in visit.text
        assert re.search(r"probabilities are (right|too (low|high)) (on average|by)", visit.text)

    def test_what_did_this_payment_go_through(self, visit, obs):
        own = obs.decisions(most=1).to_pylist()[0]["decision_id"]
        visit.go("overview")
        visit.follow("Decisions")
        visit.page.get_by_label("Find").last.fill(own)
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_url(f"**find={own}")
        visit.arrive()
        visit.follow(own)
        for step in ("What was decided about", "Who could be picked", "What the model said",
                     "What the policy layers did", "What happened"):  # fmt: skip
            assert step in visit.text

    def test_an_open_incident_is_one_click_away_with_its_cause(self, visit):
        visit.go("overview")
        assert visit.page.locator(".rail .count").inner_text() == "1"
        visit.page.get_by_role("link", name=re.compile("Approval rate fell")).first.click()
        visit.page.wait_for_url("**/incident?id=**")
        visit.arrive()
        assert "Acknowledge" in visit.text
