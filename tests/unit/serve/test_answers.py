"""What is sent with answers, what is refused, and errors as pages."""

from __future__ import annotations

import re
import shutil

import pytest
from fastapi.testclient import TestClient
from served_lake import BASE

import pellucid
from pellucid.demo import SYSTEM
from pellucid.serve.app import create_app
from pellucid.serve.assets import assets
from pellucid.serve.served import Served
from pellucid.store.lake import Lake
from pellucid.store.specs import save_system


def test_nothing_foreign_may_run_or_be_asked(client):
    headers = client.get(f"/{SYSTEM}/overview").headers
    policy = headers["content-security-policy"]
    for part in ("default-src 'self'", "script-src 'self';", "frame-ancestors 'none'"):
        assert part in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_assets_are_kept_for_ever_and_packed(client):
    for item in assets().values():
        reply = client.get(f"/assets/{item.address}")
        assert reply.status_code == 200
        assert "immutable" in reply.headers["cache-control"]
        assert reply.headers["content-encoding"] == "gzip"
        assert reply.content == item.body
    assert client.get("/assets/pages.js").status_code == 404


def test_a_first_visit_is_under_two_megabytes(client):
    sent = sum(len(item.packed) for item in assets().values())
    assert sent + len(client.get(f"/{SYSTEM}/overview").content) < 2_000_000


def test_another_hosts_name_is_refused(client):
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/nowhere/overview", "no system is called 'nowhere'"),
        (f"/{SYSTEM}/overvew", "did you mean 'overview'?"),
        (f"/{SYSTEM}/overview/part/nothing", "no part of overview is called"),
        (f"/{SYSTEM}/overview/part/traffic/none.parquet", "no table is called"),
        (f"/{SYSTEM}/incident?id=none", "no incident is called"),
        (f"/{SYSTEM}/a/b/c/d/e", "No page has the address"),
    ],
)
def test_wrong_addresses_get_a_page_that_says_what_is_wrong(client, address, said):
    reply = client.get(address)
    assert reply.status_code == 404
    assert said in reply.text.replace("&#39;", "'")
    assert "<h1>Not found</h1>" in reply.text


def test_a_condition_that_does_not_bind_is_said_once_and_left_out(client, parts_of):
    for condition in ("contry='BR'", "1=1; DROP TABLE decisions", "country IN (SELECT 1)",
                      "read_text('/etc/passwd') IS NOT NULL", "getenv('HOME') = ''", "country = 'B",
                      f"country = '{'B' * 3_000}'"):  # fmt: skip
        page = client.get(f"/{SYSTEM}/overview", params={"where": condition})
        assert page.status_code == 200
        assert page.text.count('class="note" role="note"') == 1
        assert "where=" not in re.search(r'data-address="([^"]+)"', page.text)[1]
    assert "unknown column" in client.get(f"/{SYSTEM}/overview?where=contry='BR'").text
    assert all("failed-card" not in html for html in parts_of("overview?where=contry=1").values())


@pytest.mark.parametrize("days", [
    ("9999-12-31", "9999-12-31"), ("0001-01-01", "0001-01-02"), ("0001-01-01", "9999-12-31"),
    ("1900-01-01", "2299-12-30"),
])  # fmt: skip
def test_days_beyond_any_record_are_no_error(client, parts_of, days):
    address = f"overview?from={days[0]}&to={days[1]}"
    assert client.get(f"/{SYSTEM}/{address}").status_code == 200
    assert all("should not" not in html for html in parts_of(address).values())


def test_a_refused_method_says_which_are_allowed(client):
    reply = client.put(f"/{SYSTEM}/overview")
    assert reply.status_code == 405
    assert reply.headers["allow"] == "GET"


def test_a_window_without_records_says_how_far_they_reach(client):
    html = client.get(f"/{SYSTEM}/overview?from=2019-01-01&to=2019-01-02").text
    assert "No decision was recorded then: records reach from 4 Oct 2026" in html


