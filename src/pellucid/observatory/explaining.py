"""What is explained: one decision, any group, any two candidates, any change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pellucid.engine.sql import instant, text
from pellucid.errors import ExplainError, UnknownNameError
from pellucid.explain.changes.change import share_change
from pellucid.explain.changes.rate_change import rate_change
from pellucid.explain.changes.replay_story import ReplayedChange
from pellucid.explain.changes.replayed import replay_change
from pellucid.explain.changes.story import TRAFFIC_SHARE, ChangeStory
from pellucid.explain.decisions.decision import explain_decision
from pellucid.explain.decisions.flips import Flips, find_flips
from pellucid.explain.decisions.story import Story
from pellucid.explain.groups.contrast import Contrast, why
from pellucid.explain.groups.direct import direct_contrast
from pellucid.explain.groups.groups import explain_group
from pellucid.explain.groups.story import DIRECT, STORED, GroupStory
from pellucid.explain.groups.versions import VersionChange, compare_models
from pellucid.explain.job import attribute_window
from pellucid.explain.learned.find import learned_artefacts
from pellucid.explain.learned.story import LearnedArtefact
from pellucid.explain.rules import RuleChange, RuleList, compare_rules, find_rules
from pellucid.explain.traffic.flow import Flow, policy_flow
from pellucid.explain.traffic.layers import LayerEffects, layer_effects
from pellucid.explain.traffic.policy import PolicyChange
from pellucid.explain.traffic.story import TrafficStory, WhatIf
from pellucid.explain.traffic.traffic import why_traffic
from pellucid.explain.traffic.whatif import what_if
from pellucid.metrics.performance import rate_name
from pellucid.observatory.monitoring import Monitoring
from pellucid.store.writer import Receipt
from pellucid.windows import DAY, Window, midnight, spanning

# A day whose last decision is as late, or first as early, counts as whole.
_NEARLY_A_DAY = timedelta(hours=6)


class Explaining(Monitoring):
    """Questions that attributions and the policy's picks answer."""

    def flow(
        self, *, over: str | Window = "30d", where: str = "", as_of: datetime | None = None
    ) -> Flow:
        """Return the traffic by stage of the policy; see `pellucid.explain.traffic.flow`.

        Raises
        ------
        ExplainError
            If there are no layers, or no picks were logged.
        """
        return policy_flow(
            self.system, self.engine, self.files,
            window=self.window(over, as_of=as_of), as_of=as_of or self.latest(), where=where,
        )  # fmt: skip

    def explain(self, decision_id: str) -> Story:
        """Return one decision, told in order.

        Stored attributions are used; where there are none and the model's file was logged, they
        are computed now.

        Raises
        ------
        UnknownNameError
            If there is no such decision.
        """
        return explain_decision(self.records, self.system, str(decision_id), as_of=self.latest())

    def flips(self, decision_id: str, *, to: str = "") -> Flips:
        """Find the smallest change that sends a decision elsewhere; see `explain.decisions.flips`.

        Parameters
        ----------
        to : str
            The candidate to send it to; anywhere else where empty.
        """
        return find_flips(self.system, self.records, str(decision_id), to=to)

    def why_changed(
        self, metric: str, *, candidate: str = "", window: str | Window = "7d",
        baseline: str | Window = "", by: Sequence[str] = (), where: str = "",
    ) -> ChangeStory:  # fmt: skip
        """Split a change of a candidate's traffic share, or of an outcome's rate, in exact parts.

        See `explain.changes.change.share_change` and `explain.changes.rate_change.rate_change`.

        Parameters
        ----------
        metric : str
            ``traffic_share``, or the rate of a yes-or-no outcome, such as ``approval_rate``.
        candidate : str
            Whose share; for a rate, where given, only decisions that went to it count.
        window, baseline : str or Window
            By default the last 7 days, and as long right before them.
        by : sequence of str
            Dimensions of the mix; by default the spec's first two.
        where : str
            SQL condition on decisions.

        Raises
        ------
        UnknownNameError
            If no such change can be split.
        """
        now = self.window(window)
        before = self.window(baseline) if baseline else now.previous
        if metric == TRAFFIC_SHARE:
            if not candidate:
                raise ExplainError("whose traffic share? name it, such as candidate='north'")
            return share_change(self.system, self.records, candidate, window=now, baseline=before,
                                by=by, where=where)  # fmt: skip
        rates = {rate_name(outcome): outcome for outcome in self.system.outcomes
                 if outcome.kind == "yes_no"}  # fmt: skip
        if metric not in rates:
            known = (TRAFFIC_SHARE, *rates)
            raise UnknownNameError(kind="metric that can be split", name=metric, known=known)
        if candidate:
            self.records.check_candidate(candidate, spanning((now, before)))
            own = f"chosen = {text(candidate)}"
            where = f"({where}) AND {own}" if where else own
        return rate_change(
            self.system, self.records, rates[metric], metric=metric, window=now, baseline=before,
            as_of=self.latest(), by=by, where=where,
        )  # fmt: skip

    def replay_change(
        self, candidate: str, *, window: str | Window = "7d", baseline: str | Window = "",
        where: str = "", most_decisions: int = 20_000,
    ) -> ReplayedChange:  # fmt: skip
        """Split a change of a candidate's share by replaying each period with parts of the other.

        Model files must be logged; see `explain.changes.replayed.replay_change`.

        Parameters
        ----------
        window, baseline : str or Window
            By default the last 7 days, and as long right before them.
        where : str
            SQL condition on decisions.
        most_decisions : int, default 20000
            Decisions of each period to replay.
        """
        now = self.window(window)
        before = self.window(baseline) if baseline else now.previous
        return replay_change(self.system, self.records, candidate, window=now, baseline=before,
                             where=where, most_decisions=most_decisions)  # fmt: skip

    def why(
        self, candidate: str, *, not_: str, where: str = "", over: str | Window = "30d"
    ) -> Contrast:
        """Split the mean margin of a candidate over another; see `explain.groups.contrast.why`.

        Attributions of both must be stored: `attribute` first.
        """
        window = self.window(over)
        return why(self.system, self.records, candidate, not_, window=window, where=where)

    def explain_group(
        self, where: str = "", *, by: Sequence[str] = (), versus: str = "",
        candidate: str | None = None, over: str | Window = "30d", baseline: str | Window = "",
        contrast: str = STORED, most_decisions: int = 20_000,
    ) -> GroupStory:  # fmt: skip
        """Average attributions of a group; see `explain.groups.groups.explain_group`.

        Parameters
        ----------
        where, versus : str
            SQL conditions on decisions: the group, and another to compare it with.
        by : sequence of str
            Dimensions to break it down by.
        candidate : str, optional
            Whose scores; by default of what was picked.
        over, baseline : str or Window
            The period, and another to compare it with.
        contrast : str, default "stored"
            How to compare: ``stored`` is the difference of stored attributions; ``direct`` explains
            the group now, against the other; see `explain.groups.direct.direct_contrast`.
        most_decisions : int, default 20000
            Decisions of each side, in a direct contrast.

        Raises
        ------
        ExplainError
            If a direct contrast is to be broken down.
        UnknownNameError
            If there is no such contrast.
        """
        window, earlier = self.window(over), self.window(baseline) if baseline else None
        if contrast == STORED:
            return explain_group(
                self.system, self.records, window=window, where=where, by=by, versus=versus,
                candidate=candidate, baseline=earlier,
            )  # fmt: skip
        if contrast != DIRECT:
            raise UnknownNameError(kind="contrast", name=contrast, known=(STORED, DIRECT))
        if by:
            raise ExplainError(
                "a direct contrast has one group on each side; name one at a time in `where` and "
                "`versus`, not in `by`"
            )
        return direct_contrast(
            self.system, self.records, window=window, where=where, candidate=candidate,
            versus=versus, baseline=earlier, most_decisions=most_decisions,
        )  # fmt: skip

    def why_traffic(
        self, candidate: str, *, where: str = "", versus: str = "", over: str | Window = "30d",
        baseline: str | Window = "",
    ) -> TrafficStory:  # fmt: skip
        """Split a candidate's share of traffic; see `explain.traffic.traffic.why_traffic`.

        Attributions must be stored: `attribute` first.

        Parameters
        ----------
        where, versus : str
            SQL conditions on decisions: the group, and another to compare it with.
        over, baseline : str or Window
            The period, and another to compare it with.
        """
        return why_traffic(
            self.system, self.records, candidate, window=self.window(over), where=where,
            versus=versus, baseline=self.window(baseline) if baseline else None,
        )  # fmt: skip

    def layer_effects(self, *, where: str = "", over: str | Window = "30d") -> LayerEffects:
        """Measure what each layer moved and what it cost; see `explain.traffic.layers`."""
        return layer_effects(self.system, self.records, window=self.window(over), where=where)

    def what_if(
        self, *changes: PolicyChange, where: str = "", over: str | Window = "30d"
    ) -> WhatIf:
        """Replay logged decisions under a changed policy; see `explain.traffic.whatif.what_if`.

        Parameters
        ----------
        *changes : PolicyChange
            `DropLayer`, `ScaleLayer`, `AddToLayer`, `CapShare` or `Cutoff`.
        """
        return what_if(self.system, self.records, changes, window=self.window(over), where=where)

    def learned(self, *, over: str | Window = "56d") -> tuple[LearnedArtefact, ...]:
        """Find traffic lost every week because of what a model learned; see `explain.learned`.

        Attributions must be stored: `attribute` first. Training rows, where they are logged, tell
        what taught it.

        Parameters
        ----------
        over : str or Window
            At least four weeks; eight find smaller losses. A length, such as ``56d``, is taken up
            to the last whole day that has decisions, and from the first one on.
        """
        if isinstance(over, Window) or ".." in over:
            return learned_artefacts(self.system, self.records, window=self.window(over))
        first, last = self.span()
        end = midnight(last + _NEARLY_A_DAY)
        asked = self.window(over, as_of=end)
        window = Window(max(asked.start, midnight(first + DAY - _NEARLY_A_DAY)), end)
        return learned_artefacts(self.system, self.records, window=window)

    def rules(
        self, *, where: str = "", over: str | Window = "30d", by: Sequence[str] = (), most: int = 16
    ) -> RuleList:
        """Find a short list of rules that picks as the policy does; see `explain.rules.find_rules`.

        Parameters
        ----------
        by : sequence of str
            Dimensions that rules may name; all by default.
        most : int, default 16
            Rules, at most.
        """
        return find_rules(self.system, self.records, window=self.window(over), where=where, by=by,
                          most=most)  # fmt: skip

    def rules_changed(
        self, *, window: str | Window = "14d", baseline: str | Window = "", where: str = "",
        by: Sequence[str] = (), most: int = 16,
    ) -> RuleChange:  # fmt: skip
        """Find the rules of two periods and where they differ; see `explain.rules.compare_rules`.

        Parameters
        ----------
        window, baseline : str or Window
            By default the last 14 days, and as long right before them.
        """
        now = self.window(window)
        before = self.window(baseline) if baseline else now.previous
        return compare_rules(self.system, self.records, window=now, baseline=before, where=where,
                             by=by, most=most)  # fmt: skip

    def compare_models(
        self, before: str, after: str, *, over: str | Window = "30d", baseline: str | Window = "",
        where: str = "", most_decisions: int = 2000,
    ) -> VersionChange:  # fmt: skip
        """Score logged candidates with two models; see `explain.groups.versions.compare_models`.

        Parameters
        ----------
        before, after : str
            Model ids.
        over, baseline : str or Window
            The period, and an earlier one to tell other customers from another model.
        """
        return compare_models(
            self.system, self.records, before, after, window=self.window(over), where=where,
            baseline=self.window(baseline) if baseline else None, most_decisions=most_decisions,
        )  # fmt: skip

    def latest_decision(self) -> str:
        """Return the id of the latest decision.

        Raises
        ------
        EngineError
            If nothing is logged yet.
        """
        end = self.span()[1]
        last = Window(end, end + timedelta(microseconds=1))
        at = f"decided_at >= {instant(end)}"
        rows = self.records.rows("decisions", where=at, window=last, columns=["decision_id"])
        return str(rows.column("decision_id")[0].as_py())

    def attribute(
        self, *, over: str | Window = "30d", most_decisions: int = 20_000, progress: bool = False
    ) -> Receipt:
        """Explain logged candidates and store their attributions.

        Whole decisions are picked by a hash of their id, more of rare kinds (by what was chosen and
        the first dimensions) than of common ones, and their weight is stored. What is explained
        already is left as it is; a run that was killed goes on where it was.

        Parameters
        ----------
        most_decisions : int, default 20000
            About how many decisions to explain for each model version in each span that is not
            explained yet; all where there are fewer.
        progress : bool, default False
            Show a progress bar.

        Raises
        ------
        ExplainError
            If no model file was logged.
        """
        return attribute_window(
            self.system, self.records, self.window(over), most_decisions=most_decisions,
            progress=progress,
        )  # fmt: skip
