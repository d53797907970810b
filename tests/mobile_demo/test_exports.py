"""Which exports are shown, and which folders are refused."""

import hashlib
import json
import math
import os
import sys

import pytest

from export.style_generators import style_generator
from mobile_demo import exports
from mobile_demo import site as sites
from tfgan.models.stargan import StarGAN
from tfgan.models.stargan_v2 import StarGANv2
from tfgan.models.stylegan import StyleGANGenerator
from tfgan.models.stylegan2 import StyleGAN2Generator

DIGEST = hashlib.sha256(b"TFL3").hexdigest()


def write(folder, system="StyleGAN2", **changes):
    """An export folder with one small file."""
    folder.mkdir(parents=True)
    (folder / "float32.tflite").write_bytes(b"TFL3")
    manifest = {
        "name": folder.parent.name,
        "system": system,
        "panels": ["seeds"],
        "forms": [{"form": "float32", "path": "float32.tflite", "sha256": DIGEST}],
    }
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))
    return folder


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "an export folder with a manifest"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "must be as python -m export"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "KeyError('name')"),
        (lambda folder: (folder / "float32.tflite").unlink(), "Received: no such file"),
        (lambda folder: (folder / "float32.tflite").write_bytes(b"T"), f"begins with {DIGEST[:8]}"),
    ],
)
def test_a_spoilt_folder_is_refused(tmp_path, spoil, words):
    folder = write(tmp_path / "run" / "export")
    spoil(folder)
    with pytest.raises(exports.ExportError) as refused:
        exports.read_export(folder)
    message = str(refused.value)
    assert words in message
    assert "Received: " in message
    assert "python -m export.run" in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"panels": None}, "one without panels. Export the model again"),
        ({"panels": None, "system": None}, "one without system and panels. Export"),
        ({"forms": [{"path": "saved_model/1", "sha256": None}]}, "which has none"),
    ],
)
def test_an_export_that_the_app_cannot_show_is_refused(tmp_path, changes, words):
    with pytest.raises(exports.ExportError, match=words):
        exports.read_export(write(tmp_path / "run" / "export", **changes))


@pytest.mark.parametrize("make", [StyleGANGenerator, StyleGAN2Generator])
def test_manifests_of_earlier_versions_are_read_with_what_they_did_not_say(tmp_path, make):
    model = make(32, 8, 8, ("cat", "dog"), 2, 64, 8)
    model.build()
    exportable = style_generator(model, "any")
    folder = write(tmp_path / "run" / "export", kind=make.__name__, **exportable.facts)
    manifest = json.loads((folder / "manifest.json").read_text())
    before = {key: manifest[key] for key in manifest if key not in ("system", "panels")}
    del before["style_levels"]
    (folder / "manifest.json").write_text(json.dumps(before))
    read = exports.read_export(folder)
    assert read.system == {"StyleGANGenerator": "StyleGAN"}.get(make.__name__, "StyleGAN2")
    assert read.manifest["panels"] == list(exportable.panels)
    assert read.manifest["style_levels"] == exportable.facts["style_levels"]


@pytest.mark.parametrize(
    ("kind", "system", "panels"),
    [(StarGAN.__name__, "StarGAN", ["labels"]), (StarGANv2.__name__, "StarGAN v2", ["domains"])],
)
def test_so_are_those_of_translations(tmp_path, kind, system, panels):
    folder = write(tmp_path / "run" / "export", kind=kind)
    before = json.loads((folder / "manifest.json").read_text())
    del before["panels"], before["system"]
    (folder / "manifest.json").write_text(json.dumps(before))
    read = exports.read_export(folder)
    assert (read.system, read.manifest["panels"]) == (system, panels)


HOSTILE = (
    "../../../evil.tflite",
    "/tmp/evil.tflite",
    "..\\evil.tflite",
    "sub/evil.tflite",
    "%2e%2e%2fevil.tflite",
    "//host/evil.tflite",
    "https:evil.tflite",
    "..tflite",
    "a?.tflite",
    "a\n.tflite",
    "\x00.tflite",
)


