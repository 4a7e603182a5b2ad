"""Every page and part over the demo data, without a browser."""

from __future__ import annotations

import io
import re
import shutil
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from markupsafe import escape
from served_lake import BASE

import pellucid
from pellucid.demo import SYSTEM
from pellucid.figures import numbers
from pellucid.serve.app import create_app
from pellucid.serve.pages import PAGES
from pellucid.serve.served import Served

WITHOUT_ITEM = [name for name, page in PAGES.items() if not page.is_item]
FAILED = "failed-card"


@pytest.mark.parametrize("name", WITHOUT_ITEM)
def test_every_part_of_every_page_is_built(parts_of, name):
    parts = parts_of(name)
    asked_first = sum(bool(part.asks_first) for part in PAGES[name].parts)
    assert len(parts) == len(PAGES[name].parts) - asked_first
    for part, html in parts.items():
        assert FAILED not in html, (part, html[:400])


@pytest.mark.parametrize("name", WITHOUT_ITEM)
def test_a_filtered_page_is_built_too(parts_of, name):
    for part, html in parts_of(
        f"{name}?range=14d&is.country=BR&is.country=US&compare=none"
    ).items():
        assert FAILED not in html, (part, html[:400])


@pytest.mark.parametrize("name", WITHOUT_ITEM)
def test_a_page_of_nothing_says_so(parts_of, name):
    """A filter that nothing passes gives empty parts or a sentence, never an unexpected error."""
    for part, html in parts_of(f"{name}?is.country=nowhere").items():
        assert "should not" not in html, (part, html[:400])


@pytest.mark.parametrize("name", WITHOUT_ITEM)
def test_rail_carries_the_filters_and_marks_the_page(client, name):
    html = client.get(f"/{SYSTEM}/{name}?range=7d&is.country=BR").text
    for other in WITHOUT_ITEM:
        assert f'href="/{SYSTEM}/{other}?range=7d&amp;is.country=BR"' in html
    assert html.count('aria-current="page"') == 1
    assert html.count("<h1>") == 1


def test_numbers_are_those_of_the_python_api(parts_of, obs):
    window = "2026-10-10..2026-10-21"
    where = "country = 'BR'"
    html = parts_of("overview?from=2026-10-10&to=2026-10-20&is.country=BR")["key-figures"]
    count, rate = (
        obs.query(name, over=window, where=where).rows.to_pylist()[0]
        for name in ("decision_count", "request_approval_rate")
    )
    assert f'class="value">{numbers.count(count["value"])}<' in html
    assert f'class="value">{numbers.rate(rate["value"])}<' in html


def test_explore_shows_every_level_as_the_api_has_it(parts_of, obs):
    html = parts_of("explore?metric=approval_rate&rows=network")["table"]
    rows = obs.query("approval_rate", by=["network"], over=obs.window("30d")).rows.to_pylist()
    cells = re.findall(r'<(?:th|td)[^>]*class="num[^"]*"[^>]*>([^<]*)</', html)
    for row in rows:
        assert numbers.rate(row["value"]) in cells
        assert numbers.count(row["n"]) in cells


def test_a_row_of_explore_leads_into_it(client, parts_of):
    html = parts_of("explore?rows=country")["table"]
    link = re.search(r'href="([^"]+is\.country=BR[^"]*)"', html)[1].replace("&amp;", "&")
    assert "Card country: BR" in client.get(link).text


def test_a_row_of_explore_keeps_what_is_shown(parts_of):
    html = parts_of("explore?rows=country&metric=decision_count&grain=1d")["table"]
    link = re.search(r'href="([^"]+is\.country=BR[^"]*)"', html)[1]
    assert "metric=decision_count" in link
    assert "grain=1d" in link


