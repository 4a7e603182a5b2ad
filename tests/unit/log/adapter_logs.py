"""A logger and its lake, for the tests of adapters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.log.client import Logger
from pellucid.log.health import Health
from pellucid.log.live import LiveSettings
from pellucid.log.sampling import Sampling
from pellucid.observatory import open_system
from pellucid.spec.system import Candidate, Dimension, Feature, Layer, Outcome, System


def system(name: str) -> System:
    return System(
        name=name, dimensions=(Dimension(name="country"),),
        features=(Feature(name="amount"), Feature(name="fee"), Feature(name="age"),
                  Feature(name="card", kind="category"), Feature(name="is_new", kind="boolean")),
        candidate=Candidate(name="route", dimensions=(Dimension(name="processor"),)),
        layers=(Layer(name="fees"), Layer(name="contract", kind="contract")),
        outcomes=(Outcome(name="approved", matures_after="1h"),), cutoffs=("review",),
    )  # fmt: skip


@dataclass
class Logged:
    """A logger, and what it stored."""

    log: Logger
    root: Path
    name: str

    @classmethod
    def under(
        cls, root: Path, name: str = "adapters", *, sampling: Sampling | None = None,
        **settings: Any,
    ) -> Logged:  # fmt: skip
        live = LiveSettings(
            spool=root / "spool" / name, **{"flush_seconds": 0.05, "close_seconds": 60, **settings}
        )
        log = Logger(system(name), to=root / "lake", live=live, sampling=sampling)
        return cls(log, root, name)

    def stored(self, table: str) -> list[dict[str, Any]]:
        """Close the logger and return the rows of a table."""
        assert self.log.close()
        return open_system(self.root / "lake", system=self.name).records.rows(table).to_pylist()

    def closed(self) -> Health:
        assert self.log.close()
        return self.log.health()
