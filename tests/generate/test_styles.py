"""The command line that draws with generators of styles, and its paths."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import tfgan
from tests.generate.pictures import read
from tfgan.generate import paths, styles
from tfgan.generate.__main__ import main


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A plain generator, a conditional one and a discriminator, saved."""
    from tfgan.models.stylegan2 import StyleGAN2Generator
    from tfgan.models.stylegan2_discriminator import StyleGAN2Discriminator

    folder = tmp_path_factory.mktemp("models")
    small = {
        "latent_dim": 8,
        "style_dim": 8,
        "mapping_layers": 2,
        "channel_base": 128,
        "channel_max": 16,
    }
    models = {
        "plain": StyleGAN2Generator(16, **small),
        "classes": StyleGAN2Generator(16, class_names=("a", "b"), **small),
        "scores": StyleGAN2Discriminator(16, channel_base=128, channel_max=16),
    }
    random = np.random.default_rng(0)
    for name, model in models.items():
        model.build()
        for variable in model.variables:
            variable.assign(variable + 0.1 * random.standard_normal(variable.shape))
        model.save(folder / f"{name}.keras")
    np.savez(folder / "plain.npz", *[np.asarray(v) for v in models["plain"].variables])
    run = folder / "runs" / "first"
    run.mkdir(parents=True)
    models["plain"].save(run / "model.keras")
    (folder / "broken.keras").write_bytes((folder / "plain.keras").read_bytes()[:2000])
    return folder


