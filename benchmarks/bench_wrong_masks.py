"""How many random ids redaction takes for card numbers, and why.

A column of ids is judged as a whole, so that none of its values is masked for passing Luhn by
chance. A digit run in free text stands alone: one that has an issuer's prefix and length and passes
Luhn cannot be told from a card number, and is masked.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from harness import Report, Spread, parse_options

from pellucid.log.redact import Redaction, Redactor

IDS = 1_000_000
CHUNK = 50_000


def random_ids(count: int) -> list[int]:
    draw = np.random.default_rng(11)
    # 19 digits only as far as int64 goes.
    return [
        int(draw.integers(10 ** (size - 1), min(10**size, 2**63 - 1)))
        for size in draw.integers(13, 20, count).tolist()
    ]


def masked(column: str, values: pa.Array) -> int:
    redactor = Redactor(Redaction())
    for start in range(0, len(values), CHUNK):
        redactor.arrow("decisions", pa.table({column: values.slice(start, CHUNK)}))
    return redactor.counts["card", column]


def main() -> None:
    options = parse_options(__doc__, rounds=1)
    found = Report("wrong_masks", "how many ids are taken for cards?", options.scale == 1)
    count = options.rows(IDS)
    ids = random_ids(count)
    texts = pa.array([str(value) for value in ids])
    sentences = pa.array([f"order {value} was late" for value in ids])
    now = pa.array(np.random.default_rng(3).integers(1_600_000_000_000, 1_800_000_000_000, count))
    for case, column, values, most in (
        ("random 13 to 19 digit ids, text", "raw_order", texts, 0.0),
        ("random 13 to 19 digit ids, int64", "raw_order", pa.array(ids), 0.0),
        ("times in milliseconds, int64", "raw_seen", now, 0.0),
        ("random 13 to 19 digit ids in sentences", "reason", sentences, 3.0),
    ):
        share = 100 * masked(column, values) / count
        found.add(case, "% masked", Spread.of([share]), None, most=most)
    found.finish()


if __name__ == "__main__":
    main()
