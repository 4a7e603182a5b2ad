"""What is watched of explanations: whether features matter as they did."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.engine.plan import make_rows_scan
from pellucid.engine.sql import rows_statement
from pellucid.errors import SpecError
from pellucid.monitor.drift.attributions import AttributionDrift
from pellucid.monitor.drift.explained import SUBJECT, explained_sql, two_models
from pellucid.monitor.drift.order import attribution_drift
from pellucid.monitor.profiles.days import days_of, window_of
from pellucid.observatory.watching import Watching
from pellucid.schema.tables import ATTRIBUTIONS
from pellucid.store.reader import snapshot
from pellucid.windows import FOUR_WEEKS, Window, instant_of

_KEYS = ("decision_id", "candidate_id")


class Attributing(Watching):
    """Questions about stored attributions over time."""

    def attribution_drift(
        self,
        *,
        over: str | Window = "7d",
        baseline: str | Window = "",
        where: str = "",
        model: str = "",
        baseline_model: str = "",
    ) -> AttributionDrift:
        """Tell whether features matter to the scores in the same order, and as they did.

        Counted over whole UTC days, from the attributions stored of all explained candidates, by
        their weights: `attribute` first.

        Parameters
        ----------
        over : str or Window
        baseline : str or Window
            What to compare with; by default the 28 days before.
        where : str
            SQL condition on the candidates and their decisions, such as ``is_chosen``.
        model : str
            Whose attributions; by default of the model with most of them in the window.
        baseline_model : str
            Whose in the baseline: the same, or, where it has none, of the model with most. Between
            two models it is told that they are two; the windows may then be the same.

        Returns
        -------
        AttributionDrift

        Raises
        ------
        SpecError
            If a side has no attributions, they are on several scales, the condition does not bind,
            or the windows share days of one model.
        UnknownNameError
            If a model that is named has no attributions on its side.
        EngineError
            If nothing is logged yet.
        MissingExtraError
            If scipy is not installed.
        """
        window = window_of(days_of(self.window(over)))
        before = Window(window.start - FOUR_WEEKS, window.start)
        if baseline:
            before = window_of(days_of(self.window(baseline)))
        labels = {item.name: item.label or item.name for item in self.system.features}
        features = {name: labels.get(name, name) for name in self.records.attributed_features()}
        rows, prior = (self._explained(tuple(features), own, where) for own in (window, before))
        models = two_models(rows, prior, model, baseline_model)
        if models[0] == models[1] and before.end > window.start and window.end > before.start:
            raise SpecError(SUBJECT, [f"compares {window} with {before}, which share days"])
        # A baseline that begins before the records do is named by what there is of it.
        first = instant_of(pc.min(prior.column("day")).as_py())
        return attribution_drift(
            rows, prior, features, names=(str(window), str(Window(first, before.end))),
            model=models[0], baseline_model=models[1], length=len(days_of(window)),
        )  # fmt: skip

    def _explained(self, features: tuple[str, ...], window: Window, where: str) -> pa.Table:
        stored = snapshot(self.lake, ATTRIBUTIONS.name, start=window.start, end=window.end)
        files = {ATTRIBUTIONS.name: self._as_read(stored)}
        picked = ""
        if where:
            scan = make_rows_scan(self.system, "candidate", _KEYS, window=window,
                                  as_of=self.latest(), where=where)  # fmt: skip
            picked, files = rows_statement(scan, _KEYS), files | dict(self.files(scan))
        rows = self.records.engine.query(explained_sql(features, window, picked), files)
        if not rows.num_rows:
            among = f" where {where}" if where else ""
            raise SpecError(SUBJECT, [
                f"has no attributions in {window}{among}; explain its decisions first with "
                "obs.attribute(over=...), or `pellucid attribute`"
            ])  # fmt: skip
        return rows
