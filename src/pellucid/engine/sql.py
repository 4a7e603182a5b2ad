"""Renders a scan as one SQL query, through sqlglot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import sqlglot
from sqlglot import exp

from pellucid.engine.base import BUCKET, PERIOD, measure_type
from pellucid.engine.plan import Scan
from pellucid.schema.tables import CANDIDATES, SAMPLE_WEIGHT
from pellucid.spec.expression import parse
from pellucid.spec.measure import Measure
from pellucid.spec.sources import outcome_columns, physical_column
from pellucid.spec.system import Outcome
from pellucid.windows import HOUR, parse_duration

_DAY_US = 86_400_000_000
_HOUR_US = 3_600_000_000
_NEAR = 12 * HOUR


def render(scan: Scan) -> str:
    """Return `statement` laid out for people."""
    return sqlglot.parse_one(statement(scan), dialect="duckdb").sql(dialect="duckdb", pretty=True)


def statement(scan: Scan) -> str:
    """Return the scan as one DuckDB query over `decisions`, `candidates` and `outcomes`."""
    keys = _keys(scan)
    folds = [f"{_fold(m)} AS m{i}" for i, m in enumerate(scan.measures)]
    selected = ", ".join([f"{sql} AS {quoted(name)}" for name, sql in keys] + folds)
    where = f" WHERE {snippet(scan.where)}" if scan.where else ""
    group = f" GROUP BY {', '.join(str(i + 1) for i in range(len(keys)))}" if keys else ""
    # Without keys SQL returns a row even for no rows; a group that has no rows is not a group.
    having = "" if keys else " HAVING count(*) > 0"
    return f"{_ctes(scan)} SELECT {selected} FROM facts{where}{group}{having}"


def rows_statement(scan: Scan, columns: Sequence[str]) -> str:
    """Return the query of the rows that a scan reads, with some of the columns that it reads."""
    where = f" WHERE {snippet(scan.where)}" if scan.where else ""
    selected = ", ".join(quoted(name) for name in columns)
    return f"{_ctes(scan)} SELECT {selected} FROM facts{where}"


def quoted(name: str) -> str:
    """Return a name as a quoted identifier."""
    return exp.to_identifier(name, quoted=True).sql(dialect="duckdb")


def column(name: str) -> str:
    """Return a name as a column, quoted only where it must be."""
    return exp.column(name).sql(dialect="duckdb")


def instant(moment: datetime) -> str:
    """Return an instant as a literal."""
    return f"CAST('{moment.astimezone(UTC).isoformat(sep=' ')}' AS TIMESTAMPTZ)"


def text(value: str) -> str:
    """Return a string as a literal."""
    return exp.Literal.string(value).sql(dialect="duckdb")


def _keys(scan: Scan) -> list[tuple[str, str]]:
    keys = [(name, f"CAST({quoted(name)} AS VARCHAR)") for name in scan.by]
    inner = scan.cuts[1:-1]
    if inner:
        steps = " + ".join(f"CAST(decided_at >= {instant(cut)} AS BIGINT)" for cut in inner)
        keys.append((PERIOD, steps))
    if scan.grain:
        keys.append((BUCKET, bucket_sql(scan, "epoch_us(decided_at)")))
    return [*keys, *segment_keys(scan)]


def bucket_sql(scan: Scan, micros: str) -> str:
    """Return the start of the bucket of an instant, given as SQL in microseconds since 1970."""
    length, offset = scan.grain_us
    return f"CAST(({micros} - {offset}) // {length} * {length} + {offset} AS BIGINT)"


def segment_keys(scan: Scan) -> list[tuple[str, str]]:
    """Return the name and the SQL of the key of each segment."""
    return [(f"segment_{place}", f"coalesce({snippet(segment.where)}, FALSE)")
            for place, segment in enumerate(scan.segments)]  # fmt: skip


def _fold(measure: Measure) -> str:
    if measure.fold == "count":
        if not measure.where:
            return "count(*)"
        return f"coalesce(count_if({snippet(measure.where)}), 0)"
    value = snippet(measure.value)
    if measure.fold == "sum_products":
        value = f"CAST({value} AS DOUBLE) * ({snippet(measure.per)})"
    elif measure.fold == "sum_squares":
        value = f"CAST({value} AS DOUBLE) * ({value})"
    if measure.where:
        value = f"CASE WHEN {snippet(measure.where)} THEN {value} END"
    if measure.fold in ("smallest", "largest"):
        return f"{'min' if measure.fold == 'smallest' else 'max'}({value})"
    exact = str(measure_type(measure)).startswith("decimal")
    return f"CAST(sum({value}) AS {'DECIMAL(38, 0)' if exact else 'DOUBLE'})"


@lru_cache(maxsize=4096)
def snippet(expression: str) -> str:
    """Return a checked expression of the spec's language as one of DuckDB."""
    tree = parse(expression).copy().transform(_portable)
    return f"({tree.sql(dialect='duckdb')})"


