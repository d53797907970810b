"""The export command: what it refuses, what it keeps, what its help says."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from export import folder, formats, metrics, run
from export.families import FAMILIES, family_of
from tests.export.small import earlier_export, forms_of, stargan, stargan_v2, stylegan2
from tfgan.litert import Runner
from tfgan.models.stylegan2_discriminator import StyleGAN2Discriminator
from tfgan.terminal import UserError


def test_forms_are_compared_with_keras_without_tf32(tmp_path, monkeypatch):
    enabled, found = tf.config.experimental.tensor_float_32_execution_enabled, []

    def expect(exportable, drawn):
        found.append(enabled())
        raise UserError("that was all.")

    monkeypatch.setattr(run, "expect", expect)
    stylegan2().save(tmp_path / "face.keras")
    assert run.main([str(tmp_path / "face.keras"), "--formats", "float32"]) == 2
    assert (found, enabled()) == ([False], True)


def test_forms_that_fail_or_look_wrong_are_shown_and_told(tmp_path, monkeypatch, capsys):
    stargan().save(tmp_path / "face.keras")

    def write(materials, path, floor):
        path.write_bytes(b"x")
        return {"float16": ["layer"]}

    def fail(materials, path, floor):
        path.write_bytes(b"half")
        raise RuntimeError("\n  no such operator \nmore")

    black = {"images": np.zeros((3, 32, 32, 3), np.float32)}
    runner = Runner(["translate"], lambda signature, inputs: black)
    poor = formats.FORMATS["saved-model"]._replace(
        path="poor.bin", write=write, open_runner=lambda path, threads: runner
    )
    monkeypatch.setitem(formats.FORMATS, "int8", poor)
    monkeypatch.setitem(formats.FORMATS, "int16x8", poor._replace(path="failed.bin", write=fail))
    out = tmp_path / "face-export"
    asked = ["--formats", "float32", "int8", "int16x8"]
    pictures = ["--pictures", "avatars"]
    assert run.main([str(tmp_path / "face.keras"), *asked, *pictures]) == 1
    shown = capsys.readouterr().err
    assert "int8 poor: PSNR against Keras is" in shown
    assert "int16x8 failed: RuntimeError: no such operator" in shown
    found = forms_of(out)
    assert [found[name]["status"] for name in asked[1:]] == ["good", "poor", "failed"]
    assert found["int8"]["higher_precision_layers"] == {"float16": ["layer"]}
    manifest = json.loads((out / "manifest.json").read_text())
    assert [form["status"] for form in manifest["forms"]] == ["good", "poor", "failed"]
    assert manifest["forms"][2]["reason"] == "RuntimeError: no such operator"
    assert manifest["recommended"] == "float32"
    names = ["float32.tflite", "manifest.json", "poor.bin", "report.html", "report.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    page = (out / "report.html").read_text()
    assert "no such operator" in page
    assert "Ship float32.tflite" in page


def test_a_form_that_gives_nan_is_marked_failed_wherever_forms_are_named(
    tmp_path, monkeypatch, capsys
):
    stargan().save(tmp_path / "face.keras")

    def give_nan(signature, inputs):
        return {"images": np.full_like(inputs["images"], np.nan)}

    runner = Runner(["translate"], give_nan)
    broken = formats.FORMATS["float16"]._replace(open_runner=lambda path, threads: runner)
    monkeypatch.setitem(formats.FORMATS, "float16", broken)
    assert run.main([str(tmp_path / "face.keras"), "--formats", "float32", "float16"]) == 1
    shown = capsys.readouterr()
    reason = "the form gives images of translate that are not finite"
    assert f"float16 failed: {reason}" in shown.err
    assert ["float16", "failed"] in [line.split()[:2] for line in shown.out.splitlines()]
    out = tmp_path / "face-export"
    assert not (out / "float16.tflite").exists()
    for name in ("manifest.json", "report.json"):
        # As a strict reader, such as a browser, takes it.
        said = json.loads((out / name).read_text(), parse_constant=pytest.fail)
        found = {form["form"]: form for form in said["forms"]}["float16"]
        assert (found["status"], found["reason"], found["psnr_db"]) == ("failed", reason, None)
        assert said["recommended"] == "float32"
    assert reason in (out / "report.html").read_text()


def test_a_model_that_gives_nan_itself_leaves_a_manifest_that_says_so(tmp_path, capsys):
    model = stargan()
    model.weights[0].assign(model.weights[0] + np.nan)
    model.save(tmp_path / "face.keras")
    assert run.main([str(tmp_path / "face.keras"), "--formats", "float32", "dynamic"]) == 1
    assert "float32 failed: Keras gives images of translate that" in capsys.readouterr().err
    out = tmp_path / "face-export"
    assert not list(out.glob("*.tflite"))
    for name in ("manifest.json", "report.json"):
        said = json.loads((out / name).read_text(), parse_constant=pytest.fail)
        assert [form["status"] for form in said["forms"]] == ["failed", "failed"]
        assert said["recommended"] is None


def test_a_second_export_leaves_nothing_of_the_first_and_all_else(tmp_path, monkeypatch, capsys):
    stargan().save(tmp_path / "face.keras")
    out = tmp_path / "face-export"
    earlier_export(out, "dynamic.tflite", "saved_model/1", "float32.tflite")
    (out / "mine.txt").write_text("kept")
    (out / "int8.tflite").write_text("kept")
    gone = subprocess.Popen(["true"])
    gone.wait()
    for name in (gone.pid, os.getpid(), os.getppid(), "mine"):
        (out / f".partial-{name}").mkdir()
    rename, heeded = os.rename, signal.getsignal(signal.SIGINT)

    def stop_and_rename(*places):
        for number in folder.STOPS:
            signal.raise_signal(number)
        rename(*places)

    monkeypatch.setattr(folder.os, "rename", stop_and_rename)
    assert run.main([str(tmp_path / "face.keras"), "--formats", "float32"]) == 0
    shown = capsys.readouterr().out
    for name in ("dynamic.tflite", "saved_model/1"):
        assert f"Removed {out / name} of an earlier export" in shown
    kept = [f".partial-{os.getppid()}", ".partial-mine", "int8.tflite", "mine.txt"]
    made = ["float32.tflite", "manifest.json", "report.html", "report.json"]
    assert sorted(path.name for path in out.iterdir()) == sorted([*kept, *made])
    assert all((out / name).read_bytes() != b"old" for name in made)
    assert signal.getsignal(signal.SIGINT) is heeded


def test_a_file_in_the_way_stops_before_anything_is_computed(tmp_path, capsys):
    stargan().save(tmp_path / "face.keras")
    earlier_export(tmp_path / "out", "float32.tflite")
    (tmp_path / "out" / "dynamic.tflite").write_text("mine")
    asked = ["--formats", "float32", "dynamic", "-o", str(tmp_path / "out")]
    assert run.main([str(tmp_path / "face.keras"), *asked]) == 2
    shown = capsys.readouterr()
    assert "with dynamic.tflite, which no export" in shown.err
    assert "Loading" not in shown.out
    assert (tmp_path / "out" / "float32.tflite").read_text() == "old"


def test_nothing_is_left_where_an_export_is_stopped(tmp_path, monkeypatch, capsys):
    stargan().save(tmp_path / "face.keras")

    def stop(materials, path, floor):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setitem(formats.FORMATS, "float16", formats.FORMATS["float16"]._replace(write=stop))
    asked = ["--formats", "float32", "float16"]
    assert run.main([str(tmp_path / "face.keras"), *asked]) == 130
    assert "nothing was written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["face.keras"]


def test_a_saved_model_alone_needs_no_litert(tmp_path, monkeypatch, capsys):
    stargan().save(tmp_path / "face.keras")
    for module in ("ai_edge_litert", "ai_edge_quantizer"):
        monkeypatch.setitem(sys.modules, module, None)
    asked = [str(tmp_path / "face.keras"), "--formats"]
    assert run.main([*asked, "saved-model"]) == 0
    assert (tmp_path / "face-export" / "saved_model" / "1" / "saved_model.pb").is_file()
    capsys.readouterr()
    assert run.main([*asked, "saved-model", "dynamic"]) == 2
    shown = capsys.readouterr()
    assert "--formats dynamic needs ai-edge-litert and ai-edge-quantizer, which" in shown.err
    assert "Without them there is --formats saved-model." in shown.err
    assert shown.out == ""


def test_an_empty_folder_that_could_not_be_filled_is_no_longer_there(tmp_path, monkeypatch, capsys):
    stargan().save(tmp_path / "face.keras")

    def full(materials, path, floor):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(formats.FORMATS, "float32", formats.FORMATS["float32"]._replace(write=full))
    assert run.main([str(tmp_path / "face.keras"), "--formats", "float32"]) == 2
    assert f"needs room in {tmp_path / 'face-export'}" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["face.keras"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.keras"], "there is no file"),
        (
            ["{tmp}/scores.keras"],
            "StyleGAN2Generator, StarGAN, StarGANv2 can be exported. Received: ",
        ),
        (["{tmp}/scores.keras"], "holds a StyleGAN2Discriminator"),
        (["{tmp}/broken.keras"], "not a .keras file"),
        (["{tmp}/face.keras", "-o", "/proc/none"], "cannot be written"),
        (["{tmp}/face.keras", "--pictures", "avatars"], "belongs to models that change pictures"),
        (["{tmp}/other.keras"], "--formats int8 must be calibrated with pictures"),
        (["{tmp}/other.keras"], "or --formats saved-model float32 float16 dynamic."),
        (
            ["{tmp}/other.keras", "--pictures", "{tmp}/none"],
            "--pictures must name a folder that exists",
        ),
        (["{tmp}/other.keras", "--pictures", "{tmp}/bad"], "must name readable pictures"),
        (["{tmp}/face.keras", "--lpips", "{tmp}/none.pth"], "--lpips must name files"),
        (["{tmp}/small.keras", "--lpips", "{tmp}/broken.keras"], "pictures of 32 pixels or more"),
        (["{tmp}/face.keras", "--lpips", "{tmp}/bad/a.png"], "it is no checkpoint of a known kind"),
        (["{tmp}/other.keras", "--pictures", "tfds:nosuch"], "--pictures tfds:NAME must be a set"),
    ],
)
def test_a_mistake_gives_one_message(tmp_path, capsys, arguments, words):
    model = StyleGAN2Discriminator(16, channel_base=128, channel_max=16)
    model.build()
    model.save(tmp_path / "scores.keras")
    stylegan2().save(tmp_path / "small.keras")
    stylegan2(resolution=32).save(tmp_path / "face.keras")
    stargan().save(tmp_path / "other.keras")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"no picture")
    (tmp_path / "broken.keras").write_bytes((tmp_path / "scores.keras").read_bytes()[:500])
    before = sorted(path.name for path in tmp_path.iterdir())
    assert run.main([argument.format(tmp=tmp_path) for argument in arguments]) == 2
    shown = capsys.readouterr().err.strip().splitlines()
    errors = [line for line in shown if not line.startswith("Left out")]
    assert len(errors) == 1
    assert words in errors[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--formats", "int3"], "int3"),
        (["--min-psnr", "5"], "from 10 to 100 dB"),
        (["--min-psnr", "much"], "from 10 to 100 dB. Received: much"),
        (["--evaluate", "'--metrics"], "options as a shell takes them. Received: '--metrics"),
        (["--evaluate=--help"], "Received: --help. Leave it out"),
        (["--evaluate", "--metrics swd --out mine.json"], "Received: --out. Leave it out"),
        (["--evaluate", "--tflite=foo --noise random"], "Received: --tflite=foo --noise. Leave"),
    ],
)
def test_an_option_that_cannot_be_is_named(capsys, arguments, word):
    with pytest.raises(SystemExit) as stopped:
        run.main(["face.keras", *arguments])
    assert stopped.value.code == 2
    assert word in capsys.readouterr().err


def test_pictures_are_those_of_the_run_unless_others_are_named(tmp_path):
    path = tmp_path / "model.keras"
    stargan().save(path)
    family = family_of(path)
    (tmp_path / "config.json").write_text('{"data": ["avatars:attributes", "faces"]}')
    assert run.picture_sets(None, path, family, ["int8"]) == ["avatars:attributes", "faces"]
    assert run.picture_sets(["mine"], path, family, ["int8"]) == ["mine"]
    (tmp_path / "config.json").write_text("{")
    assert run.picture_sets(None, path, family, ["dynamic"]) == []


def test_models_of_translations_are_compared_on_the_pictures_that_are_named(tmp_path, capsys):
    stargan().save(tmp_path / "face.keras")
    (tmp_path / "faces").mkdir()
    for i in range(2):
        Image.new("RGB", (40, 32), (200, 100 * i, 0)).save(tmp_path / "faces" / f"{i}.png")
    asked = ["--formats", "float32", "--pictures", str(tmp_path / "faces")]
    assert run.main([str(tmp_path / "face.keras"), *asked]) == 0
    made_with = json.loads((tmp_path / "face-export" / "report.json").read_text())["made_with"]
    assert made_with["pictures"] == str(tmp_path / "faces")
    assert "has 2 of the 39 pictures that are wanted" in capsys.readouterr().err


def test_help_names_every_kind_of_model_form_and_signature(capsys):
    with pytest.raises(SystemExit):
        run.main(["--help"])
    shown = capsys.readouterr().out
    for name in formats.FORMATS:
        assert name in shown
    for model in (stylegan2(), stargan(), stargan_v2()):
        family = FAMILIES[type(model).__name__]
        assert type(model).__name__ in shown
        for name in family.describe(model).signatures:
            assert name in shown


def test_lpips_is_reported_where_its_weights_are(tmp_path, monkeypatch):
    from tests.layers.layer_check import randomize
    from tfgan.models.lpips import LPIPS

    network = LPIPS("alex")
    network.build()
    randomize(network, spread=0.05)
    network.save(tmp_path / "alex.keras")
    stargan().save(tmp_path / "face.keras")
    monkeypatch.setenv("TFGAN_LPIPS_ALEX", str(tmp_path / "alex.keras"))
    assert run.main([str(tmp_path / "face.keras"), "--formats", "float32", "float16"]) == 0
    found = forms_of(tmp_path / "face-export")
    assert abs(found["float32"]["lpips"]) < abs(found["float16"]["lpips"])
    assert "<th scope=col>LPIPS</th>" in (tmp_path / "face-export" / "report.html").read_text()


def test_metrics_of_training_evaluate_are_asked_of_keras_and_each_file(
    tmp_path, monkeypatch, capsys
):
    stargan().save(tmp_path / "face.keras")
    asked = []

    def answer(command, check, stdout, text):
        asked.append(command)
        curves = {"swd": 10.0 + len(asked)}
        Path(command[-1]).write_text(json.dumps({"curves": curves}))
        return subprocess.CompletedProcess(command, 0, f"a table\n\nWrote       {command[-1]}\n")

    monkeypatch.setattr(metrics.subprocess, "run", answer)
    options = ["--formats", "saved-model", "float32", "--evaluate", "--metrics swd --count 4"]
    assert run.main([str(tmp_path / "face.keras"), *options]) == 0
    for command in asked:
        assert command[1:4] == ["-m", "tfgan.evaluate", str(tmp_path / "face.keras")]
        assert command[-6:-2] == ["--metrics", "swd", "--count", "4"]
    assert asked[0][4:-6] == []
    assert asked[1][asked[1].index("--tflite") + 1].endswith("/float32.tflite")
    report = json.loads((tmp_path / "face-export" / "report.json").read_text())
    assert [form["metrics"] for form in report["forms"]] == [{}, {"swd": 12.0}]
    assert report["keras"] == {"metrics": {"swd": 11.0}}
    assert "<th scope=col>Keras</th>" in (tmp_path / "face-export" / "report.html").read_text()
    shown = capsys.readouterr().out
    assert "a table" in shown
    assert "evaluation.json" not in shown
    lines = [line.split() for line in shown.splitlines()]
    assert ["metric", "Keras", "float32"] in lines
    assert ["swd", "11.000", "12.000"] in lines


def test_metrics_of_generators_are_of_the_noise_that_files_have(tmp_path, monkeypatch, capsys):
    stylegan2().save(tmp_path / "face.keras")
    asked = []

    def refuse(command, check, stdout, text):
        asked.append(command)
        return subprocess.CompletedProcess(command, 2, "")

    monkeypatch.setattr(metrics.subprocess, "run", refuse)
    assert run.main([str(tmp_path / "face.keras"), "--formats", "float32", "--evaluate", ""]) == 2
    assert asked[0][4:-2] == ["--noise", "fixed"]
    shown = capsys.readouterr()
    assert 'Received: "". The message above says' in shown.err
    assert "Running Keras" not in shown.out


def test_metrics_that_cannot_be_stop_before_anything_is_converted(tmp_path, capfd):
    stargan().save(tmp_path / "face.keras")
    options = ["--formats", "float32", "--evaluate", "--metrics fidd --data avatars"]
    assert run.main([str(tmp_path / "face.keras"), *options]) == 2
    shown = capfd.readouterr()
    assert "--metrics of StarGAN are translation" in shown.err
    assert "--evaluate must be options of python -m tfgan.evaluate" in shown.err
    assert "Writing" not in shown.out
    assert [path.name for path in tmp_path.iterdir()] == ["face.keras"]
