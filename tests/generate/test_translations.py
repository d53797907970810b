"""The command line that draws with translators between domains."""

import itertools
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.generate.pictures import decoded, read
from tfgan import inference
from tfgan.generate import translations
from tfgan.generate.__main__ import main
from tfgan.generate.inputs import RESIZES, read_inputs

NAMES = ("cat", "dog", "wild")


@pytest.fixture(scope="module")
def model():
    from tfgan.models.stargan_v2 import StarGANv2

    made = StarGANv2(
        32, NAMES, latent_dim=4, style_dim=8, mapping_width=8, channel_base=128, channel_max=8
    )
    made.build()
    random = np.random.default_rng(0)
    for variable in made.variables:
        variable.assign(variable + 0.2 * random.standard_normal(variable.shape))
    return made


@pytest.fixture(scope="module")
def files(model, tmp_path_factory):
    """The model, and pictures of odd sizes in a folder for each domain."""
    folder = tmp_path_factory.mktemp("translations")
    model.save(folder / "zoo.keras")
    random = np.random.default_rng(1)
    for domain in NAMES:
        (folder / "pictures" / domain).mkdir(parents=True)
        for i in range(2):
            coarse = random.integers(0, 256, (5, 7, 3), np.uint8)
            picture = Image.fromarray(coarse).resize((70, 50), Image.Resampling.BICUBIC)
            picture.save(folder / "pictures" / domain / f"{i}.png")
    (folder / "broken.png").write_bytes(b"not a picture")
    (folder / "empty").mkdir()
    return folder


def run(files, *arguments: str) -> int:
    return main([str(files / "zoo.keras"), *(a.format(files=files) for a in arguments)])


def expected(model, image: np.ndarray, style) -> np.ndarray:
    """What the model makes of one picture without any batching."""
    images = model.translate(inference.to_float(image)[None], style)
    return inference.to_uint8(np.asarray(images))[0]


def assert_equal_pictures(actual, wanted):
    # Graph and eager mode may round a pixel to either side.
    assert np.max(np.abs(actual.astype(int) - wanted)) <= 1


def test_the_figure_has_sources_across_and_references_down(files, model):
    pictures = files / "pictures"
    arguments = ["--source", "{files}/pictures/cat", "{files}/pictures/dog/1.png"]
    arguments += ["--reference", "{files}/pictures", "--max-references", "3", "--scale", "1"]
    assert run(files, "translate", *arguments) == 0
    sheet = read("zoo-translate.png")
    # A margin of 5 and a heading of 16 come first; pictures are 34 apart, and 5 more between the
    # sources, the references, and the domains.
    left, top = 5 + 16, 5
    assert sheet.shape == (top + 4 * 34 - 2 + 3 * 5 + 5, left + 4 * 34 - 2 + 5 + 5, 3)
    sources = [pictures / "cat" / "0.png", pictures / "cat" / "1.png", pictures / "dog" / "1.png"]
    for column, source in enumerate(sources):
        x = left + 39 + 34 * column
        np.testing.assert_array_equal(sheet[top : top + 32, x : x + 32], decoded(source))
        for domain, name in enumerate(NAMES):
            y = top + 39 * (domain + 1)
            reference = decoded(pictures / name / "0.png")
            np.testing.assert_array_equal(sheet[y : y + 32, left : left + 32], reference)
            style = model.style_from_reference(
                inference.to_float(reference)[None], np.array([domain])
            )
            wanted = expected(model, decoded(source), style)
            assert_equal_pictures(sheet[y : y + 32, x : x + 32], wanted)


def test_a_seed_gives_the_same_picture_in_figure_and_file(files, model):
    source = ["--source", "{files}/pictures/cat/0.png", "--domain", "dog"]
    assert run(files, "translate", *source, "--latent", "2", "--scale", "1") == 0
    assert run(files, "pictures", *source, "--seed", "1", "-o", "single") == 0
    assert os.listdir("single") == ["0-dog-seed0001.png"]
    made = read("single/0-dog-seed0001.png")
    np.testing.assert_array_equal(read("zoo-translate.png")[-37:-5, -37:-5], made)
    style = model.style_from_latent(inference.draw_latents([1], 4), np.array([1]))
    assert_equal_pictures(made, expected(model, decoded(files / "pictures/cat/0.png"), style))


def test_every_source_gets_every_style_and_no_file_is_lost(files):
    arguments = ["--source", "{files}/pictures", "--latent", "2", "--domain", "dog", "wild"]
    assert run(files, "pictures", *arguments, "-o", "all") == 0
    names = os.listdir("all")
    assert sorted(names) == list(NAMES)
    for name in NAMES:
        assert len(os.listdir(f"all/{name}")) == 2 * 2 * 2
        assert os.path.exists(f"all/{name}/1-wild-seed0001.png")


def test_sources_of_one_name_are_numbered(files):
    sources = ["--source", "{files}/pictures/cat/0.png", "{files}/pictures/dog/0.png"]
    assert run(files, "pictures", *sources, "--domain", "wild", "-o", "all") == 0
    assert sorted(os.listdir("all")) == ["0-wild-seed0000-2.png", "0-wild-seed0000.png"]


def test_a_domain_chooses_among_references_in_folders(files):
    arguments = ["--source", "{files}/pictures/cat", "--reference", "{files}/pictures"]
    assert run(files, "pictures", *arguments, "--domain", "dog", "wild", "-o", "two") == 0
    names = {name.removesuffix(".png") for name in os.listdir("two")}
    assert names == {f"{s}-{d}-{r}" for s in "01" for d in ("dog", "wild") for r in "01"}


