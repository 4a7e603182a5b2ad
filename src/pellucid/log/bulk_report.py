"""What became of a source's rows."""

from __future__ import annotations

from dataclasses import dataclass, field

from pellucid.errors import DataError
from pellucid.schema.validate import Validated

_MOST_ROWS_SHOWN = 3


@dataclass(slots=True)
class BulkReport:
    """What became of a source's rows.

    Attributes
    ----------
    table, source : str
        Where to and from where.
    read : int
        Rows read.
    stored : int
        Rows stored by this call.
    duplicates : int
        Rows left out because the same row is stored already.
    refused : int
        Rows put in quarantine.
    committed_before : int
        Rows of batches that an earlier call had committed; they were not looked at again.
    violations : dict of str to (int, list of int)
        For each kind of violation its count and first row numbers in the source.
    notes : dict of str to int
        What is told of rows that were not refused for it.
    ignored : tuple of str
        Columns of the source that the spec neither maps nor declares; they were not stored.
    redacted : dict of (str, str) to int
        Values masked, by kind and column.
    """

    table: str
    source: str
    read: int = 0
    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    committed_before: int = 0
    violations: dict[str, tuple[int, list[int]]] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    redacted: dict[tuple[str, str], int] = field(default_factory=dict)

    def count(self, checked: Validated, first_row: int) -> None:
        """Count a batch's refused rows."""
        self.refused += len(checked.refused_rows)
        for reason, rows in checked.violations.items():
            count, shown = self.violations.get(reason, (0, []))
            room = _MOST_ROWS_SHOWN - len(shown)
            shown = [*shown, *(row + first_row for row in sorted(rows)[:room])]
            self.violations[reason] = (count + len(rows), shown)

    def refuse_line(self, text: str) -> None:
        """Count a line of the source that is no row."""
        self.refused += 1
        self.violations[text] = (self.violations.get(text, (0, []))[0] + 1, [])

    def note(self, reason: str, count: int) -> None:
        """Count something that is told and refuses no row."""
        self.notes[reason] = self.notes.get(reason, 0) + count

    def lines(self) -> list[str]:
        """Return the report as lines of text."""
        counts = [
            (self.stored, "stored"),
            (self.duplicates, "left out (the same key is stored, or came twice)"),
            (self.committed_before, "committed by an earlier run"),
            (self.refused, "refused, kept in `quarantine`"),
        ]
        shown = ", ".join(f"{count:,} {what}" for count, what in counts if count) or "nothing new"
        lines = [f"{self.table} from {self.source}: {self.read:,} rows read; {shown}"]
        if self.ignored:
            lines.append(f"  not mapped by the spec, so not stored: {', '.join(self.ignored)}")
        for (kind, column), count in sorted(self.redacted.items()):
            what = "look like card numbers, left: the column holds ids" if kind == "suspected" \
                else f"redacted ({kind})"  # fmt: skip
            lines.append(f"  {column}: {count:,} values {what}")
        lines += [f"  {count:,} × {note}" for note, count in self.notes.items()]
        return lines + [f"  {line}" for line in self.violation_lines()]

    def violation_lines(self) -> list[str]:
        """Return a line for each kind of violation, most frequent first."""
        lines = []
        ranked = sorted(self.violations.items(), key=lambda item: -item[1][0])
        for reason, (count, rows) in ranked:
            first = ", ".join(f"{row:,}" for row in rows)
            more = ", …" if count > len(rows) else ""
            lines.append(f"{count:,} × {reason}{f' (row {first}{more})' if rows else ''}")
        return lines

    def raise_for_refused(self) -> None:
        """Raise if any row was refused.

        Raises
        ------
        DataError
            With every kind of violation.
        """
        if self.refused:
            raise DataError(f"{self.table} from {self.source}", self.violation_lines())

    def __str__(self) -> str:
        return "\n".join(self.lines())
