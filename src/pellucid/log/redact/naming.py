"""What a column's or key's name alone says about its values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pellucid.log.redact.rules import Redaction

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_STRUCTURAL = ("decision_id", "request_id", "candidate_id", "model_id", "record_id", "chosen")
CARD_WORDS = frozenset((
    "pan", "pans", "fpan", "dpan", "card", "cards", "cardnumber", "cardno", "ccn", "ccnum",
    "cc", "creditcard", "account", "accounts", "acct", "accountnumber", "primaryaccountnumber",
))  # fmt: skip
_NUMBER = frozenset(("number", "num", "no", "nr"))
_FREE_TEXT = frozenset((
    "reason", "message", "msg", "note", "notes", "comment", "comments", "description", "desc",
    "text", "error", "errors", "memo", "detail", "details", "body", "payload", "query", "url",
    "uri", "address", "exception", "traceback", "response", "remark", "remarks", "log",
))  # fmt: skip
_PHONE = frozenset((
    "phone", "mobile", "msisdn", "telephone", "tel", "cellphone", "cell", "phonenumber",
    "mobilenumber",
))  # fmt: skip
_CVV = frozenset((
    "cvv", "cvc", "cvn", "csc", "cvd", "cav", "icvv",
))  # fmt: skip
_CVV_WHOLE = frozenset((
    "cid", "cardid2", "securitycode", "verificationvalue", "verificationcode", "pin",
    "pinblock", "cardpin",
))  # fmt: skip
_CVV_PHRASES = ("securitycode", "cardverification", "cardcode")
# A feature such as f_cvv_match says how the check went, not what the code was.
_ABOUT_CVV = frozenset((
    "match", "matched", "result", "response", "provided", "present", "presence", "check",
    "checked", "status", "passed", "required", "is", "has", "flag", "indicator", "valid",
    "error",
))  # fmt: skip
_TRACK = re.compile(r"track[12]?(data)?|track[12](equivalent|equivalentdata)|magstripe(data)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What a name says; every flag is about the values under it.

    Attributes
    ----------
    column : str
        The column, under which findings are counted.
    forbidden : str
        ``cvv`` or ``track`` for values that no one may keep; else empty.
    is_structural : bool
        An id that other rows refer to: replaced whole and consistently, or not at all.
    is_single : bool
        Single values are flagged, whatever the rest of the column holds.
    """

    column: str
    is_dropped: bool = False
    is_hashed: bool = False
    is_kept: bool = False
    is_structural: bool = False
    is_single: bool = False
    is_phone: bool = False
    forbidden: str = ""

    @property
    def decides(self) -> bool:
        """Whether something is done about values that show nothing themselves."""
        return bool(self.forbidden) or self.is_dropped or self.is_hashed or self.is_phone


def words_of(name: str) -> list[str]:
    """Return the words of a name in snake, kebab or camel case, in lower case."""
    return [word.lower() for word in _WORD.findall(name)]


def read_name(redaction: Redaction, path: tuple[str, ...]) -> Naming:
    """Return what the path of a value says: the column, then the keys within it."""
    column = path[0]
    bare = tuple(re.sub(r"^(f|raw|chosen)_", "", part) for part in path)
    forbidden = next((kind for part in bare if (kind := _forbidden(part))), "")
    last = words_of(bare[-1])
    suspicious = any(CARD_WORDS.intersection(words_of(part)) for part in bare) or (
        len(last) == 1 and last[0] in _NUMBER
    )
    return Naming(
        column=column,
        is_dropped=_matches(redaction.drop, path),
        is_hashed=_matches(redaction.hash, path),
        is_kept=_matches(redaction.keep_numbers, path),
        is_structural=len(path) == 1 and (column in _STRUCTURAL or column.startswith("pick_")),
        is_single=suspicious or bool(_FREE_TEXT.intersection(last)),
        is_phone=_is_phone(last),
        forbidden=forbidden,
    )


def _matches(patterns: tuple[str, ...], path: tuple[str, ...]) -> bool:
    if not patterns:
        return False
    # A pattern that names a key takes all that is under it.
    heads = [".".join(path[: n + 1]).lower() for n in range(len(path))]
    names = {*heads, *(part.lower() for part in path)}
    return any(fnmatchcase(name, pattern.lower()) for pattern in patterns for name in names)


def _forbidden(name: str) -> str:
    words = words_of(name)
    whole = "".join(words)
    if _TRACK.fullmatch(whole):
        return "track"
    if _ABOUT_CVV.intersection(words):
        return ""
    is_cvv = whole in _CVV_WHOLE or any(phrase in whole for phrase in _CVV_PHRASES)
    return "cvv" if is_cvv or _CVV.intersection(words) else ""


def _is_phone(words: list[str]) -> bool:
    while words and (words[-1] in _NUMBER or words[-1].isdigit()):
        words = words[:-1]
    return bool(words) and words[-1] in _PHONE