def test_sub_folders_take_turns_up_to_the_limit(files):
    found = read_inputs([files / "pictures"], "--source", 32, (), limit=4)
    places = [f"{item.path.parent.name}/{item.path.stem}" for item in found]
    assert places == ["cat/0", "dog/0", "wild/0", "cat/1"]


@pytest.mark.parametrize("given", ["pictures", "pictures/dog", "pictures/dog/0.png"])
def test_the_nearest_folder_that_is_named_as_a_domain_counts(files, given):
    found = list(read_inputs([files / given], "--source", 32, NAMES))
    assert {item.folder for item in found} == {item.path.parent.name for item in found}


def test_exif_rotation_is_honoured(files, tmp_path):
    upright = Image.open(files / "pictures/cat/0.png").convert("RGB").resize((40, 60))
    upright.save("upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter: viewers turn it back
    upright.transpose(Image.Transpose.ROTATE_90).save("turned.png", exif=exif)
    for name in ("upright", "turned"):
        assert run(files, "pictures", "--source", f"{name}.png", "--domain", "dog", "-o", name) == 0
    upright_file, turned_file = "upright/upright-dog-seed0000.png", "turned/turned-dog-seed0000.png"
    np.testing.assert_array_equal(read(upright_file), read(turned_file))


def test_resizing_is_as_asked(files):
    source = ["--source", "{files}/pictures/cat/0.png", "--domain", "cat"]
    made = []
    for resize in RESIZES:
        assert run(files, "pictures", *source, "--resize", resize, "-o", resize) == 0
        made.append(read(f"{resize}/0-cat-seed0000.png"))
    assert all(np.any(a != b) for a, b in itertools.pairwise(made))


@pytest.mark.parametrize("styles", [["--reference", "{files}/pictures"], ["--domain", "wild"]])
def test_interpolation_passes_through_the_styles(files, styles):
    arguments = ["--source", "{files}/pictures/cat", *styles, "--seconds", "0.48", "--scale", "1"]
    assert run(files, "interpolate", *arguments, "-o", "walk.gif", "--path", "linear") == 0
    assert run(files, "translate", *arguments[:-4], "--scale", "1") == 0
    figure = read("zoo-translate.png")
    # Two references of each domain, or three styles of one; 5 pixels come before each domain.
    each, styles = (2, 6) if "--reference" in arguments else (3, 3)
    with Image.open("walk.gif") as video:
        assert video.n_frames == 12
        for i in range(styles):
            video.seek(i * 12 // styles)
            frame = np.asarray(video.convert("RGB")).astype(int)[-37:-5, -71:-5]
            tops = [5 + 34 * (row + 1) + 5 * (row // each + 1) for row in range(styles)]
            far = [np.mean(np.abs(frame - figure[y : y + 32, -71:-5])) for y in tops]
            # Not equal: GIF has 256 colours.
            assert np.argmin(far) == i


def test_a_broken_picture_of_a_folder_is_named_and_passed_over(files, capsys, tmp_path):
    shutil.copytree(files / "pictures" / "cat", "cat")
    shutil.copy(files / "broken.png", "cat/00.png")
    assert run(files, "pictures", "--source", "cat", "--domain", "dog", "-o", "out") == 0
    assert len(os.listdir("out")) == 2
    assert "Skipped cat/00.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "none"], "--source: there is no file or folder none"),
        (["--source", "{files}/empty"], "--source"),
        (["--source", "{files}/broken.png"], "broken.png cannot be read"),
        (["--source", "{files}/pictures", "--domain", "cow"], "--domain must be of cat, dog, wild"),
        (["--source", "{files}/pictures", "--reference", "none"], "--reference: there is no"),
        (["--source", "{files}/pictures", "--reference", "alone.png"], "which domain"),
        (
            ["--source", "{files}/pictures", "--reference", "alone.png", "--domain", "cat", "dog"],
            "which domain",
        ),
        (
            ["--source", "alone.png", "--reference", "{files}/pictures/cat", "--domain", "dog"],
            "holds no picture of dog",
        ),
        (["--source", "/dev/null"], "there is no file or folder /dev/null"),
        (["--source", "{files}/pictures", "--latent", "10000"], "at most 67, and"),
        (["--source", "{files}/pictures", "-o", "a.jpg"], "must end in .png"),
    ],
)
def test_a_mistake_gives_one_message_and_writes_nothing(files, capsys, arguments, words):
    shutil.copy(files / "pictures/cat/0.png", "alone.png")
    assert run(files, "translate", *arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert os.listdir() == ["alone.png"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["translate"], "--source"),
        (["translate", "--source", ""], "must name a file or folder"),
        (["translate", "--source", "x", "--latent", "2", "--reference", "y"], "not allowed with"),
    ],
)
def test_a_verb_or_option_that_is_not_there_is_named(files, capsys, arguments, words):
    with pytest.raises(SystemExit) as stopped:
        run(files, *arguments)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


def test_a_video_moves_between_two_styles_or_more(files, capsys):
    arguments = ["--source", "{files}/pictures", "--latent", "1", "--domain", "cat"]
    assert run(files, "interpolate", *arguments) == 2
    assert "two styles or more. Received: one" in capsys.readouterr().err
    assert os.listdir() == []


def test_a_verb_of_another_kind_of_model_is_named(files, capsys):
    assert run(files, "truncation") == 2
    assert "holds a StarGANv2, which has no verb truncation" in capsys.readouterr().err


@pytest.mark.parametrize("verb", translations.VERBS)
def test_help_of_each_verb_has_an_example(capsys, verb):
    assert main([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f" latest {verb} --source" in shown[shown.index("example:") :]
