"""Takes the README's picture of the demo report, in Debian's chromium."""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("report", type=Path)
    options.add_argument("picture", type=Path)
    options.add_argument("--dark", action="store_true")
    options.add_argument("--width", type=int, default=1280)
    options.add_argument("--height", type=int, default=1160)
    options.add_argument("--from-top", type=int, default=0)
    asked = options.parse_args()
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path="/usr/bin/chromium", args=list(FLAGS))
        page = browser.new_page(
            viewport={"width": asked.width, "height": asked.from_top + asked.height},
            color_scheme="dark" if asked.dark else "light",
        )
        page.goto(asked.report.resolve().as_uri())
        page.wait_for_timeout(2500)
        clip = {"x": 0, "y": asked.from_top, "width": asked.width, "height": asked.height}
        page.screenshot(path=asked.picture, clip=clip)
        browser.close()


if __name__ == "__main__":
    main()
