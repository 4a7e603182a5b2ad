"""The demo lake and the application over it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from served_lake import BASE, make_lake

pytest.importorskip("fastapi")

from fastapi.testclient import TestClient

import pellucid
from pellucid.demo import SYSTEM
from pellucid.serve.app import create_app
from pellucid.serve.served import Served


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    return make_lake(tmp_path_factory, worker_id)


@pytest.fixture(scope="session")
def obs(lake: Path) -> pellucid.Observatory:
    return pellucid.open(lake, system=SYSTEM)


@pytest.fixture(scope="session")
def client(lake: Path) -> TestClient:
    return TestClient(create_app(Served(str(lake))), base_url=BASE)


@pytest.fixture(scope="session")
def parts_of(client: TestClient) -> Callable[[str], dict[str, str]]:
    """Return a page's parts by name, as the browser would ask for them."""

    def ask(address: str) -> dict[str, str]:
        page = client.get(f"/{SYSTEM}/{address}")
        assert page.status_code == 200
        found = re.findall(r'id="part-([^"]+)"[^>]*data-address="([^"]+)"[^>]*data-part', page.text)
        return {name: client.get(path.replace("&amp;", "&")).text for name, path in found}

    return ask
