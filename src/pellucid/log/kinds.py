"""The kinds of live records; apart, since a service imports them when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]

DECISION, OUTCOME = "decision", "outcome"
