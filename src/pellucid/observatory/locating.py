"""Where a change comes from: the slices that account for it."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pellucid.engine.plan import Scan
from pellucid.errors import DataError, SpecError
from pellucid.monitor.localize.localized import Localized, localized
from pellucid.monitor.localize.reading import check_metric, read_leaves, usual_dimensions
from pellucid.monitor.localize.search import Search
from pellucid.monitor.query import planned, within
from pellucid.observatory.monitoring import Monitoring
from pellucid.spec.measure import measures_of
from pellucid.spec.system import Metric
from pellucid.windows import Window

# A dimension of more values, such as a bank, is searched where it is named.
_MOST_VALUES = 100


class Locating(Monitoring):
    """Questions about where a change comes from."""

    def localize(
        self,
        metric: str | Metric,
        *,
        over: str | Window = "7d",
        versus: str | Window = "",
        by: Sequence[str] = (),
        where: str = "",
        most: int = 5,
    ) -> Localized:
        """Find the slices, such as one route in one country, that account for a change.

        Of a count, total, rate, mean or ratio. Slices fix up to three dimensions; what moved
        everything is told apart from what moved one. Contributions of the slices and of everything
        else add up to the whole change.

        Parameters
        ----------
        metric : str or Metric
            A name from `metrics`, or a definition of your own.
        over : str or Window
            The window that is asked about.
        versus : str or Window
            The baseline; by default the window of the same length before. Counts and totals are
            taken at the length of `over`.
        by : sequence of str
            Dimensions to search; by default all that are declared, the candidate and the arm, those
            of more than 100 values left out.
        where : str
            SQL condition on the rows of both windows.
        most : int, default 5
            Slices to find.

        Returns
        -------
        Localized

        Raises
        ------
        UnknownNameError, SpecError
            If a name or expression does not bind, the metric is a share of all candidates, the two
            windows overlap, or no dimension has two values.
        DataError
            If a window has no rows.
        EngineError
            If nothing is logged yet.
        MissingExtraError
            If scipy is not installed.
        """
        if most < 1:
            raise SpecError("localize", [f"most {most} is not at least 1"])
        window = self.window(over)
        baseline = self.window(versus) if versus else window.previous
        if baseline.start < window.end and window.start < baseline.end:
            raise SpecError("localize", [f"compares {window} with {baseline}, which overlap"])
        (definition,) = self.question(metric, over=window).metrics
        check_metric(self.system, definition)
        self._check_rows(definition, (window, baseline), where)
        dimensions = tuple(by) or self._varied(definition, window, baseline, where)
        scan, cells = self._cells(definition, dimensions, (window, baseline), where)
        sides = (within(scan, cells, window), within(scan, cells, baseline))
        exposure = (window.end - window.start) / (baseline.end - baseline.start)
        read = read_leaves(definition, scan, sides, dimensions, exposure)
        return localized(definition, read, (f"{window}", f"{baseline}"), Search(most=most))

    def _check_rows(self, metric: Metric, windows: tuple[Window, Window], where: str) -> None:
        scan, cells = self._cells(metric, (), windows, where)
        rows = measures_of(metric, is_weighted=scan.is_weighted)["n"]
        empty = [
            f"{window} has no rows that the metric is about"
            f"{f' where {where}' if where else ''}: widen it, or wait for outcomes to mature"
            for window in windows
            if not pc.sum(within(scan, cells, window)[f"m{scan.measures.index(rows)}"]).as_py()
        ]
        if empty:
            raise DataError(f"localize '{metric.name}'", empty)

    def _varied(
        self, metric: Metric, window: Window, baseline: Window, where: str
    ) -> tuple[str, ...]:
        """Return the usual dimensions that have several values, and not too many."""
        found = []
        for name in usual_dimensions(self.system, metric):
            _, cells = self._cells(metric, (name,), (window, baseline), where)
            count = len(pc.unique(cells.column(name)))
            if 1 < count <= _MOST_VALUES:
                found.append(name)
        if not found:
            raise SpecError(f"localize '{metric.name}'", [
                f"no dimension has two to {_MOST_VALUES} values in these windows; name some in `by`"
            ])  # fmt: skip
        return tuple(found)

    def _cells(
        self, metric: Metric, by: Sequence[str], windows: tuple[Window, Window], where: str
    ) -> tuple[Scan, pa.Table]:
        question = self.question(metric, by=by, where=where, over=windows)
        ((scan, files, _),) = planned(self.system, question, self.files)
        return scan, self._rolled.run(scan, files)