@pytest.mark.parametrize("metric", ["decision_count", "approval_rate", "mean_score"])
def test_explore_as_a_chart_draws_what_the_api_has(client, obs, metric):
    address = f"/api/v1/{SYSTEM}/figures/explore/table?metric={metric}&rows=country&show=chart"
    figure = client.get(address).json()[0]
    rows = obs.query(metric, by=["country"], over=obs.window("30d")).finest.to_pylist()
    drawn = max((trace["x"] for trace in figure["data"]), key=len)
    assert sorted(drawn) == pytest.approx(sorted(row["value"] for row in rows), rel=1e-12)


def test_amounts_are_of_one_currency_in_its_own_units(parts_of, obs):
    shown = parts_of("explore?metric=amount&rows=country")
    rows = obs.query("amount", by=["currency", "country"], over=obs.window("30d")).rows.to_pylist()
    sizes = obs.query("decision_count", by=["currency"], over=obs.window("30d")).finest.to_pylist()
    most = max(sizes, key=lambda row: row["n"])["currency"]
    assert f"Amount in {most}" in shown["table"]
    for row in rows:
        if row["level"] == "currency,country":
            own = numbers.number(row["value"] / 100)
            assert (f">{own}<" in shown["table"]) == (row["currency"] == most), row
    total = next(row for row in rows if row["level"] == "currency" and row["currency"] == most)
    assert f'class="value">{numbers.number(total["value"] / 100)}<' in shown["whole"]
    assert "are not added: filter by currency" in shown["whole"]


def test_amounts_by_currency_are_each_in_its_own_units_and_never_added(parts_of, obs):
    shown = parts_of("explore?metric=mean_amount&rows=currency")
    rows = obs.query("mean_amount", by=["currency"], over=obs.window("30d")).finest.to_pylist()
    for row in rows:
        units = 1 if row["currency"] == "JPY" else 100
        assert f">{numbers.number(row['value'] / units)}<" in shown["table"]
    assert "never added" in shown["whole"]
    assert "JPY" in parts_of("explore?metric=amount&is.currency=JPY")["whole"]


def test_a_condition_keeps_the_decisions_that_meet_it(client, parts_of, obs):
    address = "overview?where=amount_minor+%3E+50000"
    expected = obs.query("decision_count", where="amount_minor > 50000").rows.to_pylist()[0]
    assert f'class="value">{numbers.count(expected["value"])}<' in parts_of(address)["key-figures"]
    assert 'value="amount_minor &gt; 50000"' in client.get(f"/{SYSTEM}/{address}").text


def test_a_move_of_a_layer_leads_to_its_decisions(parts_of, client, obs):
    html = parts_of("layers?is.country=BR")["flow"]
    links = re.findall(r'<a href="([^"]+)">decisions</a>', html)
    counts = re.findall(r'class="num"[^>]*data-key="(\d+)"', html.split("Largest moves")[-1])
    assert len(links) == len(counts) > 3
    for link, count in zip(links, counts, strict=True):
        where = parse_qs(urlsplit(link.replace("&amp;", "&")).query)["where"][0]
        found = obs.query("decision_count", where=f"country = 'BR' AND {where}").rows
        assert found.column("value")[0].as_py() == int(count)
    assert "/decision?" in parts_of(links[0].replace("&amp;", "&").split("/", 2)[2])["list"]


def test_pages_offer_a_comparison_only_where_they_show_one(client):
    for name in WITHOUT_ITEM:
        html = client.get(f"/{SYSTEM}/{name}?compare=none").text
        assert ('<select name="compare">' in html) == PAGES[name].can_compare
        assert f'href="/{SYSTEM}/overview?compare=none"' in html
    assert "no whole period before" in client.get(f"/{SYSTEM}/overview?range=30d").text
    for query in ("range=7d", "range=30d&compare=none"):
        assert "no whole period before" not in client.get(f"/{SYSTEM}/overview?{query}").text


