"""Decisions: found by id or filter, and one told in order."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pellucid.errors import SpecError
from pellucid.figures import numbers
from pellucid.figures.table import Column, Table
from pellucid.report.content import Card, Section
from pellucid.report.told import report_story
from pellucid.serve.page import Built, Choice, Page, Part, Scene, noun_of
from pellucid.spec.system import Outcome

LATEST_FIRST = "The latest first; open one to see what it went through"
_MOST = 25
_LAST_PAGE = 400


def decisions_card(scene: Scene, rows: pa.Table, title: str, subtitle: str) -> Card | None:
    """Return decisions as `Observatory.decisions` lists them, each with a link to its story.

    Returns
    -------
    Card or None
        None of none.
    """
    if not rows.num_rows:
        return None
    obs = scene.obs
    system = obs.system
    outcomes = system.outcomes
    columns = (
        Column("Time (UTC)", "time"), Column("Decision", "link"),
        *(Column(item.label or item.name) for item in system.dimensions),
        Column(noun_of(obs), "candidate"), Column("Model preferred"), Column("Amount", "money"),
        *(Column(item.label or item.name, "pill") for item in outcomes),
    )  # fmt: skip
    body = tuple(
        (
            row["decided_at"],
            (row["decision_id"], scene.link("decision", id=row["decision_id"])),
            *(row[item.name] for item in system.dimensions),
            row["chosen"], _moved(row),
            None if row["amount_minor"] is None else (row["amount_minor"], row["currency"]),
            *(_outcome(row[item.name], item) for item in outcomes),
        )
        for row in rows.to_pylist()
    )  # fmt: skip
    return Card(title=title, subtitle=subtitle, table=Table(columns, body, is_whole=False))


def _moved(row: dict[str, Any]) -> str | None:
    preferred = row.get("pick_model")
    return preferred if preferred != row["chosen"] else None


def _outcome(value: float | None, outcome: Outcome) -> tuple[str, str] | None:
    if value is None:
        return None
    if outcome.kind != "yes_no":
        return f"{value:g}", ""
    is_good = bool(value) == (outcome.better == "up")
    return "yes" if value else "no", "good" if is_good else "bad"


def _list(scene: Scene) -> Built:
    page = _page_of(scene)
    rows = scene.obs.decisions(
        find=scene.view.get("find"), where=scene.asked.where, over=scene.asked.window,
        first=(page - 1) * _MOST, most=_MOST + 1,
    )  # fmt: skip
    shown = rows.slice(0, _MOST)
    first = (page - 1) * _MOST + 1
    of = "" if scene.view.get("find") else f" of {numbers.count(_count(scene))}"
    card = decisions_card(scene, shown, "Decisions",
                          f"{LATEST_FIRST}; {first}–{first + shown.num_rows - 1}{of}")  # fmt: skip
    turns = _turns(scene, page, has_next=rows.num_rows > _MOST)
    return None if card is None else Section(title="", cards=(card,), links=turns)


def _count(scene: Scene) -> int:
    found: int = scene.asked.rows("decision_count").column("n")[0].as_py()
    return found


def _turns(scene: Scene, page: int, *, has_next: bool) -> tuple[tuple[str, str], ...]:
    find = scene.view.get("find")
    turns = []
    if page > 1:
        turns.append(("Later ones", scene.link("decisions", find=find, page=str(page - 1))))
    if has_next and page < _LAST_PAGE:
        turns.append(("Earlier ones", scene.link("decisions", find=find, page=str(page + 1))))
    return tuple(turns)


def _page_of(scene: Scene) -> int:
    given = scene.view.get("page", "1")
    is_number = given.isascii() and given.isdecimal() and len(given) <= len(str(_LAST_PAGE))
    if not is_number or not 1 <= int(given) <= _LAST_PAGE:
        raise SpecError(f"page {given[:20]!r}", [
            f"must be 1 to {_LAST_PAGE}; narrow the search by time, filter or id to see more"
        ])  # fmt: skip
    return int(given)


def _choices(scene: Scene) -> tuple[Choice, ...]:
    return (Choice(key="find", label="Find", chosen=scene.view.get("find"),
                   hint="Decision or request id"),)  # fmt: skip


def _attempts(scene: Scene) -> Built:
    own = scene.view.get("id")
    found = scene.obs.decisions(find=own).to_pylist()
    request = next((row["request_id"] for row in found if row["decision_id"] == own), "")
    rows = scene.obs.decisions(find=request) if request else None
    if rows is None or rows.num_rows < 2:
        return None
    card = decisions_card(scene, rows, "Every attempt of this request", LATEST_FIRST)
    return Section(title="", cards=(card,)) if card else None


def _story(scene: Scene) -> Built:
    return report_story(scene.asked, scene.view.get("id") or None, scene.order)


DECISIONS = Page(
    name="decisions", title="Decisions", group="Explain",
    lead="Find a decision by its id or by what it was about, and see what it went through.",
    parts=(
        Part(name="list", title="Decisions", build=_list, is_light=True, holds_decisions=True,
             empty="No decision matches. Widen the time range, remove a filter, or check the id."),
    ),
    keys=lambda *_: {"find": (), "page": ()}, choices=_choices,
)  # fmt: skip
DECISION = Page(
    name="decision", title="Decision", group="", is_item=True, keys=lambda *_: {"id": ()},
    lead="One decision: who could be picked, how each scored, what the policy did, how it ended.",
    parts=(
        Part(name="story", title="One decision, told in order", build=_story),
        Part(name="attempts", title="Every attempt", build=_attempts, empty=""),
    ),
)  # fmt: skip