def test_a_saved_model_reads_back_equal_in_a_fresh_process(files):
    code = (
        "import sys, numpy as np\n"
        "from tfgan.loading import load_model\n"
        "model, saved = load_model(sys.argv[1]), np.load(sys.argv[2])\n"
        "assert len(model.variables) == len(saved.files)\n"
        "for variable, name in zip(model.variables, saved.files):\n"
        "    np.testing.assert_array_equal(np.asarray(variable), saved[name])\n"
        "assert np.any(np.asarray(model.mapping.average) != 0)\n"
    )
    root = os.path.dirname(tfgan.__path__[0])
    arguments = [sys.executable, "-c", code, str(files / "plain.keras"), str(files / "plain.npz")]
    done = subprocess.run(arguments, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_pictures_of_a_seed_are_those_of_the_grid(files):
    model = str(files / "plain.keras")
    assert main([model, "grid", "--rows", "2", "--columns", "3", "--scale", "1"]) == 0
    assert main([model, "pictures", "--seeds", "4,0", "--out", "single"]) == 0
    grid = read("plain-grid.png")
    assert grid.shape == (2 * 16 + 2, 3 * 16 + 4, 3)
    np.testing.assert_array_equal(grid[18:34, 18:34], read("single/seed0004.png"))
    np.testing.assert_array_equal(grid[:16, :16], read("single/seed0000.png"))


def test_random_noise_goes_by_seed(files):
    model = str(files / "plain.keras")
    assert main([model, "pictures", "--seeds", "0-5", "--noise", "random", "-o", "many"]) == 0
    assert main([model, "pictures", "--seeds", "5", "--noise", "random", "-o", "one"]) == 0
    np.testing.assert_array_equal(read("many/seed0005.png"), read("one/seed0005.png"))


def test_a_grid_of_a_conditional_model_has_one_class_a_row(files, capsys):
    model = str(files / "classes.keras")
    assert main([model, "grid", "--columns", "2", "-o", "by_class.png"]) == 0
    arguments = ["--columns", "2", "--rows", "1", "--class", "b", "--scale", "1"]
    assert main([model, "grid", *arguments]) == 0
    by_class = read("by_class.png")
    wanted = np.repeat(np.repeat(read("classes-grid.png")[:, :16], 4, axis=0), 4, axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(by_class, (64, 64), (0, 1))
    places = np.argwhere(np.all(windows[:, :, 0] == wanted[:, :, 0], axis=(2, 3)))
    assert len(places) == 1
    assert places[0][0] > 64  # the second row


def test_truncation_at_zero_shows_one_picture_for_all_seeds(files):
    arguments = [
        str(files / "plain.keras"),
        "truncation",
        "--seeds",
        "1,2",
        "--psi",
        "1",
        "0",
        "-1",
    ]
    assert main([*arguments, "--scale", "1"]) == 0
    sheet = read("plain-truncation.png")
    # Margins and headings come first; pictures are 16 wide with gaps of 2.
    x, y = sheet.shape[1] - 5 - 34, sheet.shape[0] - 5 - 34
    average = [sheet[y + row : y + row + 16, x : x + 16] for row in (0, 18)]
    np.testing.assert_array_equal(average[0], average[1])
    assert len(np.unique(average[0])) > 1
    assert np.any(sheet[y : y + 16, x - 18 : x - 2] != sheet[y + 18 : y + 34, x - 18 : x - 2])


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """A generator with noise at one layer of 16 pixels alone, and one without noise."""
    from tfgan.models.stylegan2 import StyleGAN2Generator

    folder = tmp_path_factory.mktemp("noisy")
    model = StyleGAN2Generator(
        16, latent_dim=8, style_dim=8, mapping_layers=2, channel_base=128, channel_max=16
    )
    model.build()
    model.save(folder / "silent.keras")
    model.synthesis.blocks[-1].conv1.noise.strength.assign(0.5)
    model.save(folder / "noisy.keras")
    return folder


def noise_cells(sheet: np.ndarray, rows: int, draws: int) -> np.ndarray:
    """Pictures [rows, columns, 32, 32, 3] of a noise figure at --scale 2."""
    # Margins are 5 wide, gaps 2, and that before the second block 5 more.
    columns = draws + 6
    right, bottom = sheet.shape[1] - 5, sheet.shape[0] - 5
    xs = [right - 34 * (columns - i) + 2 - 5 * (i < draws + 2) for i in range(columns)]
    ys = [bottom - 34 * (rows - i) + 2 for i in range(rows)]
    return np.array([[sheet[y : y + 32, x : x + 32] for x in xs] for y in ys])


def test_the_noise_figure_shows_noise_where_the_model_has_it(noisy):
    arguments = ["noise", "--seeds", "4,7", "--draws", "2", "--count", "5", "--scale", "2"]
    assert main([str(noisy / "noisy.keras"), *arguments]) == 0
    cells = noise_cells(read("noisy-noise.png"), rows=2, draws=2)
    for row, seed in zip(cells, (4, 7), strict=True):
        picture, first, second, deviation, whole, none, fine, coarse = row
        for noise, expected in (("fixed", picture), ("random", first), ("none", none)):
            out = ["--noise", noise, "--scale", "2", "-o", noise]
            assert main([str(noisy / "noisy.keras"), "pictures", "--seeds", str(seed), *out]) == 0
            np.testing.assert_array_equal(expected, read(f"{noise}/seed{seed:04d}.png"))
        assert np.any(first != second)
        np.testing.assert_array_equal(whole, picture)
        # This model's noise is fine.
        np.testing.assert_array_equal(fine, picture)
        np.testing.assert_array_equal(coarse, none)
        assert np.any(picture != none)
        assert np.mean(deviation) > 30
        np.testing.assert_array_equal(deviation[..., 0], deviation[..., 2])
    # One scale for all rows, by which few pixels of all are white.
    assert 0 < np.mean(cells[:, 3] == 255) < 0.05


def test_a_model_without_noise_has_a_black_map_of_deviations(noisy):
    assert main([str(noisy / "silent.keras"), "noise", "--count", "5", "--scale", "2"]) == 0
    cells = noise_cells(read("silent-noise.png"), rows=3, draws=3)
    assert cells.shape[:2] == (3, 9)
    np.testing.assert_array_equal(cells[:, 4], np.zeros_like(cells[:, 4]))
    for column in (1, 2, 3, 5, 6, 7, 8):
        np.testing.assert_array_equal(cells[:, column], cells[:, 0])
    assert len(np.unique(cells[:, 0])) > 9


@pytest.mark.parametrize("noise", ["random", "fixed"])
def test_noise_layers_choose_where_noise_is_added(noisy, noise):
    for layers in ("all", "coarse", "fine"):
        arguments = ["--seeds", "4", "--noise", noise, "--noise-layers", layers, "-o", layers]
        assert main([str(noisy / "noisy.keras"), "pictures", *arguments]) == 0
    arguments = ["--seeds", "4", "--noise", "none", "-o", "none"]
    assert main([str(noisy / "noisy.keras"), "pictures", *arguments]) == 0
    whole, coarse, fine, none = (
        read(f"{layers}/seed0004.png") for layers in ("all", "coarse", "fine", "none")
    )
    np.testing.assert_array_equal(fine, whole)
    np.testing.assert_array_equal(coarse, none)
    assert np.any(whole != none)


def test_without_cutoff_the_layers_that_the_model_names_are_truncated(files, monkeypatch):
    from tfgan.models.stylegan2 import StyleGAN2Generator

    arguments = [str(files / "plain.keras"), "grid", "--rows", "1", "--columns", "3", "--psi", "0"]
    assert main([*arguments, "-o", "all.png"]) == 0
    assert main([*arguments, "--cutoff", "2", "-o", "two.png"]) == 0
    monkeypatch.setattr(StyleGAN2Generator, "truncation_cutoff", 2)
    assert main([*arguments, "-o", "default.png"]) == 0
    assert main([*arguments, "--cutoff", "6", "-o", "six.png"]) == 0
    np.testing.assert_array_equal(read("default.png"), read("two.png"))
    np.testing.assert_array_equal(read("six.png"), read("all.png"))
    assert np.any(read("all.png") != read("two.png"))


def test_mixing_has_the_levels_of_the_resolution(files):
    assert main([str(files / "plain.keras"), "mixing", "--a", "0-3", "--b", "4-6"]) == 0
    assert read("plain-mixing.png").shape[0] > 5 * 64


@pytest.mark.parametrize("ending", ["gif", "mp4"])
def test_interpolation_writes_a_video_of_the_asked_length(files, ending):
    arguments = ["interpolate", "--seconds", "0.4", "--columns", "2", "-o", f"walk.{ending}"]
    assert main([str(files / "plain.keras"), *arguments]) == 0
    assert [path.name for path in os.scandir()] == [f"walk.{ending}"]
    if ending == "gif":
        with Image.open("walk.gif") as video:
            assert (video.n_frames, video.size) == (10, (34, 16))


@pytest.mark.parametrize("path", [paths.spline, paths.slerp, paths.linear])
def test_paths_pass_their_points_and_close_smoothly(path):
    points = np.random.default_rng(0).standard_normal((4, 6))
    walk = path(points, 400)
    np.testing.assert_allclose(walk[::100], points, atol=1e-6)
    steps = np.linalg.norm(np.diff(np.concatenate([walk, walk[:1]]), axis=0), axis=1)
    assert steps.max() < 0.1
    np.testing.assert_allclose(path(points[:1], 5), np.repeat(points[:1], 5, axis=0), atol=1e-6)


def test_the_spline_has_no_corner_at_its_points():
    points = np.random.default_rng(0).standard_normal((4, 6))
    walk = paths.spline(points, 4000)
    pace = 1000 * np.diff(np.concatenate([walk, walk[:2]]), axis=0)
    # Accelerations of some 10 a point, over steps of a thousandth, and float32 rounding.
    assert np.max(np.abs(np.diff(pace, axis=0))) < 0.05


def test_latest_is_the_newest_run(files, monkeypatch):
    monkeypatch.chdir(files)
    assert main(["latest", "grid", "--rows", "1", "--columns", "1"]) == 0
    assert (files / "first-grid.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.keras", "grid"], "there is no file"),
        (["latest", "grid"], "no run with a model.keras"),
        (["{files}", "grid"], "without model.keras"),
        (["{files}/plain.npz", "grid"], "must be a .keras file"),
        (["{files}/broken.keras", "grid"], "not a .keras file"),
        (["{files}/scores.keras", "grid"], "StyleGAN2Discriminator"),
        (["{files}/plain.keras", "grid", "--class", "a"], "has no classes"),
        (["{files}/classes.keras", "grid", "--class", "c"], "must be one of a, b"),
        (["{files}/plain.keras", "grid", "--cutoff", "99"], "at most 6"),
        (["{files}/plain.keras", "grid", "-o", "a.jpg"], "must end in .png"),
        (["{files}/plain.keras", "interpolate", "-o", "a.avi"], ".gif"),
        (["{files}/plain.keras", "interpolate", "-o", "a.gif", "--fps", "90"], "fps"),
        (["{files}/plain.keras", "mixing", "--a", "1"], "at least 2 seeds"),
        (["{files}/plain.keras", "noise", "--cutoff", "7"], "at most 6"),
        (["{files}/plain.keras", "noise", "--class", "a"], "has no classes"),
        (
            ["{files}/plain.keras", "grid", "--noise", "none", "--noise-layers", "fine"],
            "--noise none adds none",
        ),
        (["{files}/plain.keras", "grid", "-o", "/proc/none/a.png"], "cannot be written"),
        (["{files}/plain.keras", "grid", "-o", "{files}"], "must end in .png"),
    ],
)
def test_a_mistake_gives_one_message_and_writes_nothing(files, capsys, arguments, words):
    assert main([argument.format(files=files) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
    assert len(error.strip().splitlines()) == 1
    assert list(os.scandir()) == []


@pytest.mark.parametrize("seeds", ["", "x", "3-1", "1,,2", "-4", "0-99999999"])
def test_a_bad_list_of_seeds_is_named(files, capsys, seeds):
    with pytest.raises(SystemExit) as stopped:
        main([str(files / "plain.keras"), "pictures", f"--seeds={seeds}"])
    assert stopped.value.code == 2
    assert "seeds must be like" in capsys.readouterr().err


@pytest.mark.parametrize("verb", styles.VERBS)
def test_help_of_each_verb_has_an_example(capsys, verb):
    assert main([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f" {verb} " in shown[shown.index("example:") :] + " "


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["noise", "--noise-layers", "fine"], "unrecognized arguments"),
        (["noise", "--noise", "none"], "unrecognized arguments"),
        (["noise", "--count", "1"], "from 2 to 1000000. Received: '1'"),
        (["noise", "--draws", "0"], "from 1 to 1000. Received: '0'"),
        (["grid", "--noise-layers", "middle"], "invalid choice: 'middle'"),
    ],
)
def test_options_of_noise_that_cannot_work_are_refused(files, capsys, arguments, words):
    with pytest.raises(SystemExit) as stopped:
        main([str(files / "plain.keras"), *arguments])
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


def test_help_is_printed_once_for_models_that_share_their_verbs(capsys):
    assert main(["noise", "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("usage:") == 1
    assert "With a StyleGAN2Generator or StyleGANGenerator: the noise figures" in shown
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.count("usage:") == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["grid", "--rows", "1000", "--columns", "1000"], "million pixels; at most 67, and"),
        (["noise", "--draws", "1000"], "million pixels"),
        (["interpolate", "--seconds", "1e9", "-o", "a.gif"], "at most 100,000 frames"),
    ],
)
def test_pictures_and_videos_that_nobody_could_open_are_refused(files, capsys, arguments, words):
    assert main([str(files / "plain.keras"), *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A StyleGAN of ten style layers, saved."""
    from tfgan.models.stylegan import StyleGANGenerator

    model = StyleGANGenerator(
        64, latent_dim=8, style_dim=8, mapping_layers=2, channel_base=256, channel_max=8
    )
    model.build()
    random = np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(variable + 0.3 * random.standard_normal(variable.shape))
    path = tmp_path_factory.mktemp("grown") / "grown.keras"
    model.save(path)
    return str(path)


def test_a_stylegan_truncates_its_first_eight_layers_unless_told_otherwise(grown):
    for name, options in (("default", []), ("eight", ["8"]), ("all", ["10"])):
        cutoff = ["--cutoff", *options] if options else []
        arguments = ["pictures", "--seeds", "0", "--psi", "0.3", *cutoff, "-o", name]
        assert main([grown, *arguments]) == 0
    default, eight, everywhere = (
        read(f"{name}/seed0000.png") for name in ("default", "eight", "all")
    )
    np.testing.assert_array_equal(default, eight)
    assert np.any(default != everywhere)


def test_a_stylegan_has_all_figures_of_styles(grown, capsys):
    for verb, options in (
        ("grid", ["--rows", "1", "--columns", "2"]),
        ("truncation", ["--seeds", "0", "--psi", "1", "0"]),
        ("mixing", ["--a", "0-2", "--b", "3"]),
        ("noise", ["--seeds", "0", "--draws", "1", "--count", "2"]),
        ("interpolate", ["--seeds", "0,1", "--seconds", "0.2", "-o", "walk.gif"]),
    ):
        assert main([grown, verb, *options]) == 0, capsys.readouterr().err
    for name in ("grown-grid.png", "grown-truncation.png", "grown-mixing.png", "grown-noise.png"):
        assert len(np.unique(read(name))) > 50, name
    with Image.open("walk.gif") as walk:
        assert walk.n_frames > 1
