"""The API gives what Python gives, in four formats."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from pellucid.demo import SYSTEM

V1 = f"/api/v1/{SYSTEM}"
READERS = {
    "arrow": lambda body: pa.ipc.open_stream(body).read_all(),
    "parquet": lambda body: pq.read_table(io.BytesIO(body)),
    "csv": lambda body: pyarrow.csv.read_csv(io.BytesIO(body)),
    "json": None,
}


@pytest.mark.parametrize("style", READERS)
def test_a_query_is_the_same_in_every_format(client, obs, style):
    asked = {"metric": ["approval_rate"], "by": ["country", "route"], "where": "arm = 'ml'"}
    reply = client.get(f"{V1}/query", params={**asked, "format": style})
    expected = obs.query("approval_rate", by=["country", "route"], where="arm = 'ml'").rows
    if style == "json":
        assert [row["value"] for row in reply.json()] == expected.column("value").to_pylist()
        return
    found = READERS[style](reply.content)
    assert found.column_names == expected.column_names
    assert found.column("n").to_pylist() == expected.column("n").to_pylist()
    assert found.column("value").to_pylist() == pytest.approx(
        expected.column("value").to_pylist(), nan_ok=True
    )


@pytest.mark.parametrize(
    "address",
    [
        "", "/metrics", "/compare?metric=approval_rate", "/localize?metric=approval_rate",
        "/anomalies?metric=decision_count&by=country", "/drift", "/performance?grain=1d",
        "/maturity", "/control", "/flow", "/layers", "/traffic?candidate=cedar-direct",
        "/change?metric=approval_rate", "/why?candidate=cedar-direct&other=elm-direct",
        "/group?where=country%20%3D%20'BR'&versus=country%20%3D%20'US'", "/rules", "/incidents",
        "/decisions?most=3", "/figures/overview/traffic?range=7d",
    ],
)  # fmt: skip
def test_every_endpoint_answers(client, address):
    reply = client.get(f"{V1}{address}")
    assert reply.status_code == 200, reply.text
    assert reply.json() or "anomalies" in address


def test_one_decision_is_whole(client, obs):
    own = obs.latest_decision()
    found = client.get(f"{V1}/decision", params={"id": own}).json()
    assert found["decision"]["decision_id"] == own
    assert len(found["candidates"]) == 8


def test_figures_are_those_of_the_page_and_ask_nobody_else(client):
    for figure in client.get(f"{V1}/figures/overview/traffic").json():
        assert figure["config"]["plotlyServerURL"] == ""
        assert figure["alt"]


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/query?metric=aproval_rate", 404, "did you mean 'approval_rate'"),
        ("/query?metric=approval_rate&where=contry%20%3D%201", 422, "unknown column"),
        ("/query?metric=approval_rate&over=soon", 422, "soon"),
        ("/query", 422, "metric"),
        ("/query?metric=approval_rate&over=0001-01-01..0001-01-02", 422, "1900 to 2299"),
        ("/compare?metric=approval_rate&versus=0001-01-01..9999-12-31", 422, "1900 to 2299"),
        ("/drift?over=7d&baseline=9999-01-01..9999-12-31", 422, "1900 to 2299"),
        ("/change?metric=approval_rate&over=90000w", 422, "90000w"),
        ("/decisions?most=0", 422, "most"),
        ("/decision?id=nobody", 404, "nobody"),
        ("/figures/overview/nothing", 404, "overview/nothing"),
    ],
)
def test_errors_are_json_that_says_what_is_wrong(client, address, status, said):
    reply = client.get(f"{V1}{address}")
    assert reply.status_code == status
    assert said in reply.json()["message"]


@pytest.mark.parametrize("endpoint", ["query", "compare", "anomalies"])
def test_a_dimension_named_twice_is_refused(client, endpoint):
    reply = client.get(f"{V1}/{endpoint}?metric=approval_rate&by=country&by=country&over=7d")
    assert reply.status_code == 422
    assert "twice" in reply.json()["message"]


def test_the_reference_lists_every_endpoint_without_another_host(client):
    document = client.get("/api/openapi.json").json()
    page = client.get("/api").text
    for path, methods in document["paths"].items():
        assert set(methods) == {"get"}
        assert path in page
    assert "cdn" not in page
