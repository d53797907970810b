"""Seconds from opening the demo to its first picture, in Chromium on this machine.

    python -m tests.benchmarks.first_picture EXPORT_FOLDER

The first visit loads everything from the server, by the loopback address, into an empty browser; a
later one has what that kept.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from mobile_demo.exports import read_export
from mobile_demo.site import build_app, pack, write_site
from tests.mobile_demo.conftest import PHONE, launch_browser, serving
from tfgan.terminal import UserError

DRAWN = "document.querySelector('canvas.picture:not([aria-label=Before])')?.width > 300"


def visits(browser, address: str) -> tuple[float, float]:
    """Seconds of a first visit and of a later one."""
    context = browser.new_context(**PHONE)
    seconds = []
    for _ in range(2):
        page = context.new_page()
        begin = time.monotonic()
        page.goto(address, wait_until="commit")
        page.wait_for_function(DRAWN)
        seconds.append(time.monotonic() - begin)
        # Until then the service worker is still keeping things.
        page.locator(".cost").tap()
        page.get_by_text("work without a network").wait_for()
        page.close()
    context.close()
    return seconds[0], seconds[1]


def main() -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.first_picture")
    parser.add_argument("export", metavar="EXPORT_FOLDER", type=Path)
    parser.add_argument("--visits", type=int, default=5, help="of each kind (default: 5)")
    options = parser.parse_args()
    try:
        export = read_export(options.export)
        build_app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        write_site([export], Path(folder))
        pack(Path(folder))
        browser = launch_browser(playwright)
        with serving(Path(folder)) as address:
            measured = [visits(browser, address) for _ in range(options.visits)]
        browser.close()
    for name, seconds in zip(("first", "later"), zip(*measured, strict=True), strict=True):
        print(
            f"{name} visit: {statistics.median(seconds):.2f} s "
            f"({min(seconds):.2f} to {max(seconds):.2f})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
