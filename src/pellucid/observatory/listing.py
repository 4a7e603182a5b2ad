"""Decisions themselves: which there were, found by id or by what they were about."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.engine.sql import quoted, text
from pellucid.errors import SpecError
from pellucid.explain.filters import decision_filter
from pellucid.explain.records import within
from pellucid.observatory.opened import Opened
from pellucid.schema.tables import DECISIONS, OUTCOMES
from pellucid.spec.bind import declared_names
from pellucid.windows import Window

_MOST = 10_000
_FIXED = ("decision_id", "request_id", "attempt", "decided_at", "arm", "chosen",
          "chosen_probability", "amount_minor", "currency")  # fmt: skip


class Listing(Opened):
    """Questions whose answer is a list of decisions."""

    def decisions(
        self, *, find: str = "", where: str = "", over: str | Window = "30d", first: int = 0,
        most: int = 50,
    ) -> pa.Table:  # fmt: skip
        """Return decisions, the latest first.

        Parameters
        ----------
        find : str
            A decision's or request's id; in the whole log, whatever the window.
        where : str
            SQL condition on decisions.
        over : str or Window
        first : int, default 0
            How many to skip.
        most : int, default 50
            How many to return; 1 to 10,000.

        Returns
        -------
        pyarrow.Table
            ``decision_id``, ``request_id``, ``attempt``, ``decided_at``, ``arm``, ``chosen``,
            ``chosen_probability``, ``amount_minor``, ``currency``, ``pick_model`` (where the
            system has layers), the dimensions, and for each outcome its latest value as a number,
            null while unknown.

        Raises
        ------
        SpecError
            If the condition does not bind, or `first` or `most` is out of range.
        """
        if not 1 <= most <= _MOST or first < 0:
            raise SpecError("decisions", [
                f"first {first} and most {most}: skip 0 or more and ask for 1 to {_MOST:,}"
            ])  # fmt: skip
        condition = decision_filter(self.system, where)
        window = self.window(over)
        if find:
            found = text(find)
            condition += f" AND (decision_id = {found} OR request_id = {found})"
            earliest, latest = self.span()
            window = Window(earliest, latest + timedelta(microseconds=1))
        columns = [*_FIXED, *(["pick_model"] if self.system.layers else []),
                   *self.system.dimension_names]  # fmt: skip
        rows = self.records.query(
            f"SELECT {', '.join(quoted(name) for name in dict.fromkeys(columns))} FROM decisions "
            f"WHERE {within(window)} AND {condition} "
            f"ORDER BY decided_at DESC, decision_id LIMIT {most} OFFSET {first}",
            (DECISIONS.name,), window, names=declared_names(self.system),
        )  # fmt: skip
        for name, values in self._outcomes(rows).items():
            rows = rows.append_column(name, pa.array(values, pa.float64()))
        return rows

    def _outcomes(self, rows: pa.Table) -> dict[str, list[float | None]]:
        names = [outcome.name for outcome in self.system.outcomes]
        ids = rows.column("decision_id").to_pylist()
        latest: dict[tuple[str, str], float | None] = {}
        if ids and names:
            listed = ", ".join(text(own) for own in ids)
            start = pc.min(rows.column("decided_at")).as_py()
            found = self.records.query(
                "SELECT decision_id, outcome, arg_max(value, recorded_at) AS value FROM outcomes "
                f"WHERE decision_id IN ({listed}) GROUP BY ALL",
                (OUTCOMES.name,), Window(start, start + timedelta(microseconds=1)),
            )  # fmt: skip
            latest = {(row["decision_id"], row["outcome"]): row["value"]
                      for row in found.to_pylist()}  # fmt: skip
        return {name: [latest.get((own, name)) for own in ids] for name in names}