def test_no_systems_gives_the_first_page_with_the_demo(tmp_path):
    loaded = []

    def lines():
        yield "logging"
        loaded.append(1)

    own = TestClient(create_app(Served(str(tmp_path)), demo=lines), base_url=BASE)
    assert "Load the demo data" in own.get("/").text
    reply = own.post("/demo", follow_redirects=False)
    assert reply.status_code == 303
    for _ in range(100):
        if own.get("/demo").json()["is_done"]:
            break
    assert loaded == [1]
    assert own.get("/demo").json()["said"] == "The demo data is loaded."


def test_a_demo_that_fails_says_why(tmp_path):
    def lines():
        raise pellucid.StoreError("the disk is full")
        yield ""

    own = TestClient(create_app(Served(str(tmp_path)), demo=lines), base_url=BASE)
    own.post("/demo")
    for _ in range(100):
        if "full" in own.get("/demo").json()["said"]:
            break
    assert "the disk is full" in own.get("/").text


def test_a_system_without_decisions_says_how_to_log(tmp_path, obs):
    save_system(Lake.at(tmp_path, SYSTEM), obs.system)
    own = TestClient(create_app(Served(str(tmp_path))), base_url=BASE)
    reply = own.get(f"/{SYSTEM}/overview")
    assert reply.status_code == 200
    assert "no decisions yet" in reply.text
    assert "no decisions yet" in own.get(f"/{SYSTEM}/overview/part/traffic").text
    assert "no decisions yet" in own.get(f"/{SYSTEM}/overview?where=attempt=1").text


def test_several_systems_are_listed_and_a_deleted_one_is_gone(lake, tmp_path):
    for name in ("first", "second"):
        shutil.copytree(lake / SYSTEM, tmp_path / name)
    own = TestClient(create_app(Served(str(tmp_path))), base_url=BASE)
    listed = own.get("/").text
    assert "/first/overview" in listed
    assert "/second/overview" in listed
    assert own.get("/second/overview").status_code == 200
    shutil.rmtree(tmp_path / "second")
    assert own.get("/second/overview").status_code == 404
    assert own.get("/", follow_redirects=False).headers["location"] == "/first/overview"


class TestIncidents:
    @pytest.fixture
    def own(self, lake, tmp_path):
        shutil.copytree(lake, tmp_path / "lake")
        return TestClient(create_app(Served(str(tmp_path / "lake"))), base_url=BASE)

    def change(self, own, **fields):
        found = own.get(f"/api/v1/{SYSTEM}/incidents").json()[0]["incident_id"]
        address = f"/{SYSTEM}/incidents/{found}"
        return own.post(address, data=fields, follow_redirects=False), found

    @pytest.mark.parametrize(
        ("to", "state"),
        [("acknowledge", "acknowledged"), ("mute", "muted"), ("resolve", "resolved")],
    )
    def test_a_person_changes_its_state_with_a_note(self, own, to, state):
        reply, found = self.change(own, to=to, actor="Ana", note="<b>mine</b>", hours="24")
        assert reply.status_code == 303
        incident = own.get(f"/api/v1/{SYSTEM}/incidents/{found}").json()
        assert (incident["state"], incident["actor"]) == (state, "Ana")
        html = own.get(reply.headers["location"]).text
        assert "Ana: &lt;b&gt;mine&lt;/b&gt;" in html
        assert ("Acknowledge</button>" in html) == (state != "resolved")

    def test_a_change_without_a_name_is_refused(self, own):
        assert self.change(own, to="resolve", actor="")[0].status_code == 422
        assert self.change(own, to="explode", actor="Ana")[0].status_code == 422

    def test_another_sites_page_cannot_change_anything(self, own):
        found = own.get(f"/api/v1/{SYSTEM}/incidents").json()[0]["incident_id"]
        for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
            reply = own.post(f"/{SYSTEM}/incidents/{found}", headers=headers,
                             data={"to": "resolve", "actor": "Eve"})  # fmt: skip
            assert reply.status_code == 403
        assert own.get(f"/api/v1/{SYSTEM}/incidents/{found}").json()["state"] == "open"

    def test_its_page_leads_to_what_it_is_about(self, own):
        found = own.get(f"/api/v1/{SYSTEM}/incidents").json()[0]["incident_id"]
        html = own.get(f"/{SYSTEM}/incident?id={found}").text
        for page in ("explore", "change", "decisions"):
            assert f'href="/{SYSTEM}/{page}?from=' in html
        assert 'class="count"' in html
