"""A record that could not be read where it was made, refused where all others are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pellucid.log.gather import RefusedError


class Refusal(dict[str, Any]):
    """Takes the road of a record, so that the refusal is counted once and in its order.

    It has no id, by which sampling could leave it out uncounted.

    Parameters
    ----------
    reason : str
        Told in the logger's health; it must hold no logged value.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(refused=reason)
        self.reason = reason

    def __iter__(self) -> Iterator[str]:
        # A reader of records asks for the keys before anything else.
        raise RefusedError(self.reason)
