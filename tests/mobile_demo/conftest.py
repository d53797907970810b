"""The app as it is built and served, with tiny models of all kinds, in a real browser."""

import fcntl
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from playwright.sync_api import Page, sync_playwright

from export import run as export_run
from mobile_demo.exports import read_export
from mobile_demo.server import open_server
from mobile_demo.site import build_app, pack, write_site
from tests.export.small import FACES, MOODS, stargan, stargan_v2, stylegan, stylegan2

PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MODELS = {
    "stylegan2": lambda: stylegan2(),
    "stylegan": lambda: stylegan(("smooth", "rough")),
    "stargan-v2": lambda: stargan_v2(("female", "male")),
    "stargan": lambda: stargan((FACES, MOODS)),
}
# Two forms of one model are enough to go from one to another.
FORMS = {"stylegan2": ["float32", "dynamic"]}
# Where the machine has other work too; what holds is found at once.
PATIENCE = 60  # seconds


class Site(NamedTuple):
    """The served site.

    Attributes:
        folder: Its files.
        exports: Folders of the exports, by the model's name.
    """

    folder: Path
    exports: dict[str, Path]

    def runner(self, model: str, form: str = "float32"):
        """Gives a function that runs signatures of a form in the Python runtime."""
        interpreter = Interpreter(str(self.exports[model] / f"{form}.tflite"))

        def run(signature, **inputs):
            return interpreter.get_signature_runner(signature)(**inputs)

        return run


def _export(folder: Path, name: str) -> None:
    keras.utils.set_random_seed(0)
    MODELS[name]().save(folder / f"{name}.keras")
    arguments = [str(folder / f"{name}.keras"), "-o", str(folder / name)]
    arguments += ["--formats", *FORMS.get(name, ["float32"])]
    if name.startswith("stargan"):
        arguments += ["--pictures", "avatars"]
    # Weights that are drawn may be worse in 8 bits than is good, which does not matter here.
    assert export_run.main(arguments) in (0, 1)
    path = folder / name / "manifest.json"
    manifest = json.loads(path.read_text())
    forms = [{**form, "status": "good"} for form in manifest["forms"]]
    # Pictures of this form can be compared to the last level.
    path.write_text(json.dumps({**manifest, "forms": forms, "recommended": "float32"}))


def _write(folder: Path) -> None:
    write_site([read_export(folder / name) for name in MODELS], folder / "site")
    pack(folder / "site")


def _once(folder: Path, name: str, make: Callable[[], None]) -> None:
    """Makes a part of the site, unless another process has; waits for one that does."""
    with (folder / f"{name}.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.getsize(lock.name):
            make()
            lock.write("made")


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Site:
    """Made once; where two processes test, they begin at both ends."""
    base, worker = tmp_path_factory.getbasetemp(), os.environ.get("PYTEST_XDIST_WORKER")
    folder = (base.parent if worker else base) / "mobile_demo"
    folder.mkdir(exist_ok=True)
    parts = {"app": build_app, **{name: partial(_export, folder, name) for name in MODELS}}
    for name in reversed(parts) if worker == "gw1" else parts:
        _once(folder, name, parts[name])
    _once(folder, "site", partial(_write, folder))
    return Site(folder / "site", {name: folder / name for name in MODELS})


@contextmanager
def serving(folder: Path):
    """Serves a folder to this computer; gives its address."""
    with open_server(folder, "127.0.0.1", 0) as server:
        connections: list[socket.socket] = []

        def verify_request(request, client_address):
            connections.append(request)
            return True

        server.verify_request = verify_request
        # Looks often whether it shall stop.
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            # Else the connections that the browser keeps would be served on.
            for connection in connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="session")
def address(site):
    with serving(site.folder) as url:
        yield url


def launch_browser(playwright, *arguments: str):
    """Starts the system's Chromium, or else the one that playwright brought."""
    return playwright.chromium.launch(
        executable_path=next(filter(None, map(shutil.which, BROWSERS)), None),
        # The whole browser, and not playwright's shell of it.
        channel="chromium",
        args=["--no-sandbox", *arguments],
    )


@pytest.fixture(scope="session")
def launch():
    """Gives a function that starts a Chromium."""
    with sync_playwright() as playwright:
        yield partial(launch_browser, playwright)


