"""Card numbers and the like, logged through every entry: no file that was written holds them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pellucid
from pellucid.log.columns import decode_batch
from pellucid.log.spool import Segment
from pellucid.spec.codec import to_yaml

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PANS = (
    "4111111111111111", "5555555555554444", "378282246310005", "6011111111111117",
    "3530111333300000", "30569309025904", "2223003122003222",
)  # fmt: skip
IBANS = ("GB82WEST12345698765432", "DE89370400440532013000")
SECRETS = (*PANS, *IBANS, "jane.doe@example.com")
SYSTEM = pellucid.System(
    name="leaks",
    dimensions=(pellucid.Dimension(name="country"),),
    features=(pellucid.Feature(name="amount"), pellucid.Feature(name="note", kind="category")),
    outcomes=(pellucid.Outcome(name="approved", matures_after="1h"),),
)


def dressed(secret: str) -> tuple[str, ...]:
    """A secret in the ways in which services write one."""
    return (
        secret,
        f"customer said {secret}, called back",
        quote(f"https://pay.example/?pan={secret}&x=1"),
        json.dumps({"card": {"number": secret}, "list": [secret]}),
        json.dumps({"inner": json.dumps([secret])}),
        f";{secret}=29121010000012345?",
        *([" ".join(secret[place : place + 4] for place in range(0, len(secret), 4))]
          if secret in (*PANS, *IBANS) else []),
    )  # fmt: skip


def values() -> Iterator[str]:
    for secret in SECRETS:
        yield from dressed(secret)


def log_live(log: pellucid.Logger) -> None:
    for number, text in enumerate(values()):
        log.record({
            "id": f"a{number}", "at": NOW, "dims": {"country": text}, "arm": text,
            "raw": {"text": text, "nested": {"deep": [text]}, "cvv": "123", "card_number": text},
            "candidates": [{"id": "x", "features": {"note": text, "amount": 1.0},
                            "is_eligible": False, "ineligible_reason": text}],
        })  # fmt: skip
        with log.decision(f"b{number}", at=NOW, raw={"text": text}) as decision:
            decision.candidate("x", features={"note": text})
            decision.chose(text)
        log.outcome(f"a{number}", "approved", 1, at=NOW, reason=text, blame=text)
        # Refused ones: an undeclared outcome, no time zone, an unknown key, a wrong type.
        log.outcome(f"a{number}", text, 1, at=NOW)
        log.record({"id": text, "at": datetime(2026, 6, 1)})  # noqa: DTZ001
        log.record({"id": f"c{number}", "at": NOW, text: 1})
        log.record({"id": f"d{number}", "at": NOW, "amount_minor": text})
        log.record({"id": f"e{number}", "at": text})
        with pytest.raises(KeyError), log.decision(f"f{number}", at=NOW, raw={"t": text}):
            raise KeyError(number)
    for number, pan in enumerate(PANS):
        log.record({"id": pan, "at": NOW, "raw": {"number": int(pan), "rate": float(pan)}})
        log.record({"id": f"g{number}", "at": NOW, "dims": {pan: "x"}, "raw": {f"x{pan}": 1}})
        log.record({"id": f"h{number}", "at": NOW, "request_id": pan, "chosen": pan})


def log_in_bulk(log: pellucid.Logger, folder: Path) -> None:
    texts = list(values())
    count = len(texts)
    at = pa.array([NOW] * count, pa.timestamp("us", tz="UTC"))
    log.decisions(pa.table({
        "decision_id": [f"bulk{number}" for number in range(count)], "decided_at": at,
        "country": texts, "raw_text": texts, "arm": texts,
        # Rows to refuse, with what they hold.
        "attempt": [number % 2 for number in range(count)],
    }))  # fmt: skip
    log.outcomes(pa.table({
        "decision_id": [f"bulk{number}" for number in range(count)], "outcome": texts,
        "value": [1.0] * count, "outcome_at": at, "recorded_at": at, "reason": texts,
    }))  # fmt: skip
    path = folder / "given.csv"
    lines = [f'csv{n},2026-06-01T12:00:00Z,"{text}"' for n, text in enumerate(texts)
             if '"' not in text]  # fmt: skip
    path.write_text("\n".join(["decision_id,decided_at,raw_text", *lines, f"{PANS[0]},a,b,c,d"]))
    log.decisions(path)
    path.unlink()


def written(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file below a folder, and what it says once it is decoded."""
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        yield path, path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            yield path, json.dumps(table.to_pylist(), default=str, ensure_ascii=False)
        if path.suffix == ".spool":
            segment = Segment(path, most_bytes=2**30)
            for frame in segment.frames():
                tables = decode_batch(frame.payload).tables.values()
                yield path, repr([table.to_pylist() for table in tables])
            segment.close(remove=False)


