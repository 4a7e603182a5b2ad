"""How long the pages take: Overview of ten million decisions in a real browser.

Decisions and outcomes of four weeks with roll-ups, served to Debian's chromium on the same machine.
Waits are wall time to the frame that shows the key figures, by the page's own clock: from the start
of the navigation, or from the click; each figure is the median of the rounds. A visit is
cold where the browser has nothing in its cache. What was asked before is kept by the server until
records change: each case is measured for the first who asks, and for the next. No other side:
nobody else serves these pages.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import payments
from bench_query import DAYS, ROWS, write_lake
from harness import Report, data_folder, need_disk, parse_options, progress
from playwright.sync_api import Browser, Page, sync_playwright

import pellucid

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
BASE = f"/{payments.SYSTEM.name}"
MOST_PAINT_S, MOST_CHANGE_S, MOST_MB = 1.0, 0.3, 2.0
# Polling from outside would wait for the script that draws, which keeps the page busy once its
# figures are shown.
WATCH = """(() => {
  const at = { since: 0 };
  window.figuresShown = at;
  document.addEventListener("click", (click) => { at.since = click.timeStamp; delete at.shown; },
    true);
  new MutationObserver((changes) => {
    const isNew = changes.some((change) => [...change.addedNodes].some(
      (node) => node.querySelector?.(".kpi .value") || node.matches?.(".kpi, .kpis")));
    if (!isNew || at.shown) return;
    requestAnimationFrame(() => setTimeout(() => { at.shown ??= performance.now() - at.since; }));
  }).observe(document, { childList: true, subtree: true });
})()"""


def main() -> None:
    options = parse_options(__doc__, rounds=5)
    rows = options.rows(ROWS)
    report = Report("pages", "how long do the pages take?", options.scale == 1)
    with data_folder("query") as folder:
        need_disk(folder, gigabytes=5 * options.scale)
        lake = write_lake(folder / f"lake-{rows}", rows)
        progress(f"rolled up: {len(pellucid.open(lake).roll_up())} tables")
        with served(lake) as root, sync_playwright() as player:
            browser = player.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            visit(browser, root, "")
            days = [
                f"?from=2026-10-{1 + place:02}&to=2026-10-28" for place in range(options.rounds)
            ]
            firsts = [visit(browser, root, query) for query in days]
            nexts = [visit(browser, root, query) for query in days]
            places = [f"?is.country={name}" for name in payments.COUNTRIES[: 2 * options.rounds]]
            changes = [change(browser, root, query) for query in places[: options.rounds]]
            again = [change(browser, root, query) for query in places[: options.rounds]]
            busy = [beside(browser, root, query) for query in places[options.rounds :]]
            browser.close()
    case = f"Overview of {rows / 1e6:g}M decisions of {DAYS} days"
    for who, visits in (("first", firsts), ("next", nexts)):
        seconds, sent = zip(*visits, strict=True)
        report.add(f"{case}, cold: until the key figures, {who} to ask", "s",
                   statistics.median(seconds), most=MOST_PAINT_S)  # fmt: skip
    report.add(f"{case}, cold: sent, compressed", "MB", max(sent) / 1e6, most=MOST_MB)
    for who, waits in (("first", changes), ("next", again)):
        report.add(f"{case}: from another range to the key figures, {who} to ask", "s",
                   statistics.median(waits), most=MOST_CHANGE_S)  # fmt: skip
    report.add(f"{case}: the same, first to ask, while another user's page is built", "s",
               statistics.median(busy))  # fmt: skip
    report.finish()


@contextmanager
def served(lake: Path) -> Iterator[str]:
    """Serve a lake; yield the server's address."""
    command = [sys.executable, "-m", "pellucid.cli", "serve", "--lake", str(lake), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            line = server.stdout.readline() if server.stdout else ""
            yield line.split()[2].rstrip("/")
        finally:
            server.terminate()


def visit(browser: Browser, root: str, query: str) -> tuple[float, int]:
    """Open Overview with an empty cache; return seconds until its figures, and bytes sent."""
    page = opened(browser)
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    sent: list[int] = []
    session.on("Network.loadingFinished", lambda event: sent.append(event["encodedDataLength"]))
    page.goto(f"{root}{BASE}/overview{query}", wait_until="commit")
    page.wait_for_selector("html[data-ready]", state="attached", timeout=120_000)
    seconds = shown(page)
    page.context.close()
    return seconds, int(sum(sent))


def change(browser: Browser, root: str, query: str) -> float:
    """Return seconds from another range to its key figures."""
    page = ready(browser, root, query)
    page.get_by_label("14d", exact=True).check(force=True)
    page.wait_for_url("**range=14d**")
    page.wait_for_selector("html[data-ready]", state="attached", timeout=120_000)
    seconds = shown(page)
    page.context.close()
    return seconds


def beside(browser: Browser, root: str, query: str) -> float:
    """Return the same while another user has asked for pages that take long."""
    other = browser.new_context().new_page()
    other.goto(f"{root}{BASE}/drift{query}", wait_until="commit")
    seconds = change(browser, root, query)
    other.context.close()
    return seconds


def opened(browser: Browser) -> Page:
    """Return a tab with an empty cache that knows when it showed its figures."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.add_init_script(WATCH)
    return page


def shown(page: Page) -> float:
    """Return seconds from the navigation or the last click to the frame with the key figures."""
    milliseconds: float = page.evaluate("window.figuresShown.shown")
    return milliseconds / 1000


def ready(browser: Browser, root: str, query: str) -> Page:
    """Return Overview, all of it drawn."""
    page = opened(browser)
    page.goto(f"{root}{BASE}/overview{query}")
    page.wait_for_selector("html[data-ready]", state="attached", timeout=120_000)
    return page


if __name__ == "__main__":
    main()