@pytest.fixture(scope="session")
def browser(launch):
    opened = launch("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    yield opened
    opened.close()


# A dialog or a message is shown.
UNTIDY = "dialog, .notice > *"


class Phone:
    """A page on a phone, what it asked for and what it complained about."""

    def __init__(self, page: Page, address: str):
        self.page, self.address = page, address
        self.asked: list[str] = []
        self.complaints: list[str] = []
        # What a test brings about on purpose.
        self.expected: tuple[str, ...] = ()
        page.context.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message) -> None:
        if message.type == "error" and not any(word in message.text for word in self.expected):
            self.complaints.append(message.text)

    def open(self, link: str = "") -> None:
        """Opens a link, and waits for its picture.

        The app follows a link to itself without being loaded anew, but for one that shows a
        message or a dialog, which is what a test that failed may leave.
        """
        here = self.page.url.startswith(self.address)
        if link and here and not self.page.locator(UNTIDY).count():
            self.page.evaluate(
                """link => new Promise(done => {
                    history.replaceState(null, "", "#");
                    addEventListener("hashchange", done, { once: true });
                    location.hash = link;
                })""",
                link,
            )
            self.wait()
        else:
            self.load(link)

    def load(self, link: str = "") -> None:
        """Loads the page anew, at a link, and waits for its picture."""
        # An address that differs in its end alone would not.
        self.page.goto("about:blank")
        self.page.goto(self.address + link)
        self.wait()

    def wait(self) -> None:
        """Until a picture is there and its cost was measured."""
        self.page.locator(".stage[aria-busy=false]").wait_for(state="attached")
        self.page.locator(".cost", has_text=" ms").wait_for()
        self.page.locator(".veil").wait_for(state="hidden")

    def pixels(self, size: int, place: str = "canvas.picture:not([aria-label=Before])"):
        """The model's own pixels on a canvas, uint8 [size, size, 3]: the middle of each block."""
        found = self.page.locator(place).evaluate(
            """(canvas, size) => {
                const factor = canvas.width / size;
                const { data } = canvas.getContext("2d").getImageData(
                    0, 0, canvas.width, canvas.width);
                const middle = (i) => Math.floor(factor / 2) + factor * i;
                return Array.from({ length: size * size * 3 }, (_, i) => {
                    const [y, x] = [Math.floor(i / 3 / size), Math.floor(i / 3) % size];
                    return data[4 * (middle(y) * canvas.width + middle(x)) + (i % 3)];
                });
            }""",
            size,
        )
        return np.array(found, np.uint8).reshape(size, size, 3)

    def until(self, holds) -> None:
        """Waits until a function gives true."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, f"it did not come true within {PATIENCE} seconds"
            self.page.wait_for_timeout(20)

    def expect(self, images: np.ndarray) -> None:
        """Waits until the canvas shows a picture of the Python runtime, float32 [1, R, R, 3].

        Two levels: rounding may differ by one, and the sums of both runtimes by far less than
        another.
        """
        wanted = np.clip((images[0] + 1) * 127.5, 0, 255)
        self.until(lambda: np.max(np.abs(self.pixels(len(wanted)) - wanted)) <= 2)

    def link(self) -> dict[str, str]:
        """What the address says."""
        return self.page.evaluate("Object.fromEntries(new URLSearchParams(location.hash.slice(1)))")

    def shoot(self, name: str) -> None:
        """Keeps a screenshot, in $TFGAN_SCREENSHOTS where that is set."""
        folder = os.environ.get("TFGAN_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png")

    def check(self) -> None:
        """It asked its own site alone, and had nothing to complain about; then it begins anew."""
        own = (self.address, "data:", "blob:", "about:")
        strange = [url for url in self.asked if not url.startswith(own)]
        complaints = list(self.complaints)
        self.asked.clear()
        self.complaints.clear()
        assert not strange
        assert not complaints


def new_phone(browser, address: str, **options) -> Phone:
    """A phone in someone's hand, whose browser is as it was bought."""
    context = browser.new_context(**{**PHONE, "color_scheme": "dark", **options})
    context.set_default_timeout(1000 * PATIENCE)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    return Phone(context.new_page(), address)


@pytest.fixture
def serve():
    """Gives a function that serves a folder until the test, and its phones, are done."""
    with ExitStack() as servers:
        yield lambda folder: servers.enter_context(serving(folder))


@pytest.fixture
def open_phone(browser, serve):
    """Gives a function that makes phones, and checks what all of them did."""
    phones = []

    def open_(address: str, browser=browser, **options) -> Phone:
        phones.append(new_phone(browser, address, **options))
        return phones[-1]

    yield open_
    for phone in phones:
        phone.page.context.close()
        phone.check()


@pytest.fixture
def own_site(site, tmp_path):
    """A copy of the site that a test may spoil."""
    shutil.copytree(site.folder, tmp_path / "site", copy_function=os.link)
    return tmp_path / "site"


@pytest.fixture(scope="session")
def used_phone(browser, address):
    phone = new_phone(browser, address)
    yield phone
    phone.page.context.close()


@pytest.fixture
def phone(used_phone):
    """A phone that is used by many tests, one link after another: it loads each model once."""
    yield used_phone
    used_phone.check()
