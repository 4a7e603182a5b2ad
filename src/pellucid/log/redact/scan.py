"""Finds in a text what must not be written, also where digits are encoded or spelt otherwise."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from pellucid.log.redact.cards import RUN, find_cards
from pellucid.log.redact.other import find_others

_DIGITS_TO_ZERO = bytes(48 if 48 <= c < 58 else c | 32 if 65 <= c <= 90 else c for c in range(256))
_SEPARATORS = b" .-+_\t/()"
# Every IBAN in use, phone number and card number has a run of ten digits, or a sign below.
_RUN = b"0" * 10
_HASH_LENGTHS = "|".join(f"[0-9a-fA-F]{{{n}}}" for n in (128, 96, 64, 56, 40, 32))
# Digits inside a UUID or a digest are no number, provided that it has letters.
_HEX = re.compile(
    r"(?<![0-9A-Za-z])(?=[0-9\-]{0,35}[a-fA-F])"
    rf"(?:[0-9a-fA-F]{{8}}-(?:[0-9a-fA-F]{{4}}-){{3}}[0-9a-fA-F]{{12}}|{_HASH_LENGTHS})"
    r"(?![0-9A-Za-z])"
)
_AFFIX = r"[A-Za-z_:#/.\-]{0,24}"
_TOKEN = re.compile(rf"\s*({_AFFIX}){RUN.pattern}{_AFFIX}\s*")
_ESCAPE = re.compile(r"\\+u([0-9a-fA-F]{4})")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_MOST_DECODINGS = 4

Replace = Callable[[str, str], str]


class _Folder(dict[int, int]):
    """Maps each character to one: digits of any script to ASCII's, odd spaces and dashes too."""

    def __missing__(self, code: int) -> int:
        folded = code
        if code > 127:
            character = chr(code)
            category = unicodedata.category(character)
            digit = unicodedata.digit(character, None)
            if digit is not None and category in ("Nd", "No"):
                folded = 48 + digit
            elif category in ("Zs", "Cf"):
                folded = 32
            elif category == "Pd" or code in (0x2212, 0x00B7, 0x2022, 0x2024, 0x2027):
                folded = 45
            else:
                plain = unicodedata.normalize("NFKC", character)
                folded = ord(plain) if len(plain) == 1 else code
        self[code] = folded
        return folded


_FOLDER = _Folder()


def fold(text: str) -> str:
    """Return a text of the same length, with digits, spaces and dashes as ASCII has them."""
    return text if text.isascii() else text.translate(_FOLDER)


def may_hold(text: str) -> bool:
    """Return whether a text could hold anything to redact; a few nanoseconds per character."""
    if "@" in text or "%" in text or "+" in text or "\\u" in text:
        return True
    return _is_suspect(_plain(text))


def suspects(texts: Sequence[str]) -> Sequence[int]:
    """Return the places of the texts that could hold anything to redact."""
    joined = "\n".join(texts)
    lines = _plain(joined).split(b"\n")
    if len(lines) != len(texts) or any(sign in joined for sign in ("@", "%", "+", "\\u")):
        return [place for place, text in enumerate(texts) if may_hold(text)]
    return [place for place, line in enumerate(lines) if _is_suspect(line)]


def _plain(text: str) -> bytes:
    return fold(text).encode("ascii", "replace").translate(_DIGITS_TO_ZERO, _SEPARATORS)


def _is_suspect(plain: bytes) -> bool:
    return (
        _RUN in plain
        or b"cv" in plain
        or b'"c' in plain
        or b"security" in plain
        or b"verification" in plain
    )


def without_hex(folded: str) -> str:
    """Return a folded text with its UUIDs and digests blanked, of the same length."""
    return _HEX.sub(lambda found: "x" * len(found[0]), folded) if len(folded) >= 32 else folded


def affix_of_number(folded: str) -> str | None:
    """Return the prefix of a text that is one number with affixes, such as ``ref-41...``."""
    found = _TOKEN.fullmatch(folded)
    return None if found is None else found[1]


def find(text: str) -> list[tuple[str, int, int, str]]:
    """Return (kind, start, end, digits) of all that is found as it stands, in order."""
    folded = fold(text)
    taken: list[tuple[str, int, int, str]] = []
    for kind, start, end, digits in _candidates(folded):
        if all(end <= other[1] or start >= other[2] for other in taken):
            taken.append((kind, start, end, digits))
    taken.sort(key=lambda item: item[1])
    return taken


def _candidates(folded: str) -> Iterator[tuple[str, int, int, str]]:
    others = [(kind, start, end, "") for kind, start, end in find_others(folded)]
    # A card number written with + between its groups is no phone number.
    yield from (item for item in others if item[0] != "phone")
    for start, end, digits in find_cards(without_hex(folded)):
        yield "card", start, end, digits
    yield from (item for item in others if item[0] == "phone")


def rewrite(text: str, replace: Replace) -> tuple[str, list[str]]:
    r"""Return a text with all that is found replaced, and the kinds found.

    Where something is found only once escapes are decoded (``%20``, ``\u00a0``), the decoded text
    is what is returned.

    Parameters
    ----------
    replace : callable
        From kind and digits (of a card; else the value itself) to what stands instead.
    """
    text, kinds = _rewrite_plain(text, replace)
    decoded = text
    for _ in range(_MOST_DECODINGS):
        further = _decoded(decoded)
        if further == decoded:
            break
        decoded, found = _rewrite_plain(further, replace)
        if found:
            text, kinds = decoded, kinds + found
    return text, kinds


def _rewrite_plain(text: str, replace: Replace) -> tuple[str, list[str]]:
    found = find(text)
    if not found:
        return text, []
    pieces, at = [], 0
    for kind, start, end, digits in found:
        pieces += [text[at:start], replace(kind, digits or text[start:end])]
        at = end
    pieces.append(text[at:])
    return "".join(pieces), [item[0] for item in found]


def _decoded(text: str) -> str:
    if "\\u" in text:
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    if "%" in text and _PERCENT.search(text):
        from urllib.parse import unquote

        text = unquote(text)
    return text