def bare(text: str) -> str:
    return "".join(character for character in text if character not in " \\")


def assert_no_secret(where: str, text: str) -> None:
    text = bare(text)
    for secret in SECRETS:
        assert secret not in text, f"{secret[:2]}... is in {where}"


@pytest.mark.parametrize("key", [None, b"a key for tests, 32 bytes long.."], ids=["mask", "token"])
def test_no_file_holds_a_secret(tmp_path: Path, capfd, key: bytes | None) -> None:
    lake, spool = tmp_path / "lake", tmp_path / "spool"
    live = pellucid.LiveSettings(spool=spool, flush_seconds=0.05)
    log = pellucid.Logger(SYSTEM, to=lake, live=live, redaction_key=key)
    log_live(log)
    assert log.close()
    log_in_bulk(log, tmp_path)
    found = list(written(tmp_path))
    assert sum(path.suffix == ".parquet" for path, _ in found) >= 5
    for path, text in found:
        assert_no_secret(str(path.relative_to(tmp_path)), text)
    health = log.health()
    assert health.refused
    assert sum(health.redacted.values()) > len(list(values()))
    assert_no_secret("health", repr(health))
    assert_no_secret("the terminal", "".join(capfd.readouterr()))


def test_the_spool_holds_no_secret_while_the_store_is_away(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    live = pellucid.LiveSettings(spool=spool, flush_seconds=0.05)
    log = pellucid.Logger(SYSTEM, to=tmp_path / "lake", live=live)
    log._sink.store = lambda *_: (_ for _ in ()).throw(OSError("away"))
    log_live(log)
    assert log.record({"id": "last", "at": NOW}, durable=True, timeout=60)
    log.close(timeout=0.1)
    while not any("country" in text for _, text in _spooled(spool)):
        pass
    for path, text in _spooled(spool):
        assert_no_secret(path.name, text)
    for path in spool.rglob("*.spool"):
        assert_no_secret(path.name, path.read_bytes().decode("latin-1"))


def _spooled(folder: Path) -> list[tuple[Path, str]]:
    # The process still holds the segment's lock; a copy can be read.
    copy = folder.parent / "copy"
    copy.mkdir(exist_ok=True)
    for path in folder.rglob("*.spool"):
        (copy / path.name).write_bytes(path.read_bytes())
    return list(written(copy))


def test_the_command_line_tells_and_writes_no_secret(tmp_path: Path) -> None:
    spec, data = tmp_path / "spec.yaml", tmp_path / "given.csv"
    spec.write_text(to_yaml(SYSTEM))
    rows = [f"r{n},not a time,{text}" for n, text in enumerate(values()) if "," not in text]
    data.write_text("\n".join(["decision_id,decided_at,country", *rows]))
    done = subprocess.run(
        [sys.executable, "-m", "pellucid.cli", "log", "decisions", str(data), "--system",
         str(spec), "--lake", str(tmp_path / "lake")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert_no_secret("the terminal", done.stdout + done.stderr)
    assert "refused" in done.stdout + done.stderr
    data.unlink()
    for path, text in written(tmp_path / "lake"):
        assert_no_secret(path.name, text)
