"""The files of the site, and what is said when they cannot be made."""

import gzip
import subprocess

import pytest
from PIL import Image

from mobile_demo import site as sites
from mobile_demo.exports import Export


def test_all_that_a_browser_needs_is_there(site):
    names = {path.relative_to(site.folder).as_posix() for path in site.folder.rglob("*")}
    for model in site.exports:
        assert {f"models/{model}/manifest.json", f"models/{model}/float32.tflite"} <= names
    assert {"index.html", "service-worker.js", "app.webmanifest", "LICENSE.txt"} <= names
    notices = (site.folder / "THIRD_PARTY_NOTICES.txt").read_text()
    assert "@litertjs/core 2.5.3" in notices
    assert "Apache-2.0" in notices


@pytest.mark.parametrize("size", [192, 512])
def test_icons_have_the_sizes_that_phones_ask_for(site, size):
    with Image.open(site.folder / "icons" / f"{size}.png") as icon:
        assert icon.size == (size, size)


def test_packed_files_hold_what_the_files_hold(site):
    path = site.folder / "index.html"
    assert gzip.decompress((site.folder / "index.html.gz").read_bytes()) == path.read_bytes()


def test_nothing_of_the_site_names_another_host(site):
    for path in [site.folder / "index.html", *(site.folder / "assets").glob("*.css")]:
        assert "//" not in path.read_text().replace("http://www.w3.org/", "")


def test_models_of_one_name_get_folders_of_their_own(tmp_path):
    exports = [Export(tmp_path, name, "StarGAN", [], {}) for name in ("faces", "faces", "a b/../c")]
    assert sites._unique_names(exports) == ["faces", "faces-2", "a-b-..-c"]


def test_a_machine_without_npm_is_told_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(sites.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(sites.BuildError, match=r"pip install 'tfgan\[demo\]'"):
        sites.build_app()


def fake(folder, name, text):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_an_old_node_and_a_failed_build_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(sites.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    fake(tmp_path, "npm", "echo 'vite: no such file' >&2; exit 3")
    fake(tmp_path, "node", "echo v18.1.0")
    with pytest.raises(sites.BuildError, match=r"node 20.19 or newer .* v18.1.0"):
        sites.build_app()
    fake(tmp_path, "node", "echo v22.0.0")
    with pytest.raises(sites.BuildError, match=r"(?s)exit status 3.*vite: no such file"):
        sites.build_app()


def test_a_site_needs_a_built_app(monkeypatch, tmp_path):
    monkeypatch.setattr(sites, "BUILT", tmp_path / "none")
    with pytest.raises(sites.BuildError, match="Leave --no-build out"):
        sites.write_site([], tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_packages_are_pinned_and_come_from_nowhere_in_particular():
    lock = (sites.APP / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    packages = subprocess.run(
        ["grep", "-c", "integrity", str(sites.APP / "package-lock.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert int(packages.stdout) > 10
