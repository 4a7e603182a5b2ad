"""Takes pictures of every page over the demo data, in Debian's chromium."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
PAGES = (
    "overview", "explore", "explore?rows=country&columns=route",
    "explore?metric=decision_count&rows=issuer&show=chart&range=14d", "layers", "drift",
    "performance", "control", "alerts?state=all", "traffic", "change?range=7d", "why", "groups",
    "rules", "decisions", "system",
)  # fmt: skip
# What stands in the docs: file, page, pixels from the top.
DOCS = (
    ("overview", "overview?range=14d", 1010),
    ("why", "why?a=cedar-direct&b=birch-local&is.country=DE", None),
    ("decision", "decision?id=p00000008-1", None),
)
TALLEST = 9_000


@contextmanager
def served(lake: str) -> Iterator[str]:
    """Serve a lake; yield the address of its only system."""
    command = [sys.executable, "-m", "pellucid.cli", "serve", "--lake", lake, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            line = server.stdout.readline() if server.stdout else ""
            yield line.split()[2].rstrip("/")
        finally:
            server.terminate()


def shoot(page: Page, address: str, picture: Path, *, height: int | None) -> None:
    """Take one picture, once all that is on the page is drawn."""
    width = page.viewport_size["width"] if page.viewport_size else 1280
    page.set_viewport_size({"width": width, "height": TALLEST})
    page.goto(address)
    page.wait_for_selector("html[data-ready]", state="attached", timeout=120_000)
    for _ in range(100):
        if not page.locator(".chart[data-figure]:not([data-ready])").count():
            break
        page.wait_for_timeout(100)
    whole = page.evaluate("document.querySelector('main').lastElementChild.getBoundingClientRect()"
                          ".bottom + 24")  # fmt: skip
    clip = {"x": 0, "y": 0, "width": width, "height": min(height or whole, TALLEST)}
    page.set_viewport_size({"width": width, "height": int(clip["height"])})
    page.wait_for_timeout(300)
    page.screenshot(path=picture, clip=clip)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lake", default="demo-lake", help="of `pellucid demo --serve`")
    options.add_argument("--to", type=Path, default=Path("screenshots"))
    options.add_argument("--only", default="", help="pages whose address holds this")
    options.add_argument("--dark", action="store_true")
    options.add_argument("--width", type=int, default=1440)
    options.add_argument("--height", type=int, help="cut there; by default the whole page")
    options.add_argument("--docs", action="store_true", help="those of the docs, into docs/images")
    asked = options.parse_args()
    asked.to.mkdir(parents=True, exist_ok=True)
    with served(asked.lake) as root, sync_playwright() as player:
        browser = player.chromium.launch(executable_path="/usr/bin/chromium", args=list(FLAGS))
        page = browser.new_page(
            viewport={"width": asked.width, "height": 1000},
            color_scheme="dark" if asked.dark else "light",
        )
        page.on("console", lambda message: print(f"  console: {message.text}"))
        page.goto(root)
        system = page.url.rsplit("/", 1)[0]
        if asked.docs:
            page.set_viewport_size({"width": 1280, "height": 1000})
            for name, address, height in DOCS:
                shoot(page, f"{system}/{address}", Path(f"docs/images/{name}.png"), height=height)
            browser.close()
            return
        for name in PAGES:
            if asked.only not in name:
                continue
            file = name.replace("?", "-").replace("&", "-").replace("=", "-")
            picture = asked.to / f"{file}{'-dark' if asked.dark else ''}-{asked.width}.png"
            shoot(page, f"{system}/{name}", picture, height=asked.height)
            print(picture)
        browser.close()


if __name__ == "__main__":
    main()
