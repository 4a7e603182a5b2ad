"""Records of the demo in which every name that data can bring is an attack."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

import pellucid

ATTACK = "\"><img src=x onerror=hit()></script><script>hit()</script><!--'{{7*7}}"
ODD_ID = "a/b?c=d&e#f%20g +ü'\""
_REPLACED = {
    "country": "BR", "issuer": "us-harbor", "chosen": "elm-direct", "candidate_id": "elm-direct",
    "pick_model": "elm-direct", "pick_fees": "elm-direct", "pick_contract": "elm-direct",
    "pick_guardrail": "elm-direct", "pick_exploration": "elm-direct",
    "ineligible_reason": "country_not_served",
}  # fmt: skip
_DAYS = "decided_at >= TIMESTAMPTZ '2026-10-20 00:00:00+00'"


def make_hostile_lake(obs: pellucid.Observatory, root: Path) -> str:
    """Log the demo's last days with attacks for names; return the id of an odd decision."""
    logger = pellucid.Logger(obs.system, to=root)
    decisions = obs.records.rows("decisions", where=_DAYS)
    own = decisions.column("decision_id")[decisions.num_rows - 1].as_py()
    for name, rows in (
        ("decisions", decisions),
        ("candidates", obs.records.rows("candidates", where=_DAYS)),
        ("outcomes", obs.records.rows("outcomes")),
    ):
        if name == "outcomes":
            known = pc.is_in(rows.column("decision_id"), decisions.column("decision_id"))
            rows = rows.filter(known)
        logger.table(name, _attacked(rows, own)).raise_for_refused()
    return own


def _attacked(rows: pa.Table, own: str) -> pa.Table:
    for name in ("decision_id", "request_id"):
        if name in rows.column_names:
            column = rows.column(name)
            odd = pc.if_else(pc.equal(column, own), ODD_ID, column)
            rows = rows.set_column(rows.column_names.index(name), name, odd)
    for name, value in _REPLACED.items():
        if name in rows.column_names:
            column = rows.column(name)
            hit = pc.if_else(pc.equal(column, value), ATTACK, column)
            rows = rows.set_column(rows.column_names.index(name), name, hit)
    return rows