def test_a_refused_row_is_shown_with_why(lake, tmp_path):
    shutil.copytree(lake, tmp_path / "lake")
    at = datetime(2026, 10, 5, tzinfo=UTC)
    logger = pellucid.Logger(SYSTEM, to=tmp_path / "lake")
    logger.outcomes(pa.table({
        "decision_id": ["x", "<b>", None], "outcome": ["nope", "nope", "approved"],
        "value": [1.0, 1.0, 1.0], "outcome_at": [at] * 3, "recorded_at": [at] * 3,
    }))  # fmt: skip
    own = TestClient(create_app(Served(str(tmp_path / "lake"))), base_url=BASE)
    for address in ("drift/part/refused", "system/part/records"):
        html = own.get(f"/{SYSTEM}/{address}").text
        assert "3 rows wait in quarantine" in html
        assert "&#39;nope&#39;" in html
        assert re.search(r'data-key="2">2<', html)


def test_a_candidates_share_is_of_all_even_where_it_is_filtered(parts_of, obs):
    html = parts_of("traffic?is.route=elm-direct")["share"]
    rows = obs.query("traffic_share", by=["route"], over="30d").rows.to_pylist()
    own = next(row for row in rows if row["route"] == "elm-direct")
    assert f'class="value">{numbers.rate(own["value"])}<' in html


def test_parquet_holds_what_the_card_shows(client, parts_of):
    html = parts_of("explore?metric=decision_count&rows=country")["table"]
    address = re.search(r'href="([^"]+\.parquet[^"]*)"', html)[1].replace("&amp;", "&")
    reply = client.get(address)
    table = pq.read_table(io.BytesIO(reply.content))
    assert sum(table.column("Decisions").to_pylist()[:-1]) == table.column("Decisions")[-1].as_py()
    assert "attachment" in reply.headers["content-disposition"]


def test_a_page_can_be_had_without_scripts(client):
    html = client.get(f"/{SYSTEM}/explore?inline=1").text
    assert "data-part" not in html
    assert "Approval rate by card country" in html


def test_a_brief_is_one_file_with_who_when_and_what(client):
    reply = client.get(f"/{SYSTEM}/control?is.country=BR&made_by=Ana <b>")
    brief = client.get(f"/{SYSTEM}/control/brief.html?is.country=BR&made_by=Ana <b>")
    assert reply.status_code == brief.status_code == 200
    assert "by Ana &lt;b&gt;" in brief.text
    assert "Only Card country: BR." in brief.text
    assert "attachment" in brief.headers["content-disposition"]
    assert not re.search(r"""(?:src|href|action)=["'](?!#|data:)""", _without_plotly(brief.text))
    assert len(brief.content) < 8_000_000


def test_a_brief_holds_no_single_decisions(client, obs):
    brief = _without_plotly(client.get(f"/{SYSTEM}/overview/brief.html?range=7d").text)
    assert "Largest moves" in brief
    every = obs.decisions(most=1000).column("decision_id").to_pylist()
    assert not [own for own in every if own in brief]
    refused = client.get(f"/{SYSTEM}/decisions/brief.html")
    assert refused.status_code == 422
    assert "a brief holds aggregates only" in refused.text


def test_a_brief_of_an_incident_says_what_its_page_says(client, obs):
    own = obs.incidents()[0]
    brief = client.get(f"/{SYSTEM}/incident/brief.html?id={own.incident_id}").text
    assert str(escape(own.cause.told)) in brief
    assert "It is open, of severity" in brief
    assert "last seen" in brief


@pytest.mark.parametrize("address", [
    "incident/brief.html?id=nope", "decision/brief.html?id=nope", "overview/brief.html?range=zzz",
    "overview/brief.html?where=1;drop", "overview/brief.html?is.nope=1",
])  # fmt: skip
def test_a_brief_of_what_cannot_be_read_is_refused(client, address):
    reply = client.get(f"/{SYSTEM}/{address}")
    assert reply.status_code in (404, 422)
    assert "content-disposition" not in reply.headers


def _without_plotly(page: str) -> str:
    return re.sub(r"<script>/\*\*\n\* plotly\.js.*?</script>", "", page, flags=re.DOTALL)


