"""The app without a network, and what it fetches with one."""

import json
from urllib.parse import urlsplit

import numpy as np

from tests.mobile_demo.conftest import serving


def test_a_reload_without_the_server_shows_the_same(site, open_phone):
    with serving(site.folder) as address:
        phone = open_phone(address)
        phone.open("#model=stylegan2&seed=7")
        phone.page.locator(".cost").tap()
        phone.page.get_by_text("work without a network").wait_for()
        phone.page.keyboard.press("Escape")
        paths = [urlsplit(url).path for url in phone.asked]
        pixels = phone.pixels(16)
    # One build of the runtime and one form were enough.
    assert len({path for path in paths if path.endswith(".wasm")}) == 1
    assert len({path for path in paths if path.endswith(".tflite")}) == 1
    # The server has stopped.
    phone.expected = ("ERR_CONNECTION_REFUSED", "Failed to load resource")
    phone.page.reload()
    phone.wait()
    phone.until(lambda: np.array_equal(phone.pixels(16), pixels))
    phone.page.get_by_role("button", name="New face", exact=True).tap()
    phone.until(lambda: not np.array_equal(phone.pixels(16), pixels))
    # A model that was never opened is not there, and the app goes on.
    phone.page.get_by_role("button", name="Translate").tap()
    phone.page.get_by_text("could not be downloaded").wait_for()
    phone.page.get_by_role("button", name="Close", exact=True).tap()
    phone.page.get_by_role("button", name="Generate").tap()
    phone.wait()


def test_it_can_be_installed(site, phone):
    phone.open("#model=stylegan2&seed=7")
    manifest = json.loads((site.folder / "app.webmanifest").read_text())
    assert manifest["display"] == "standalone"
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    session = phone.page.context.new_cdp_session(phone.page)
    session.send("Page.enable")
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # Each test has a window of its own, which remembers nothing.
    assert [error["errorId"] for error in errors] == ["in-incognito"]


def test_the_app_is_small(site):
    own = [path for path in (site.folder / "assets").iterdir() if path.suffix == ".gz"]
    assert len(own) == 3
    assert sum(path.stat().st_size for path in own) < 300_000
