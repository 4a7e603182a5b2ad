"""The same store on an object store: a real S3 API on this machine."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError

from pellucid.log.client import Logger
from pellucid.observatory import Observatory, open_system
from pellucid.testing.scenarios import START, small_records, small_system
from pellucid.windows import Window

KEYS = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}


@pytest.fixture(scope="module")
def options() -> Iterator[dict[str, str]]:
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("moto.server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # A process of its own: delta-rs holds the interpreter's lock while it waits for an answer.
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    client = boto3.client("s3", endpoint_url=url, config=Config(retries={"max_attempts": 10}),
                          **KEYS)  # fmt: skip
    while True:
        try:
            client.create_bucket(Bucket="lake")
            break
        except EndpointConnectionError:
            assert server.poll() is None
    yield {
        "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true",
    }  # fmt: skip
    server.terminate()
    server.wait()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_log_query_check_on_s3(options: dict[str, str], tmp_path) -> None:
    records = small_records(4, requests=40)
    answers = []
    for root, storage in (("s3://lake/root", options), (str(tmp_path), None)):
        log = Logger(small_system(), to=root, storage_options=storage)
        for name, rows in records.items():
            assert log.table(name, rows, batch_id="one").stored == rows.num_rows
            assert log.table(name, rows, batch_id="one").committed_before == rows.num_rows
            assert log.table(name, rows).duplicates == rows.num_rows
        obs = open_system(root, system="small-routing", storage_options=storage)
        assert isinstance(obs, Observatory)
        window = Window(START, START.replace(day=9))
        answers.append(
            obs.query("approval_rate", "request_count", "eligibility_rate", by=["country"],
                      over=window).rows
        )  # fmt: skip
        assert not [finding for finding in obs.check() if finding.severity == "error"]
        assert str(obs.explain("d0-1")).startswith("What was decided about")
    assert answers[0].equals(answers[1])