def _portable(node: exp.Expr) -> exp.Expr:
    # Calendar parts by arithmetic: no time-zone library, and the same on every engine.
    if isinstance(node, exp.Column):
        return exp.column(exp.to_identifier(node.name, quoted=True))
    if isinstance(node, exp.Hour):
        micros = _micros(node.this)
        return _parsed(f"CAST({micros} // {_HOUR_US} % 24 AS BIGINT)")
    if isinstance(node, exp.DayOfWeekIso):
        micros = _micros(node.this)
        return _parsed(f"CAST(({micros} // {_DAY_US} + 3) % 7 + 1 AS BIGINT)")
    if isinstance(node, exp.Div):
        left, right = (
            side.transform(_portable).sql(dialect="duckdb") for side in (node.this, node.expression)
        )
        return _parsed(f"CAST({left} AS DOUBLE) / nullif({right}, 0)")
    return node


def _micros(node: exp.Expr) -> str:
    return f"epoch_us({node.transform(_portable).sql(dialect='duckdb')})"


def _parsed(sql: str) -> exp.Expr:
    return sqlglot.parse_one(sql, dialect="duckdb")


def _ctes(scan: Scan) -> str:
    parts = [_outcome_cte(scan, item, index) for index, item in enumerate(scan.outcomes)]
    if scan.unit == "candidate":
        parts.append(f"facts AS ({_candidate_facts(scan)})")
    elif scan.unit == "request":
        if scan.outcomes:
            parts.append(f"retries AS ({_retries(scan)})")
        parts.append(f"facts AS ({_request_facts(scan)})")
    else:
        parts.append(f"facts AS ({_decision_facts(scan)})")
    return f"WITH {', '.join(parts)}"


def _outcome_cte(scan: Scan, outcome: Outcome, index: int) -> str:
    picked = {"value": outcome.name, "reason": f"{outcome.name}_reason",
              "blame": f"{outcome.name}_blame"}  # fmt: skip
    columns = [column for column, name in picked.items()
               if column == "value" or name in scan.columns]  # fmt: skip
    latest = latest_outcomes(outcome, scan.as_of, columns, among=_near(scan))
    return f"outcome_{index} AS ({latest})"


def _near(scan: Scan) -> str:
    """Return the condition on decisions whose outcomes count, where they are few; else nothing.

    Outcomes are stored by the day on which they are recorded: of a few hours' decisions, most
    outcomes of that day are of others, and grouping them all would take most of the time.
    """
    # A request's retries come after its window.
    end = scan.as_of if scan.unit == "request" else min(scan.span.end, scan.as_of)
    if end - scan.span.start > _NEAR:
        return ""
    return f"decided_at >= {instant(scan.span.start)} AND decided_at <= {instant(end)}"


def latest_outcomes(
    outcome: Outcome, as_of: datetime, columns: Sequence[str], *, among: str = ""
) -> str:
    """Return the query of each decision's latest observation of an outcome.

    Parameters
    ----------
    as_of : datetime
        Nothing recorded later is seen.
    columns : sequence of str
        Of ``value``, ``reason`` and ``blame``.
    among : str
        Condition on the decisions that are asked about; all where it is empty.
    """
    # One whole number orders observations by recorded_at, then outcome_at: the latest one counts.
    order = "CAST(epoch_us(recorded_at) AS HUGEINT) * 9223372036854775807 + epoch_us(outcome_at)"
    # arg_max skips rows whose value is null: the latest observation without a reason has none.
    latest = ", ".join(
        f"{'arg_max' if column == 'value' else 'arg_max_null'}({column}, {order}) AS {column}"
        for column in columns
    )
    kept = f"AND decision_id IN (SELECT decision_id FROM decisions WHERE {among})" if among else ""
    return (
        f"SELECT decision_id, {latest} FROM outcomes "
        f"WHERE outcome = {text(outcome.name)} AND recorded_at <= {instant(as_of)} {kept} "
        "GROUP BY decision_id"
    )


def _window(scan: Scan, alias: str) -> str:
    span = scan.span
    return (
        f"{alias}.decided_at >= {instant(span.start)} AND {alias}.decided_at < {instant(span.end)} "
        f"AND {alias}.decided_at <= {instant(scan.as_of)}"
    )


def _stored(scan: Scan, alias: str) -> list[str]:
    virtual = {name for outcome in scan.outcomes for name in outcome_columns(outcome)}
    return [_selected(scan, alias, name) for name in scan.columns if name not in virtual]


def _selected(scan: Scan, alias: str, name: str) -> str:
    column = f"{alias}.{quoted(physical_column(scan.system, scan.unit, name))}"
    if name == SAMPLE_WEIGHT:
        # What was stored before sampling began, or by a logger that keeps everything, has none.
        column = f"coalesce({column}, 1)" if scan.is_weighted else "CAST(1 AS DOUBLE)"
    return f"{column} AS {quoted(name)}"


