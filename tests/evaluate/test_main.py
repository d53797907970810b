"""The command line that measures models, as a user meets it."""

import dataclasses
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tfgan.data.opening import open_source
from tfgan.evaluate import __main__ as evaluate
from tfgan.evaluate import classifier, systems
from tfgan.evaluate.metric import PictureOptions
from tfgan.label_sets import LabelSet
from tfgan.metrics.intervals import Interval
from tfgan.models.classifier import Classifier
from tfgan.models.stargan import StarGAN
from tfgan.models.stargan_v2 import StarGANv2
from tfgan.models.stylegan2 import StyleGAN2Generator
from tfgan.runs import RunError, options_from, save_config
from training.data import open_data
from training.systems import stargan, stargan_v2


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder of two domains, a table of its attributes, and models: of it, and of others."""
    folder = tmp_path_factory.mktemp("evaluate")
    random = np.random.default_rng(0)
    for name, tint in (("blue", (0, 0, 90)), ("red", (90, 0, 0))):
        (folder / "data" / name).mkdir(parents=True)
        for i in range(20):
            pixels = random.integers(0, 120, (32, 40, 3)) + tint
            Image.fromarray(pixels.astype(np.uint8)).save(folder / "data" / name / f"{i}.png")
    rows = [
        f"{name}/{i}.png,{name == 'red'},{i % 2}" for name in ("blue", "red") for i in range(20)
    ]
    (folder / "table.csv").write_text("\n".join(["file,Red,Odd", *rows]))
    looks = LabelSet("data:attributes", "attributes", ("Red", "Odd"))
    tints = LabelSet("data:classes", "classes", ("blue", "red"))
    for name, label_sets in (("looks", [looks]), ("joint", [looks, tints])):
        stargan_model = StarGAN(32, label_sets, conv_dim=2, num_blocks=1)
        stargan_model.build()
        stargan_model.save(folder / f"{name}.keras")
    small = {"mapping_width": 8, "channel_base": 64, "channel_max": 8}
    for name, domains in (("model", ("blue", "red")), ("other", ("cat", "dog"))):
        model = StarGANv2(32, domains, 4, 8, **small)
        model.build()
        model.save(folder / f"{name}.keras")
    faces = StyleGAN2Generator(8, latent_dim=4, style_dim=4, channel_base=32, channel_max=4)
    faces.build()
    faces.save(folder / "faces.keras")
    judge = Classifier(8, ("blue", "red"), True)
    judge.build()
    judge.save(folder / "judge.keras")
    (folder / "flat").mkdir()
    Image.new("RGB", (32, 32)).save(folder / "flat" / "0.png")
    return folder


@pytest.fixture
def short(monkeypatch):
    """A classifier that is trained in a few seconds."""
    recipe = classifier.Recipe(images=600, batch_size=20, learning_rate=1e-2)
    monkeypatch.setattr(classifier, "RECIPE", recipe)


@pytest.fixture
def untaught(monkeypatch, eagerly):
    """A classifier of two steps, for tests of what is not its business."""
    monkeypatch.setattr(classifier, "RECIPE", classifier.Recipe(images=40, batch_size=20))


def read(path, metric):
    """What a result says of a metric."""
    return json.loads(path.read_text())["metrics"][metric]


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as stopped:
        evaluate.main(["--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    for words in (
        "tfgan.evaluate latest",
        "--label-key",
        "--count",
        "held back",
        "--psi",
        "Metrics of StyleGAN and StyleGAN2:",
        "inception score",
        "pt_inception-2015-12-05",
    ):
        assert words in shown


def test_help_is_at_once_there_without_tensorflow():
    code = (
        "import sys, tfgan.evaluate.__main__ as e\n"
        "try: e.main(['--help'])\n"
        "except SystemExit: assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_a_model_from_elsewhere_is_measured_on_a_folder(files, tmp_path, short, capsys):
    arguments = [str(files / "model.keras"), "--data", str(files / "data"), "--cache"]
    out = tmp_path / "results" / "first.json"
    assert evaluate.main([*arguments, str(tmp_path / "kept"), "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "a tenth of each class: 2 blue, 2 red; seed 0" in shown
    assert "may have been trained on these" in shown
    assert "not known, for" in shown
    result = read(out, "translation")
    assert json.loads(out.read_text())["seed"] == 0
    assert result["data"]["counts"] == {"blue": 2, "red": 2}
    assert result["classifier"]["accuracy"]["share"]["value"] == 1.0
    for guide in ("latent", "reference"):
        found = result["translation"][guide]
        assert list(found["pairs"]) == ["blue -> red", "red -> blue"]
        hits = [round(pair["value"] * pair["count"]) for pair in found["pairs"].values()]
        assert found["share"]["value"] == sum(hits) / 4
        assert found["share"]["count"] == 4
        assert found["reconstruction"]["value"] > 0
        row = next(line for line in shown.splitlines() if line.startswith("  blue -> red"))
        assert f"{found['pairs']['blue -> red']['value']:.3f} [" in row
    # Once more, from the kept classifier: the same numbers. Another seed gives other ones.
    again, other = out.with_name("again.json"), out.with_name("other.json")
    kept = [*arguments, str(tmp_path / "kept")]
    assert evaluate.main([*kept, "--out", str(again)]) == 0
    assert again.read_text() == out.read_text()
    assert evaluate.main([*kept, "--out", str(other), "--seed", "1"]) == 0
    differences = [
        read(path, "translation")["translation"]["latent"]["reconstruction"]["value"]
        for path in (out, other)
    ]
    assert differences[0] != differences[1]
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_a_run_knows_its_data_and_keeps_the_result(tmp_path, untaught, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sets = str(tmp_path / "sets")
    config = stargan_v2.PRESETS["smoke"]()
    config = type(config)(**{**vars(config), "data_dir": sets, "avatars_count": 60})
    source = open_source(config)
    run = tmp_path / "runs" / "00000-smoke"
    run.mkdir(parents=True)
    save_config(run / "config.json", "stargan-v2", config, source.fingerprint())
    model = stargan_v2.create(config, source.class_names).inference_model()
    model.save(run / "model.keras")
    assert evaluate.main(["latest"]) == 0
    shown = capsys.readouterr()
    assert "not those of the run" not in shown.err
    assert "trained on these" not in shown.out
    result = read(run / "evaluation.json", "translation")
    assert result["data"]["held_back"] == "the split test"
    assert sum(result["data"]["counts"].values()) == 6
    assert len(list((tmp_path / "runs" / "evaluation-cache").glob("*.keras"))) == 1
    background = result["translation"]["latent"]["background"]
    assert background["own"]["count"] == 6
    # A new generator gives noise; a picture of values in [-1, 1] is at most 2 away.
    assert 0.1 < background["own"]["value"] < 2
    assert re.search(r"background, shuffled pairs +\d\.\d{3} \[", shown.out)
    save_config(run / "config.json", "stargan-v2", config, "0" * 12)
    assert evaluate.main(["latest", "--count", "2"]) == 0
    shown = capsys.readouterr()
    assert "not those of the run" in shown.err
    assert "2 female, 2 male" in shown.out


def test_a_stargan_from_elsewhere_is_measured_on_folders(files, tmp_path, short, capsys):
    out, data = tmp_path / "out.json", str(files / "data")
    arguments = [str(files / "joint.keras"), "--data", data, "--data", f"{data}:classes"]
    arguments += ["--attribute-table", str(files / "table.csv"), "--out", str(out)]
    assert evaluate.main([*arguments, "--cache", str(tmp_path / "kept")]) == 0
    shown = capsys.readouterr().out
    assert "a tenth of the pictures: 4 pictures; seed 0" in shown
    assert "a tenth of each class: 2 blue, 2 red; seed 0" in shown
    assert shown.count("may have been trained on these") == 2
    result = read(out, "translation")
    assert list(result["translation"]) == [
        "data:attributes",
        "data:attributes -> data:classes",
        "data:classes",
    ]
    # Both learn to tell red from blue, and no one can tell odd from even.
    kept = result["classifiers"]
    assert kept["data:attributes"]["accuracy"]["labels"]["Red"]["share"]["value"] == 1.0
    assert kept["data:classes"]["accuracy"]["share"]["value"] == 1.0
    assert len({found["file"] for found in kept.values()}) == 2
    counts = {
        route: [label["changed"]["count"] for label in found["labels"].values()]
        for route, found in result["translation"].items()
    }
    # Every picture of four can be reversed, and two of four are of the other class.
    assert list(counts.values()) == [[4, 4], [4, 4], [2, 2]]
    assert "not known, for" in shown
    for word in ("  Odd ", "  mean ", "  all labels ", "  reconstruction\n"):
        assert word in shown


def test_a_joint_run_knows_its_data(tmp_path, untaught, capsys):
    config = dataclasses.replace(
        stargan.PRESETS["smoke"](),
        data=("avatars:attributes", "avatars:domain"),
        attributes=("Smiling", "Male"),
        data_dir=str(tmp_path / "sets"),
        avatars_count=60,
    )
    data = open_data(config)
    run = tmp_path / "runs" / "00000-smoke"
    run.mkdir(parents=True)
    save_config(run / "config.json", "stargan", config, data.fingerprint)
    stargan.create(config, data.labels).inference_model().save(run / "model.keras")
    assert evaluate.main([str(run)]) == 0
    shown = capsys.readouterr()
    assert "not those of the run" not in shown.err
    assert "trained on these" not in shown.out
    result = read(run / "evaluation.json", "translation")
    sets = result["data"]["sets"]
    assert {name: facts["held_back"] for name, facts in sets.items()} == {
        "avatars:attributes": "the split test",
        "avatars:domain": "the split test",
    }
    assert sets["avatars:attributes"]["counts"] == {"pictures": 6}
    assert sum(sets["avatars:domain"]["counts"].values()) == 6
    assert len(list((tmp_path / "runs" / "evaluation-cache").glob("*.keras"))) == 2
    assert list(result["classifiers"]["avatars:attributes"]["accuracy"]["labels"]) == [
        "Smiling",
        "Male",
    ]
    own = result["translation"]["avatars:attributes -> avatars:domain"]["background"]["own"]
    assert own["count"] == 12  # six pictures, each to two classes
    assert 0.1 < own["value"] < 2
    save_config(run / "config.json", "stargan", config, "0" * 12)
    assert evaluate.main([str(run), "--count", "2"]) == 0
    shown = capsys.readouterr()
    assert "not those of the run" in shown.err
    assert "the split test: 2 pictures" in shown.out


def test_other_data_are_not_read_as_those_of_the_run_were(tmp_path):
    file = tmp_path / "model.keras"
    config = dataclasses.replace(
        stargan.PRESETS["smoke"](),
        data=("celeba", "tfds:rafd"),
        attribute_table="a.csv",
        image_key="image",
    )
    save_config(tmp_path / "config.json", "stargan", config, "0" * 12)
    for arguments, wanted in (
        ([], (("celeba", "tfds:rafd"), "a.csv", "image", 64)),
        (["--avatars-count", "9"], (("celeba", "tfds:rafd"), "a.csv", "image", 9)),
        (["--data", "avatars"], (("avatars",), None, None, 64)),
        (["--data", "b", "--attribute-table", "b.csv"], (("b",), "b.csv", None, 64)),
    ):
        options = evaluate.parse([str(file), *arguments])
        found, _ = evaluate.picture_options(options, file, systems.SYSTEMS["StarGAN"], 32)
        assert (
            found.data,
            found.attribute_table,
            found.image_key,
            found.avatars_count,
        ) == wanted


def test_each_system_says_how_to_draw_from_it():
    for system in systems.SYSTEMS.values():
        assert {"Subject", "open_reals"} <= set(vars(system.open()))
        assert all(name == metric.name for name, metric in system.metrics.items())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.keras"], "there is no file none.keras"),
        (["latest"], "there is no run"),
        (["{f}/model.keras"], "--data is needed"),
        (["{f}/model.keras", "--data", "{f}/nothing"], "{f}/nothing"),
        (["{f}/model.keras", "--data", "{f}/flat"], "two or more classes"),
        (["{f}/model.keras", "--data", "{f}/data", "--label-key", "x"], "--label-key belongs to"),
        (["{f}/model.keras", "--data", "avatars", "--avatars-count", "0"], "from 1 to 1,000,000"),
        (["{f}/other.keras", "--data", "{f}/data"], "cat, dog. Received: blue, red"),
        (["{f}/model.keras", "--data", "a", "--data", "b"], "one data set with this model"),
        (
            ["{f}/model.keras", "--data", "{f}/data", "--attribute-table", "{f}/table.csv"],
            "--attribute-table says nothing about the pictures of this kind",
        ),
        (["{f}/joint.keras"], "--data is needed"),
        (
            ["{f}/joint.keras", "--data", "{f}/data"],
            "their order: data:attributes, data:classes. Received: {f}/data",
        ),
        (["{f}/looks.keras", "--data", "{f}/data"], "--attributes belongs to data with binary"),
        (["{f}/looks.keras", "--data", "avatars"], "There are 5_o_Clock_Shadow"),
        (["{f}/looks.keras", "--data", "{f}/data", "--label-key", "x"], "is part of --data"),
        (["{f}/judge.keras", "--data", "{f}/data"], "holds a Classifier, which cannot be"),
        (["{f}/faces.keras"], "pictures: avatars, tfds:NAME, or a folder of pictures."),
        (["{f}/faces.keras", "--data", "{f}/nothing"], "{f}/nothing"),
        (
            ["{f}/faces.keras", "--data", "{f}/flat"],
            "Received: 0 of the folder and 0 of the folder",
        ),
        (["{f}/faces.keras", "--data", "a", "--data", "b"], "one data set with this model"),
        (["{f}/faces.keras", "--data", "{f}/data", "--psi", "nan"], "--psi must be a number"),
        (["{f}/model.keras", "--data", "{f}/data", "--psi", "0.5"], "--psi says nothing about"),
        (["{f}/model.keras", "--data", "{f}/data", "--noise", "fixed"], "--noise says nothing"),
        (["{f}/faces.keras", "--tflite", "a", "--noise", "random"], "--noise must be fixed with"),
        (["{f}/faces.keras", "--data", "{f}/data", "--outputs", "5"], "--outputs says nothing"),
        (["{f}/model.keras", "--data", "{f}/data", "--outputs", "1"], "from 2 to 100. Received: 1"),
        (
            ["{f}/faces.keras", "--data", "{f}/data", "--metrics", "swd", "lpips"],
            "--metrics of StyleGAN2 are swd, avatar-fd,",
        ),
        (
            ["{f}/faces.keras", "--data", "{f}/data", "--metrics", "kid"],
            "--metrics kid needs the weights of Inception-v3. Received: none. Get pt_inception",
        ),
        (
            ["{f}/model.keras", "--data", "{f}/data", "--metrics", "lpips"],
            "give --lpips-alex FILE",
        ),
        (
            ["{f}/faces.keras", "--data", "{f}/data", "--metrics", "fid", "--inception", "no.pth"],
            "--inception must name files. Received: no.pth",
        ),
        (
            ["{f}/faces.keras", "--data", "{f}/data", "--inception", "{f}/judge.keras"],
            "--inception says nothing about --metrics swd",
        ),
        (
            [
                "{f}/faces.keras",
                "--data",
                "{f}/data",
                "--metrics",
                "is",
                "--inception",
                "{f}/judge.keras",
            ],
            "must hold InceptionV3. Received: Classifier.",
        ),
        (
            [
                "{f}/faces.keras",
                "--data",
                "{f}/data",
                "--metrics",
                "ppl",
                "--lpips-vgg",
                "{f}/judge.keras",
            ],
            "needs pictures of 32 pixels or more. Received: a model of 8.",
        ),
        (
            ["{f}/faces.keras", "--data", "{f}/data", "--metrics", "separability"],
            "needs a classifier of attributes",
        ),
        (
            [
                "{f}/faces.keras",
                "--data",
                "{f}/data",
                "--metrics",
                "separability",
                "--classifier",
                "{f}/model.keras",
            ],
            "--classifier must hold a Classifier. Received: {f}/model.keras",
        ),
        (
            ["{f}/model.keras", "--data", "{f}/data", "--metrics", "identity"],
            "known of the built-in avatars alone. Received: --data {f}/data",
        ),
        (["{f}/faces.keras", "--count", "many"], "--count: invalid int value: 'many'. See python"),
        (["{f}/faces.keras", "--ppl-epsilon", "0"], "--ppl-epsilon must be above 0"),
        (["{f}/faces.keras", "--ppl-crop"], "--ppl-crop says nothing about --metrics swd"),
        (["{f}/faces.keras", "--batch-size", "0"], "--batch-size must be 1 or more"),
        (["{f}/faces.keras", "--data", "{f}/data", "--devices", "9"], "--devices must be at most"),
        (["{f}/model.keras", "--count", "1"], "--count must be 2 or more. Received: 1"),
        (["{f}/model.keras", "--seed", "-1"], "--seed must be 0 or more. Received: -1"),
        (["{f}/model.keras", "--out", "x.txt"], "--out must end in .json. Received: x.txt"),
        (["{f}/model.keras", "--out", "folder.json"], "folder.json is a folder"),
        (["{f}/model.keras", "--cache", "{f}/flat/0.png"], "--cache must be a folder"),
        (["{f}/flat/0.png"], "must be a .keras file"),
    ],
)
def test_a_mistake_gives_one_message_and_no_result(
    files, tmp_path, monkeypatch, capsys, arguments, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.json").mkdir()
    before = sorted(files.rglob("*"))
    assert evaluate.main([text.format(f=files) for text in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert words.format(f=files) in error
    assert len(error.strip().splitlines()) == 1
    assert sorted(files.rglob("*")) == before
    assert [path.name for path in tmp_path.iterdir()] == ["folder.json"]


def test_too_few_pictures_of_a_domain_are_one_message(files, tmp_path, capsys):
    for name in ("blue", "red"):
        (tmp_path / name).mkdir()
        for i in range(2):
            Image.new("RGB", (32, 32)).save(tmp_path / name / f"{i}.png")
    assert evaluate.main([str(files / "model.keras"), "--data", str(tmp_path)]) == 2
    assert "Received: 2 of blue" in capsys.readouterr().err


def test_the_options_that_all_systems_share_are_read_whatever_the_system(tmp_path):
    path = tmp_path / "config.json"
    save_config(path, "stargan-v2", stargan_v2.PRESETS["smoke"](), "0" * 12)
    stored = json.loads(path.read_text())
    found = options_from(stored, PictureOptions, path)
    assert (found.avatars_count, found.resolution, found.flips) == (64, 32, True)
    save_config(path, "stargan", stargan.PRESETS["smoke"](), "0" * 12)
    found = options_from(json.loads(path.read_text()), PictureOptions, path)
    assert (found.data, found.attribute_table) == (("avatars:attributes",), None)
    stored["resize"] = "magnify"
    with pytest.raises(RunError, match="resize='magnify'"):
        options_from(stored, PictureOptions, path)


def test_a_number_that_is_not_finite_is_null_and_says_so_beside_it(files, tmp_path, monkeypatch):
    found = {"generated": {"fid": Interval(np.nan, 1.0, np.inf, 4), "share": 0.5}}
    metrics = systems.SYSTEMS["StyleGAN2Generator"].metrics
    broken = dataclasses.replace(
        metrics["swd"],
        measure=lambda _: found,
        describe=str,
        curves=lambda found: {"swd": np.nan, "share": 0.5},
    )
    monkeypatch.setitem(metrics, "swd", broken)
    out = tmp_path / "found.json"
    options = ["--data", str(files / "data"), "--metrics", "swd", "--count", "4", "--out", str(out)]
    assert evaluate.main([str(files / "faces.keras"), *options]) == 0
    kept = json.loads(out.read_text(), parse_constant=pytest.fail)
    assert kept["curves"] == {"swd": None, "share": 0.5}
    assert kept["metrics"]["swd"] == {
        "generated": {"fid": {"value": None, "low": 1.0, "high": None, "count": 4}, "share": 0.5},
        "not_finite": {"generated.fid.value": "nan", "generated.fid.high": "inf"},
    }
