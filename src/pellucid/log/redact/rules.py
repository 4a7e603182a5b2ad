"""What a team declares about redaction; card numbers and the like are found without it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """Fields to drop or to tokenise, and numbers that are known to be harmless.

    A pattern is a column name (``raw_email``), a key inside a nested value (``email``), or the
    dotted path of one (``raw_request.customer.*``), with ``*`` and ``?`` as in file names; case
    does not matter.

    Attributes
    ----------
    drop : tuple of str
        Values are replaced by null.
    hash : tuple of str
        Values are replaced by a token: ``h:`` and 32 hex digits of a keyed HMAC-SHA256. The key
        is given at runtime; a plain hash of a card number could be undone by trying them all.
    keep_numbers : tuple of str
        Harmless numeric ids: never masked as card numbers.
    """

    drop: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()
    keep_numbers: tuple[str, ...] = ()
