"""The findings as one Markdown page, readable in a terminal too."""

from __future__ import annotations

from collections.abc import Sequence

from observed_answers import Finding
from routing_records import VALUE_OF_SUCCESS_EUR

COMMAND = "python examples/psp_routing/run.py --write-docs docs/psp_routing.md"
_INTRODUCTION = f"""\
# Real input: card payments over four PSPs

This page is generated; do not edit it. Write it anew with

    {COMMAND}

It holds aggregates only. The records (1 January to 3 February 2019) are not part of the
repository; point to them with `--data`. Their instants carry no time zone and are read as UTC;
amounts are read as EUR, in which the fees are stated.

Two systems are logged. `psp-history` holds every attempt as it was, with its outcome and fee.
`psp-routing` holds the attempts from 22 January: a LightGBM model, trained on the attempts before
that day, scores all four PSPs; a layer takes off the expected fee divided by the value set on an
approved payment, {VALUE_OF_SUCCESS_EUR:g} EUR; the last stage, `recorded`, is the PSP really used.
"""
_CAVEATS = """\
## Caveats

- The recorded routing rule is unknown and no propensities were logged, so `propensity` is null
  everywhere and nothing here is an off-policy estimate.
- Outcomes are known only for the PSP really used. If the recorded rule looked at anything that is
  not a feature here, the model's expectation for the other PSPs is biased, in an unknown direction.
- What "would have" happened is therefore what the model expects, not a causal estimate. The policy
  picks the largest of four estimates, which tends to make its own expectation optimistic even
  where the model is right on average.
- The signal is weak, and the model was not tuned: its settings were fixed before it was looked at.
- Intervals take attempts as independent; attempts of one purchase are not quite. Intervals of
  purchases are not affected.
- One attempt at a time is valued: that a refused attempt may be tried again is not.
- Fees depend on the outcome, so they are logged as an outcome, never as a feature.
- The records may be synthetic or anonymised, and no licence is stated: for internal tests only.

To read one decision in words, run the command without `--write-docs`; it is a single record, and
so is not on this page.
"""


def page(found: Sequence[Finding]) -> str:
    """Return the page."""
    parts = [_INTRODUCTION]
    for finding in found:
        remark = f"{finding.remark}\n\n" if finding.remark else ""
        parts.append(f"## {finding.title}\n\n{remark}{_table(finding)}\n")
    return "\n".join([*parts, _CAVEATS])


def _table(finding: Finding) -> str:
    rows = [tuple(cell.replace("|", "\\|") for cell in row)
            for row in (finding.heads, *finding.rows)]  # fmt: skip
    widths = [max(len(row[index]) for row in rows) for index in range(len(finding.heads))]
    is_text = [index < finding.texts for index in range(len(widths))]

    def line(cells: Sequence[str]) -> str:
        places = zip(cells, widths, is_text, strict=True)
        aligned = (cell.ljust(width) if text else cell.rjust(width) for cell, width, text in places)
        return f"| {' | '.join(aligned)} |"

    rule = ("-" * width if text else "-" * (width - 1) + ":"
            for width, text in zip(widths, is_text, strict=True))  # fmt: skip
    return "\n".join([line(rows[0]), line(tuple(rule)), *map(line, rows[1:])])
