"""Public signatures: a change to one is a visible diff. Rewrite with --rewrite-golden."""

from __future__ import annotations

import inspect
from pathlib import Path

import pyarrow as pa
import pytest

import pellucid
from pellucid.observatory import Observatory
from pellucid.testing.scenarios import START, small_lake, small_records
from pellucid.windows import Window

GOLDEN = Path(__file__).parent


def compare(name: str, text: str, *, rewrite: bool) -> None:
    path = GOLDEN / name
    if rewrite:
        path.write_text(text)
    assert path.read_text() == text, "run pytest with --rewrite-golden if the change is meant"


def signatures() -> str:
    lines = []
    for name in pellucid.__all__:
        thing = getattr(pellucid, name)
        if isinstance(thing, type) and issubclass(thing, Exception):
            lines.append(f"{name}({', '.join(base.__name__ for base in thing.__bases__)})")
            continue
        lines.append(f"{name}{inspect.signature(thing)}")
        if not isinstance(thing, type):
            continue
        for member, value in sorted(vars(thing).items()):
            if not member.startswith("_") and callable(value):
                lines.append(f"  .{member}{inspect.signature(value)}")
            elif isinstance(value, property):
                lines.append(f"  .{member}")
    return "\n".join(lines) + "\n"


def test_public_signatures(request: pytest.FixtureRequest) -> None:
    compare("signatures.txt", signatures(), rewrite=request.config.getoption("--rewrite-golden"))


@pytest.mark.parametrize("unit", ["decision", "request", "candidate"])
def test_sql(unit: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    small_lake(tmp_path, requests=4)
    compare(f"{unit}.sql", sql_of(pellucid.open(tmp_path), unit),
            rewrite=request.config.getoption("--rewrite-golden"))  # fmt: skip


def test_sql_of_a_sample(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    small_lake(tmp_path, requests=4)
    first = small_records(0, requests=1)["decisions"].slice(0, 1)
    later = first.set_column(
        first.column_names.index("decision_id"), "decision_id", pa.array(["later"])
    )
    pellucid.Logger("small-routing", to=tmp_path).decisions(
        later.append_column("sample_weight", pa.array([2.0]))
    )
    compare("sampled.sql", sql_of(pellucid.open(tmp_path), "candidate"),
            rewrite=request.config.getoption("--rewrite-golden"))  # fmt: skip


def sql_of(obs: Observatory, unit: str) -> str:
    names = [metric.name for metric in obs.metrics.values() if metric.unit == unit][:6]
    question = obs.question(
        *names, by=["country", "route"], where="card = 'debit'", grain="1d",
        over=Window(START, START.replace(day=9)), segments=["large"] if unit != "candidate" else (),
        as_of=START.replace(day=20),
    )  # fmt: skip
    return obs.show(question) + "\n"
