"""Keyed tokens that stand for values which must not be written."""

from __future__ import annotations

import hashlib
import hmac
import os
import re

from pellucid.errors import DataError

_SHORTEST_KEY = 16
_TOKEN = re.compile(r"h:[0-9a-f]{32}")


class Tokenizer:
    """Turns a value into ``h:`` and 32 hex digits, the same for the same value and key.

    The key goes into the hash state and is not kept.
    """

    __slots__ = ("_state",)

    def __init__(self, key: bytes) -> None:
        if not isinstance(key, bytes) or len(key) < _SHORTEST_KEY:
            raise DataError(
                "redaction", [f"the key must be bytes, {_SHORTEST_KEY} or more: a short one can be "
                              "found by trying"],
            )  # fmt: skip
        self._state = hmac.new(key, digestmod=hashlib.sha256)

    @classmethod
    def from_environment(cls, name: str) -> Tokenizer:
        """Return the tokenizer whose key is the text of an environment variable."""
        value = os.environ.get(name)
        if not value:
            raise DataError("redaction", [f"environment variable {name}, which is to hold the "
                                          "key, is not set"])  # fmt: skip
        return cls(value.encode())

    def token(self, value: object) -> str:
        """Return the token of a value; of a token, itself."""
        text = value if isinstance(value, str) else str(value)
        if _TOKEN.fullmatch(text):
            return text
        state = self._state.copy()
        state.update(text.encode("utf-8", "surrogatepass"))
        return "h:" + state.hexdigest()[:32]

    def __repr__(self) -> str:
        return "Tokenizer()"