@pytest.mark.parametrize("path", HOSTILE)
def test_a_form_outside_of_its_folder_is_refused_and_never_copied(tmp_path, path):
    folder = tmp_path / "run" / "export"
    forms = [{"form": "float32", "path": path, "sha256": DIGEST}]
    write(folder, forms=forms)
    if "\x00" not in path and not path.startswith("/"):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(b"TFL3")
    with pytest.raises(exports.ExportError, match="must be a file of its export folder") as refused:
        exports.read_export(folder)
    assert len(str(refused.value).splitlines()) == 1
    made = exports.Export(folder, "evil", "StarGAN", [path], {})
    with pytest.raises(exports.ExportError, match="must be a file of its export folder"):
        sites.write_site([made], tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_form_that_is_a_link_is_refused(tmp_path):
    folder = write(tmp_path / "run" / "export")
    (folder / "float32.tflite").rename(tmp_path / "secret")
    (folder / "float32.tflite").symlink_to(tmp_path / "secret")
    with pytest.raises(exports.ExportError, match="Received: a link to another place"):
        exports.read_export(folder)


@pytest.mark.parametrize(
    "bad",
    [
        {"form": "float16", "path": None, "sha256": None, "status": "failed", "psnr_db": None},
        {"form": "float16", "path": "float16.tflite", "sha256": "", "status": "failed"},
        # As earlier versions wrote it, which is not JSON.
        {"form": "float16", "path": "float16.tflite", "sha256": "", "psnr_db": math.nan},
        {"form": "float16", "path": "float16.tflite", "sha256": "", "ms_per_picture": math.inf},
    ],
)
def test_a_form_that_failed_is_left_out_and_the_others_are_shown(tmp_path, bad):
    forms = [{"form": "float32", "path": "float32.tflite", "sha256": DIGEST, "status": "good"}, bad]
    found = exports.read_export(write(tmp_path / "run" / "export", forms=forms))
    assert found.files == ["float32.tflite"]
    assert found.manifest["forms"] == forms[:1]


def test_the_newest_export_of_each_system_that_can_be_shown_is_taken(tmp_path, capsys):
    ages = {"next": ("Next", 4), "old": ("StarGAN", 3), "new": ("StarGAN", 1)}
    ages["faces"] = ("StyleGAN2", 2)
    for name, (system, age) in ages.items():
        folder = write(tmp_path / name / "export", system)
        os.utime(folder / "manifest.json", (10**9 - age, 10**9 - age))
    (tmp_path / "unfinished" / "export").mkdir(parents=True)
    write(tmp_path / "earlier" / "export", panels=None)
    found = exports.newest_exports(tmp_path)
    assert [export.name for export in found] == ["faces", "new", "next"]
    assert "one without panels. Export the model again" in capsys.readouterr().err


def test_without_exports_all_four_systems_are_trained_and_exported(tmp_path, monkeypatch):
    commands = []

    def run(*command, accepted):
        commands.append(command)
        if command[0] == "training.run":
            (tmp_path / command[2]).mkdir()
        else:
            name = os.path.basename(command[1])
            systems = {trained: system for system, trained in exports.SYSTEMS.items()}
            write(tmp_path / name / "export", systems[name])

    monkeypatch.setattr(exports, "_run", run)
    found = exports.make_exports(tmp_path)
    assert [export.system for export in found] == list(exports.SYSTEMS)
    assert commands[:2] == [
        ("training.run", "--model", "stylegan2", "--preset", "smoke", "--runs", str(tmp_path)),
        ("export.run", str(tmp_path / "stylegan2"), "--formats", *exports.SMOKE_FORMS),
    ]


def test_a_program_that_fails_is_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(exports.ExportError, match=r"python -m training.run .*exit status 1"):
        exports._run("training.run", "--model", "stylegan2", accepted=(0,))
    assert capsys.readouterr().out == "python -m training.run --model stylegan2\n"
