"""Card numbers: Luhn, issuer and length, and where they stand in a text."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

SHORTEST, LONGEST = 12, 19

# Inclusive ranges of the first four digits and the lengths issued there. Wide on purpose: a number
# missed is written to disk, one too many is masked. Random digits pass Luhn and this in 4.5% (16
# digits); most of it is Maestro's 50 and 56-69, without which it is 2.7%.
BRANDS: tuple[tuple[str, int, int, tuple[int, ...]], ...] = (
    ("visa", 4000, 4999, (13, 16, 19)),
    ("mastercard", 5100, 5599, (16,)),
    ("mastercard", 2221, 2720, (16,)),
    ("amex", 3400, 3499, (15,)),
    ("amex", 3700, 3799, (15,)),
    ("discover", 6011, 6011, (16, 17, 18, 19)),
    ("discover", 6440, 6599, (16, 17, 18, 19)),
    ("diners", 3000, 3059, (14, 15, 16, 17, 18, 19)),
    ("diners", 3095, 3095, (14, 15, 16, 17, 18, 19)),
    ("diners", 3600, 3699, (14, 15, 16, 17, 18, 19)),
    ("diners", 3800, 3999, (14, 15, 16, 17, 18, 19)),
    ("jcb", 3528, 3589, (16, 17, 18, 19)),
    ("jcb", 1800, 1800, (15,)),
    ("jcb", 2131, 2131, (15,)),
    ("unionpay", 6200, 6299, (16, 17, 18, 19)),
    ("unionpay", 8100, 8199, (16, 17, 18, 19)),
    ("maestro", 5000, 5099, (12, 13, 14, 15, 16, 17, 18, 19)),
    ("maestro", 5600, 6999, (12, 13, 14, 15, 16, 17, 18, 19)),
    ("mir", 2200, 2204, (16, 17, 18, 19)),
    ("rupay", 8172, 8172, (16,)),
    ("rupay", 8200, 8299, (16,)),
    ("rupay", 3530, 3569, (16,)),
    ("troy", 9792, 9792, (16,)),
    ("humo", 9860, 9860, (16,)),
    ("uzcard", 8600, 8600, (16,)),
    ("lankapay", 3571, 3571, (16,)),
)

SEPARATORS = r"[ \t.\-+_]"
# Groups of digits with up to three separators between them.
RUN = re.compile(rf"[0-9](?:{SEPARATORS}{{0,3}}[0-9]){{{SHORTEST - 1},}}")
_GROUP = re.compile(r"[0-9]+")
# A float as spreadsheets and JSON writers print it.
_SCIENTIFIC = re.compile(r"(?<![0-9.])([0-9])\.([0-9]{6,18})[eE]\+?(1[1-8])(?![0-9])")
_DOUBLED = bytes((2 * d if d < 5 else 2 * d - 9) if (d := c - 48) in range(10) else 0
                 for c in range(256))  # fmt: skip


@functools.cache
def issued_lengths() -> dict[str, int]:
    """Return for each issued prefix of four digits the lengths, as bits."""
    lengths: dict[str, int] = {}
    for _, low, high, sizes in BRANDS:
        bits = sum(1 << size for size in sizes)
        for prefix in range(low, high + 1):
            lengths[str(prefix)] = lengths.get(str(prefix), 0) | bits
    return lengths


def luhn(digits: str) -> bool:
    """Return whether ASCII digits end in their Luhn check digit."""
    code = digits.encode()
    plain, doubled = code[-1::-2], code[-2::-2]
    return (sum(plain) - 48 * len(plain) + sum(doubled.translate(_DOUBLED))) % 10 == 0


def is_issued(digits: str) -> bool:
    """Return whether ASCII digits have an issuer's prefix and one of its lengths."""
    return bool(issued_lengths().get(digits[:4], 0) >> len(digits) & 1)


def is_card(digits: str) -> bool:
    """Return whether ASCII digits have an issuer's prefix and length, and pass Luhn."""
    return is_issued(digits) and luhn(digits)


def mask(digits: str) -> str:
    """Return the digits with at most the first six and the last four shown, six hidden at least.

    Examples
    --------
    >>> mask("4111111111111111"), mask("378282246310005")
    ('411111******1111', '378282******005')
    """
    shown = min(4, max(0, len(digits) - 12)) if len(digits) <= LONGEST else 0
    return digits[:6] + "*" * (len(digits) - 6 - shown) + digits[len(digits) - shown :]


def find_cards(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, digits) of the card numbers in a text whose digits are ASCII.

    A number begins and ends where a group of digits does, so that none is found inside a longer
    run of digits; but it is found beside other groups: ``12 4111-1111-1111-1111 123``.
    """
    for found in RUN.finditer(text):
        groups = [(m.start(), m.end()) for m in _GROUP.finditer(text, found.start(), found.end())]
        yield from _in_groups(text, groups)
    for found in _SCIENTIFIC.finditer(text):
        whole, fraction, power = found[1], found[2], int(found[3])
        digits = (whole + fraction).ljust(power + 1, "0")[: power + 1]
        if is_card(digits):
            yield found.start(), found.end(), digits


def _in_groups(text: str, groups: list[tuple[int, int]]) -> Iterator[tuple[int, int, str]]:
    first = 0
    while first < len(groups):
        last = _end_of_card(text, groups, first)
        if last is None:
            first += 1
            continue
        start, end = groups[first][0], groups[last][1]
        yield start, end, "".join(text[a:b] for a, b in groups[first : last + 1])
        first = last + 1


def _end_of_card(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """Return the last group of the longest card number that begins with a group."""
    start = groups[first][0]
    # 0.4111111111111111 is a fraction.
    is_fraction = text[max(0, start - 2) : start] == "0." and not text[max(0, start - 3)].isdigit()
    if is_fraction and start >= 2 and first and groups[first - 1][1] - groups[first - 1][0] == 1:
        return None
    digits, best = "", None
    sizes: list[int] = []
    for last in range(first, min(len(groups), first + LONGEST)):
        digits += text[groups[last][0] : groups[last][1]]
        sizes.append(groups[last][1] - groups[last][0])
        if len(digits) > LONGEST:
            break
        is_whole = first == 0 and last == len(groups) - 1
        if len(digits) >= SHORTEST and (is_whole or _is_grouping(sizes)) and is_card(digits):
            best = last
    return best


def _is_grouping(sizes: list[int]) -> bool:
    """Return whether groups of these sizes could be how people write one number.

    4-4-4-4, 4-6-5, 6-13 and the like, or all of one size; dates and amounts are not.
    """
    body = sizes[:-1]
    return not body or (body[0] >= 4 and min(body) >= 3) or len(set(body)) == 1
