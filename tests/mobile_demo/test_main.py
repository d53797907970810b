"""The command line of the demo."""

import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from mobile_demo import __main__ as demo
from mobile_demo.site import BUILT


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none"], "an export folder with a manifest.json is expected. Received: none."),
        (["--port", "70000"], "--port must be from 0 to 65535. Received: 70000."),
        (["--out", "full"], "--out must be a new or empty folder. Received: full"),
    ],
)
def test_a_mistake_gives_one_message(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    monkeypatch.setattr(demo, "build_app", lambda: pytest.fail("built"))
    assert demo.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {words}")
    assert len(error.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "mine.txt"]


def test_help_says_how_a_phone_reaches_it(capsys):
    with pytest.raises(SystemExit):
        demo.main(["--help"])
    shown = capsys.readouterr().out
    assert "python -m mobile_demo --host 0.0.0.0 --https" in shown
    assert "adb reverse" in shown


def test_a_static_site_is_written(site, tmp_path, capsys):
    out = tmp_path / "www"
    folders = [str(folder) for folder in site.exports.values()]
    assert demo.main([*folders, "--out", str(out), "--no-build"]) == 0
    assert capsys.readouterr().out == f"Wrote {out}\n"
    listed = json.loads((out / "models.json").read_text())["models"]
    assert listed == [f"models/{name}" for name in site.exports]
    # Hosts pack files by themselves.
    assert not list(out.rglob("*.gz"))


def test_it_serves_until_it_is_stopped_and_leaves_nothing(site, tmp_path):
    assert BUILT.exists()
    arguments = [str(site.exports["stargan"]), "--no-build", "--port", "0", "--host", "0.0.0.0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mobile_demo", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    shown = "".join(lines)
    address = shown.split("On this computer: ")[1].split()[0]
    with urllib.request.urlopen(address + "models.json", timeout=60) as response:
        assert json.load(response)["models"] == ["models/stargan"]
    # Ctrl-C takes the same way.
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 143
    assert not list(tmp_path.iterdir())
    if "On the phone" in shown:
        assert "█" in shown or "▀" in shown
        assert "Without --https the phone gives neither camera nor threads." in shown