def test_one_decision_is_told_and_the_list_finds_it(client, parts_of, obs):
    own = obs.decisions(most=1).to_pylist()[0]["decision_id"]
    assert own in parts_of(f"decisions?find={own}")["list"]
    story = parts_of(f"decision?id={own}")["story"]
    assert "What the policy layers did" in story
    assert FAILED in parts_of("decision?id=nobody")["story"]
    assert "nobody" in parts_of("decision?id=nobody")["story"]


def test_a_retried_request_shows_every_attempt(parts_of, obs):
    again = obs.decisions(where="attempt > 1", most=1).to_pylist()[0]
    shown = parts_of(f"decision?id={again['decision_id']}")["attempts"]
    found = obs.decisions(find=again["request_id"]).column("decision_id").to_pylist()
    assert len(found) > 1
    assert all(f"decision?id={own}" in shown for own in found)
    once = obs.decisions(where="attempt = 1", most=200).to_pylist()
    alone = next(row for row in once if obs.decisions(find=row["request_id"]).num_rows == 1)
    assert not parts_of(f"decision?id={alone['decision_id']}")["attempts"].strip()


def test_turning_pages_shows_every_decision_once(parts_of, obs):
    seen = []
    for page in (1, 2, 3):
        html = parts_of(f"decisions?page={page}")["list"]
        seen += re.findall(r'decision\?id=([^"]+)"', html)
    expected = obs.decisions(most=75, over="2026-10-04..2026-11-01").column("decision_id")
    assert seen == expected.to_pylist()


def test_pages_out_of_range_are_refused(parts_of):
    for page in ("0", "-1", "x", "99999", "9" * 5_000, "٣"):
        assert "narrow the search" in parts_of(f"decisions?page={page}")["list"]


def test_a_share_of_nothing_is_zero_of_all_and_says_why(parts_of, obs):
    shown = parts_of("traffic?is.country=JP&candidate=cedar-direct")
    n = obs.query("decision_count", where="country = 'JP'", over=obs.window("30d")).rows
    assert 'class="value">0.0%<' in shown["share"]
    assert f"of {numbers.count(n.column('n')[0].as_py())}" in shown["share"]
    assert "country not served" in shown["share"]
    assert "was not picked in any" in shown["where"]
    assert "was not picked in any" in shown["why"]
    every = parts_of("traffic?candidate=cedar-direct")["where"]
    assert "JP" in every
    never = parts_of("traffic?is.country=nowhere&candidate=cedar-direct")["share"]
    assert "Nothing to show" in never


def test_a_row_of_two_dimensions_leads_to_the_decisions_of_both(parts_of):
    html = parts_of("explore?metric=decision_count&rows=country&columns=network")["table"]
    links = re.findall(r'href="([^"]+)">decisions</a>', html)
    assert links
    assert all("is.country=" in link and "is.network=" in link for link in links)


def test_a_list_says_how_many_decisions_there_are(parts_of, obs):
    count = obs.query("decision_count", where="country = 'BR'", over=obs.window("30d")).rows
    of = numbers.count(count.column("n")[0].as_py())
    assert f"26–50 of {of}<" in parts_of("decisions?is.country=BR&page=2")["list"]


def test_options_are_the_values_with_the_largest_first(client, obs):
    html = client.get(f"/{SYSTEM}/options/country").text
    values = re.findall(r'value="([^"]+)"', html)
    rows = obs.query("decision_count", by=["country"], over="90d").finest.to_pylist()
    assert values == [row["country"] for row in sorted(rows, key=lambda row: -row["n"])]


def test_a_route_keeps_its_colour_on_every_page(parts_of):
    found = {
        re.search(r'<i class="dot" style="background:(var\(--cat\d\))"></i>cedar-direct', html)[1]
        for html in (
            parts_of("decisions")["list"], parts_of("rules")["rules"],
            parts_of("layers?is.country=BR")["flow"],
        )
    }  # fmt: skip
    assert len(found) == 1
