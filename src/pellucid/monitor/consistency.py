"""Checks that the records of a system agree with each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """A contradiction to look for.

    Attributes
    ----------
    tables : tuple of str
        Tables that the query reads.
    sql : str
        Query that returns one column: the id of each contradiction.
    words : str
        What it means, and the mend.
    words_of_sample : str
        What it means where decisions are a sample, and is as it should be; empty where it is a
        contradiction then too.
    """

    tables: tuple[str, ...]
    sql: str
    words: str
    words_of_sample: str = ""


RULES = (
    Rule(("decisions",), "SELECT decision_id FROM decisions GROUP BY 1 HAVING count(*) > 1",
         "decision ids are stored under more than one day: one id, two times; log the right one "
         "under a new id"),
    Rule(("decisions",),
         "SELECT request_id FROM decisions GROUP BY 1 HAVING min(attempt) > 1",
         "requests have no first attempt, so request metrics leave them out; log attempt 1"),
    Rule(("decisions",),
         "SELECT request_id FROM decisions WHERE attempt = 1 GROUP BY 1 HAVING count(*) > 1",
         "requests have several first attempts, so they count more than once; number the attempts"),
    Rule(("candidates", "decisions"),
         "SELECT DISTINCT d.decision_id FROM candidates AS c JOIN decisions AS d "
         "USING (decision_id) WHERE c.decided_at <> d.decided_at",
         "decisions have candidates with another decided_at, which breakdowns do not find"),
    Rule(("outcomes", "decisions"),
         "SELECT DISTINCT d.decision_id FROM outcomes AS o JOIN decisions AS d USING (decision_id) "
         "WHERE o.recorded_at < d.decided_at - INTERVAL 1 DAY",
         "outcomes are recorded more than a day before their decision, which windows do not find"),
    Rule(("candidates", "decisions"),
         "SELECT DISTINCT decision_id FROM candidates AS c ANTI JOIN decisions AS d "
         "USING (decision_id)",
         "decisions have candidates but are not logged themselves (yet)"),
    Rule(("candidates", "decisions"),
         "SELECT d.decision_id FROM decisions AS d JOIN candidates AS c USING (decision_id) "
         "GROUP BY ALL HAVING count_if(c.candidate_id = d.chosen) = 0 "
         "AND any_value(d.chosen) IS NOT NULL",
         "decisions chose a candidate that is not among their candidates"),
    Rule(("candidates", "decisions"),
         "SELECT d.decision_id FROM decisions AS d JOIN candidates AS c USING (decision_id) "
         "WHERE c.candidate_id = d.chosen AND NOT c.is_eligible",
         "decisions chose a candidate that was not eligible"),
    Rule(("candidates", "decisions"),
         "SELECT d.decision_id FROM decisions AS d JOIN candidates AS c USING (decision_id) "
         "WHERE c.is_chosen <> coalesce(c.candidate_id = d.chosen, FALSE)",
         "decisions and candidates disagree on what was chosen"),
    Rule(("candidates",),
         "SELECT decision_id FROM candidates GROUP BY 1 HAVING "
         "count(propensity) = count(*) AND abs(sum(propensity) - 1) > 1e-6",
         "decisions have propensities that do not sum to 1"),
    Rule(("outcomes", "decisions"),
         "SELECT DISTINCT decision_id FROM outcomes AS o ANTI JOIN decisions AS d "
         "USING (decision_id)",
         "outcomes wait for a decision that is not logged (yet); they are kept and join it later",
         "decisions have outcomes and are not stored, as is right for a sample: outcomes are kept "
         "whether their decision was or not"),
    Rule(("outcomes", "decisions"),
         "SELECT DISTINCT decision_id FROM outcomes AS o JOIN decisions AS d USING (decision_id) "
         "WHERE o.candidate_id <> d.chosen",
         "outcomes name a candidate that was not the chosen one; they count for the chosen one"),
    Rule(("attributions",),
         "SELECT decision_id FROM attributions WHERE abs(residual) > "
         "1e-3 * greatest(1, abs(raw_score))",
         "attributions do not add up to the logged raw score: features, score or model file were "
         "logged wrongly"),
    Rule(("quarantine",), "SELECT \"table\" || ' row ' || \"row\" FROM quarantine",
         "rows were refused and are in quarantine; mend and log them again"),
)  # fmt: skip


def contradictions(
    query: Callable[[str, tuple[str, ...]], pa.Table],
    has_table: Callable[[str], bool],
    *,
    is_sample: bool = False,
) -> list[tuple[str, str, int, list[str], str]]:
    """Run every rule whose tables exist.

    Parameters
    ----------
    query : callable
        Runs SQL over the named tables.
    has_table : callable
        Whether a table exists.
    is_sample : bool, default False
        Whether decisions are a sample of those made.

    Returns
    -------
    list of (severity, table, count, first ids, words)
        One for each rule that found something; severity is ``warn``, or ``ok`` for what sampling
        explains.
    """
    found = []
    for rule in RULES:
        if not all(has_table(name) for name in rule.tables):
            continue
        counted = query(
            f"SELECT count(*) AS n, min_by(id, id, {_EXAMPLES}) AS ids FROM "
            f"(SELECT * FROM ({rule.sql}) AS hits (id))",
            rule.tables,
        ).to_pylist()[0]
        if counted["n"]:
            of_sample = rule.words_of_sample if is_sample else ""
            found.append(("ok" if of_sample else "warn", rule.tables[0], counted["n"],
                          counted["ids"], of_sample or rule.words))  # fmt: skip
    return found
