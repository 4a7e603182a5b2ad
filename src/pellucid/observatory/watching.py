"""What is watched over time: the distributions of columns."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.engine.sql import text
from pellucid.errors import SpecError
from pellucid.monitor.drift.report import DriftReport, drift_report
from pellucid.monitor.profiles.days import (
    Days,
    day_profiles,
    days_of,
    refresh_profiles,
    window_of,
)
from pellucid.monitor.profiles.profile import Profile, empty_profile
from pellucid.monitor.profiles.rows import profile_training, profile_where
from pellucid.monitor.profiles.tables import Profiled, picked, profiled_columns
from pellucid.monitor.rollups.build import Refreshed
from pellucid.observatory.monitoring import Monitoring
from pellucid.schema.files import TableFiles
from pellucid.store.reader import snapshot
from pellucid.windows import FOUR_WEEKS, Window

TRAINING = "training"


class Watching(Monitoring):
    """Questions about distributions."""

    def drift(
        self,
        *columns: str,
        over: str | Window = "7d",
        baseline: str | Window = "",
        where: str = "",
    ) -> DriftReport:
        """Tell which columns' distributions changed: features, scores, decisions, eligibility.

        Counted over whole UTC days, from stored profiles where no `where` is given.

        Parameters
        ----------
        *columns : str
            Names, or of groups: ``feature``, ``score``, ``eligibility``, ``decision``,
            ``dimension``, ``attribution``; all by default.
        over : str or Window
        baseline : str or Window
            What to compare with: a window; ``training``, the records that the model in force was
            trained on; by default the 28 days before.
        where : str
            SQL condition on the rows of both sides.

        Returns
        -------
        DriftReport

        Raises
        ------
        UnknownNameError, SpecError
            If a name or expression does not bind, or the two windows share a day.
        EngineError
            If nothing is logged yet.
        """
        asked = picked(self._profiled(), columns)
        window = window_of(days_of(self.window(over)))
        labels = {item.name: item.label for item in asked}
        if baseline == TRAINING:
            return self._against_training(asked, window, where, labels)
        before = Window(window.start - FOUR_WEEKS, window.start)
        if baseline:
            before = window_of(days_of(self.window(baseline)))
        if before.end > window.start and window.end > before.start:
            raise SpecError("drift", [f"compares {window} with {before}, which share days"])
        now, prior = days_of(window), days_of(before)
        by_day = self._by_day(asked, (*prior, *now), where)
        logged = [day for day in prior if any(day in found for found in by_day.values())]
        # A baseline that begins before the records do is named by what there is of it.
        names = (str(window), str(window_of([logged[0], prior[-1]]) if logged else before))
        if not any(day in found for day in now for found in by_day.values()) or not logged:
            empty = before if not logged else window
            picked_by = f" where {where}" if where else ""
            raise SpecError("drift", [f"has no records in {empty}{picked_by}; nothing to compare"])
        kept = {name: found for name, found in by_day.items() if any(day in found for day in prior)}
        return drift_report(
            {name: _sum(found, now) for name, found in kept.items()},
            {name: _sum(found, prior) for name, found in kept.items()},
            names=names, labels=labels,
            days={name: [found[day] for day in prior if day in found]
                  for name, found in kept.items()},
        )  # fmt: skip

    def roll_up(self) -> list[Refreshed]:
        """Bring the roll-ups up to date: hourly cells of metrics, daily profiles of columns.

        Only hours that records changed since the last time are read: those of new decisions, and
        those whose outcomes came late or were corrected. Answers are the same with and without;
        hours that changed and are not rolled up yet are read from the rows.

        Returns
        -------
        list of Refreshed
            One for each unit, then the profiles.

        Raises
        ------
        EngineError
            If nothing is logged yet.
        """
        done = super().roll_up()
        days = refresh_profiles(self.lake, self._profiled(), self._profiled_tables())
        return [*done, Refreshed("profiles", 24 * days, days)]

    def _profiled(self) -> tuple[Profiled, ...]:
        return profiled_columns(self.system, attributed=self.records.attributed_features())

    def _profiled_tables(self) -> dict[str, TableFiles]:
        return {name: snapshot(self.lake, name) for name in
                dict.fromkeys(item.table for item in self._profiled())}  # fmt: skip

    def _by_day(self, columns: Sequence[Profiled], days: Sequence[str], where: str) -> Days:
        if not where:
            return day_profiles(self.lake, columns, self._profiled_tables(), days)
        return profile_where(
            self.system, columns, days, where, files=self.files, query=self.records.engine.query
        )

    def _against_training(
        self, columns: Sequence[Profiled], window: Window, where: str, labels: dict[str, str]
    ) -> DriftReport:
        features = [item for item in columns if item.group == "feature"]
        if not features:
            raise SpecError("drift", ["compares features with training; none is asked for"])
        model = self._model_of(window)
        rows = self.records.rows(TRAINING, where=f"model_id = {text(model)}")
        if not rows.num_rows:
            raise SpecError("drift", [
                f"compares with training, and no training records of '{model}' are logged; log "
                "them with `log.model(..., training=frame)`"
            ])  # fmt: skip
        baselines = profile_training(rows, features)
        # A model learns from what was chosen: only that has an outcome.
        chosen = f"is_chosen AND ({where})" if where else "is_chosen"
        by_day = profile_where(
            self.system, features, days_of(window), chosen, files=self.files,
            query=self.records.engine.query,
            binnings={name: item.binning for name, item in baselines.items()},
        )  # fmt: skip
        kept = {name: item for name, item in baselines.items() if name in by_day}
        return drift_report(
            {name: _sum(by_day[name], days_of(window)) for name in kept}, kept,
            names=(f"what was chosen in {window}", f"the training records of {model}"),
            labels=labels,
        )  # fmt: skip

    def _model_of(self, window: Window) -> str:
        """Return the model that scored most decisions of a window."""
        sql = (
            "SELECT model_id, count(*) AS n FROM decisions WHERE model_id IS NOT NULL "
            "GROUP BY 1 ORDER BY n DESC, 1 LIMIT 1"
        )
        found = self.records.query(sql, ("decisions",), window).column("model_id").to_pylist()
        if not found:
            raise SpecError("drift", [f"compares with training, and no model decided in {window}"])
        return str(found[0])


def _sum(found: dict[str, Profile], days: Sequence[str]) -> Profile:
    parts = [found[day] for day in days if day in found]
    if not parts:
        first = next(iter(found.values()))
        return empty_profile(first.binning)
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total
