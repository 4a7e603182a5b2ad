"""The URL of a channel: filled from the environment, and kept out of everything that is said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from pellucid.errors import SpecError
from pellucid.spec.check import Channel

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SEPARATORS = re.compile(r"[/?&=@:#,;+\s]+")
_LEAST_PART = 3
# What a service makes of a secret, such as its Base64, is not known here, but looks like this.
_LOOKS_SECRET = re.compile(r"[A-Za-z0-9+/_=-]{24,}")
_MASK = "***"
_LONGEST = 300


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """A URL that can be sent to, and what of it must not be said.

    Attributes
    ----------
    url : str
    secrets : tuple of str
        The longest first.
    """

    url: str
    secrets: tuple[str, ...]

    def redacted(self, text: str) -> str:
        """Return text as one short line without any part of the URL."""
        line = " ".join(text.split())
        if self.secrets:
            known = "|".join(re.escape(secret) for secret in self.secrets)
            line = re.sub(known, _MASK, line, flags=re.IGNORECASE)
        return _LOOKS_SECRET.sub(_MASK, line)[:_LONGEST]


def address_of(channel: Channel, environment: Mapping[str, str]) -> Address:
    """Return the URL of a channel, with each ``${NAME}`` filled from the environment.

    A variable that the URL begins with is taken as it is, since it may be all of a URL. Others are
    one part of it each, such as a password, and are percent-encoded: else an ``@`` or ``/`` in a
    password would turn the rest of it into a host's name, which is then asked for in the open.

    Raises
    ------
    SpecError
        If a variable is not set, or is empty. Names channel and variable.
    """
    missing = [name for name in _VARIABLE.findall(channel.url) if not environment.get(name)]
    if missing:
        raise SpecError(f"channel '{channel.name}'", [
            f"the environment variable {name} of its url is not set; set it where notices are sent"
            for name in dict.fromkeys(missing)
        ])  # fmt: skip
    values = [environment[name] for name in _VARIABLE.findall(channel.url)]

    def fill(match: re.Match[str]) -> str:
        value = environment[match[1]]
        return value.strip() if match.start() == 0 else quote(value, safe="")

    url = _VARIABLE.sub(fill, channel.url.strip())
    return Address(url, _secrets(url, values))


def _secrets(url: str, values: list[str]) -> tuple[str, ...]:
    """Return all parts of a URL but its scheme: of many services the host is a token too."""
    rest = url.partition("://")[2]
    found = {url, rest, *values}
    login = rest.rpartition("@")[0]
    found |= {login, *login.split(":")}
    found |= {part for part in _SEPARATORS.split(rest) if len(part) >= _LEAST_PART}
    found |= {unquote(part) for part in found} | {quote(part, safe="") for part in found}
    return tuple(sorted((part for part in found if part), key=lambda part: (-len(part), part)))
