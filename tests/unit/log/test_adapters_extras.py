"""Adapters import what they adapt to, and say what to install where it is absent."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True,
                          text=True, check=False)  # fmt: skip


@pytest.mark.parametrize(
    ("module", "blocked", "package"),
    [("opentelemetry", "opentelemetry.sdk", "opentelemetry-sdk"),
     ("prometheus", "prometheus_client", "prometheus-client")],
    ids=["opentelemetry", "prometheus"],
)  # fmt: skip
def test_a_missing_extra_is_named(module: str, blocked: str, package: str) -> None:
    done = run(f"import sys; sys.modules['{blocked}'] = None; "
               f"import pellucid.log.adapters.{module}")  # fmt: skip
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("pellucid.errors.MissingExtraError: ")
    assert f"'{package}'" in last
    assert f"pip install 'pellucid[{module}]'" in last


@pytest.mark.parametrize("module", ["deciding", "models", "scoring", "spans"])
def test_the_others_load_no_third_party(module: str) -> None:
    done = run(
        f"import sys; before = set(sys.modules); import pellucid.log.adapters.{module}; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    assert set(done.stdout.split()) - set(sys.stdlib_module_names) == {"pellucid"}