def _decision_facts(scan: Scan) -> str:
    selected = _stored(scan, "d")
    joins = ""
    for index, outcome in enumerate(scan.outcomes):
        joins += f" LEFT JOIN outcome_{index} AS o{index} ON o{index}.decision_id = d.decision_id"
        selected += _outcome_values(scan, outcome, index, f"o{index}.value", "d.decided_at")
    return f"SELECT {', '.join(selected)} FROM decisions AS d{joins} WHERE {_window(scan, 'd')}"


def _outcome_values(
    scan: Scan, outcome: Outcome, index: int, value: str, last_at: str
) -> list[str]:
    cutoff = instant(scan.as_of - parse_duration(outcome.matures_after))
    columns = {
        outcome.name: value,
        f"{outcome.name}_mature": f"{last_at} <= {cutoff}",
        f"{outcome.name}_reason": f"o{index}.reason",
        f"{outcome.name}_blame": f"o{index}.blame",
    }
    return [f"{sql} AS {quoted(name)}" for name, sql in columns.items() if name in scan.columns]


def _retries(scan: Scan) -> str:
    selected, joins = ["d.request_id", "max(d.decided_at) AS last_at", "count(*) AS attempts"], ""
    for index, outcome in enumerate(scan.outcomes):
        joins += f" LEFT JOIN outcome_{index} AS o{index} ON o{index}.decision_id = d.decision_id"
        fold = "sum" if outcome.kind == "amount" else "max"
        selected += [f"{fold}(o{index}.value) AS value_{index}",
                     f"count(o{index}.value) AS known_{index}"]  # fmt: skip
    return (
        f"SELECT {', '.join(selected)} FROM decisions AS d{joins} WHERE d.attempt > 1 "
        f"AND d.decided_at >= {instant(scan.span.start)} "
        f"AND d.decided_at <= {instant(scan.as_of)} GROUP BY d.request_id"
    )


def _request_facts(scan: Scan) -> str:
    selected, joins = _stored(scan, "d"), ""
    if scan.outcomes:
        joins = " LEFT JOIN retries AS r ON r.request_id = d.request_id"
    for index, outcome in enumerate(scan.outcomes):
        joins += f" LEFT JOIN outcome_{index} AS o{index} ON o{index}.decision_id = d.decision_id"
        value = _request_value(outcome, index)
        last_at = "greatest(d.decided_at, r.last_at)"
        selected += _outcome_values(scan, outcome, index, value, last_at)
    return (
        f"SELECT {', '.join(selected)} FROM decisions AS d{joins} "
        f"WHERE {_window(scan, 'd')} AND d.attempt = 1"
    )


def _request_value(outcome: Outcome, index: int) -> str:
    first, rest = f"o{index}.value", f"r.value_{index}"
    is_known = f"{first} IS NOT NULL AND coalesce(r.attempts, 0) = coalesce(r.known_{index}, 0)"
    if outcome.kind == "amount":
        return f"CASE WHEN {is_known} THEN {first} + coalesce({rest}, 0) END"
    # A success on any attempt settles a request; a failure only once every attempt is known.
    best = f"greatest({first}, {rest})"
    return f"CASE WHEN {best} >= 1 OR ({is_known}) THEN {best} END"


def candidate_owned(scan: Scan, name: str) -> bool:
    """Whether a column of a candidate scan is on the candidate row itself."""
    system = scan.system
    own = {field.name for field in CANDIDATES.fields} | set(system.candidate.repeats)
    own |= {system.candidate.name} | {item.name for item in system.candidate.dimensions}
    return name in own or name.startswith(("f_", "layer_"))


def _candidate_facts(scan: Scan) -> str:
    selected, needs_decision = [], False
    for name in scan.columns:
        owned = candidate_owned(scan, name)
        needs_decision |= not owned
        selected.append(_selected(scan, "c" if owned else "d", name))
    join = ""
    if needs_decision:
        # A decision and its candidates carry the same time, so both sides prune to the window.
        decisions = f"(SELECT * FROM decisions AS w WHERE {_window(scan, 'w')})"
        join = f" LEFT JOIN {decisions} AS d ON d.decision_id = c.decision_id"
    return f"SELECT {', '.join(selected)} FROM candidates AS c{join} WHERE {_window(scan, 'c')}"


def outcomes_since(start: datetime) -> datetime:
    """Return when outcomes of decisions from an instant on may begin: clocks differ."""
    return start - timedelta(days=1)


def reading_span(scan: Scan, table: str) -> tuple[datetime, datetime | None]:
    """Return the span of a table's time column that a scan needs; None for no end.

    Outcomes come after their decision (a day of clock skew allowed) and may come at any time;
    retries of a request may be decided after the window.
    """
    start, end = scan.span.start, scan.span.end
    if table == "outcomes":
        return outcomes_since(start), None
    if scan.unit == "request" and scan.outcomes:
        return start, None
    return start, end
