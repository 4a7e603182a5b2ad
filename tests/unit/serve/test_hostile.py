"""Whatever was logged is shown as text: nothing of it runs, and odd ids still lead somewhere."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hostile_lake import ATTACK, ODD_ID, make_hostile_lake
from served_lake import BASE
from test_pages import WITHOUT_ITEM

import pellucid
from pellucid.demo import SYSTEM
from pellucid.serve.app import create_app
from pellucid.serve.served import Served


@pytest.fixture(scope="module")
def hostile(obs, tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile")
    make_hostile_lake(obs, root)
    return root


@pytest.fixture(scope="module")
def own(hostile):
    return TestClient(create_app(Served(str(hostile))), base_url=BASE)


def check(html: str) -> None:
    assert "<img" not in html
    assert "<script>hit" not in html
    assert "<!--" not in html
    assert "'49" not in html


@pytest.mark.parametrize("name", WITHOUT_ITEM)
def test_an_attack_in_a_name_is_text(own, name):
    query = f"?is.country={quote(ATTACK)}&rows=issuer&where=issuer <> 'x'"
    page = own.get(f"/{SYSTEM}/{name}{query}")
    check(page.text)
    assert "&lt;img src=x onerror=hit()&gt;" in page.text
    parts = re.findall(r'data-address="([^"]+)"[^>]*data-part', page.text)
    shown = [own.get(path.replace("&amp;", "&").replace("&#39;", "'")).text for path in parts]
    for html in shown:
        check(html)
        assert "should not" not in html


def test_an_attack_in_an_address_is_text(own):
    for address in (f"/{quote(ATTACK, safe='')}/overview", f"/{SYSTEM}/{quote(ATTACK, safe='')}",
                    f"/{SYSTEM}/overview?range={quote(ATTACK)}&is.{quote(ATTACK)}=x",
                    f"/{SYSTEM}/decisions?find={quote(ATTACK)}",
                    f"/{SYSTEM}/incident?id={quote(ATTACK)}"):  # fmt: skip
        reply = own.get(address)
        assert reply.status_code in (200, 404)
        check(reply.text)


def test_options_and_briefs_are_text_too(own):
    check(own.get(f"/{SYSTEM}/options/country").text)
    brief = own.get(f"/{SYSTEM}/decisions/brief.html?made_by={quote(ATTACK)}").text
    rest = re.sub(r"<script>/\*\*\n\* plotly\.js.*?</script>", "", brief, flags=re.DOTALL)
    check(rest)


def test_an_odd_id_leads_to_its_decision(own, hostile):
    obs = pellucid.open(hostile)
    assert obs.decisions(find=ODD_ID).num_rows == 1
    html = own.get(f"/{SYSTEM}/decisions/part/list?find={quote(ODD_ID, safe='')}").text
    link = re.search(r'href="(/[^"]*decision\?id=[^"]+)"', html)[1].replace("&amp;", "&")
    story = own.get(link.replace("/decision?", "/decision/part/story?")).text
    assert "What was decided about" in story


@pytest.mark.slow
def test_nothing_of_it_runs_in_a_browser(hostile):
    browser = pytest.importorskip("test_pages_browser")
    if not browser.CHROMIUM.exists():
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    with browser.serving(hostile) as root, sync_playwright() as play:
        opened = play.chromium.launch(executable_path=str(browser.CHROMIUM), args=browser.ARGUMENTS)
        visit = browser.Visit(opened, root, viewport={"width": 1280, "height": 2400})
        visit.page.add_init_script("window.hit = () => { window.wasHit = true; };")
        for name in ("overview", "explore?rows=country&columns=route", "layers", "control",
                     "traffic", "why", "groups", "rules", "decisions", "change"):  # fmt: skip
            visit.go(name)
            for chart in visit.page.locator(".chart[data-figure]").all():
                chart.scroll_into_view_if_needed()
                chart.hover()
            assert not visit.page.evaluate("window.wasHit === true"), name
        assert visit.complaints == []
        opened.close()
