"""Snippets: what passes the allow-list, what binds, and what the refusals say."""

from __future__ import annotations

import pytest

from pellucid.errors import SpecError
from pellucid.spec.expression import columns, parse, problems_in

KNOWN = {"amount_minor": "number", "country": "string", "is_eligible": "boolean",
         "decided_at": "timestamp"}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "amount_minor > 5000 AND country IN ('BR', 'MX')",
        "NOT is_eligible OR country IS NULL",
        "CASE WHEN amount_minor > 10 THEN 1 ELSE 0 END = 1",
        "amount_minor BETWEEN 1 AND 5",
        "coalesce(country, 'none') <> 'none'",
        "decided_at >= CAST('2026-01-01T00:00Z' AS TIMESTAMPTZ)",
        "hour(decided_at) < 6",
    ],
)
def test_sound_conditions_bind(text: str) -> None:
    assert problems_in(text, KNOWN, result="boolean") == ()


@pytest.mark.parametrize(
    "text",
    [
        "(SELECT 1)", "country IN (SELECT name FROM t)", "EXISTS (SELECT 1)",
        "read_csv('/etc/passwd') IS NULL", "read_parquet('x') IS NULL", "getenv('HOME') = 'x'",
        "DROP TABLE decisions", "1; DROP TABLE decisions", "INSERT INTO t VALUES (1)",
        "COPY t TO 'x'", "ATTACH 'x'", "PRAGMA version", "sum(amount_minor) > 1", "count(*) > 1",
        "t.amount_minor > 1", "country LIKE 'B%'", "CAST(country AS INTEGER) = 1", "$1 = 1",
        "amount_minor > 1 -- comment\n; SELECT 1", "unnest([1]) = 1", "row_number() OVER () = 1",
        "amount_minor IN ()", "country IS 'BR'", "", "amount_minor >", "LOAD httpfs",
        "x -> x + 1", "[1, 2][1] = 1", "{'a': 1}.a = 1", "country COLLATE nocase = 'br'",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SpecError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("amuont_minor > 1", "did you mean 'amount_minor'"),
        ("country > 5", "mixes a number and a string"),
        ("amount_minor AND is_eligible", "needs a boolean, got a number"),
        ("amount_minor + 1", "is a number, expected a boolean"),
        ("decided_at >= '2026-01-01'", "mixes a string and a timestamp"),
        ("lower(amount_minor) = 'a'", "needs a string, got a number"),
        ("sum(amount_minor) > 1", "SUM(); allowed functions"),
    ],
)
def test_a_problem_names_what_is_wrong(text: str, words: str) -> None:
    assert words in " ".join(problems_in(text, KNOWN, result="boolean"))


def test_columns_are_those_read() -> None:
    assert columns("country = 'BR' AND amount_minor > amount_minor / 2") == (
        "amount_minor",
        "country",
    )
