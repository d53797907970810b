"""Grids, figures with headings, picture and video files, and pictures from models."""

import gc
import weakref

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from tfgan import figures


@pytest.fixture(scope="module")
def model():
    from tfgan.models.stylegan2 import StyleGAN2Generator

    made = StyleGAN2Generator(
        16, latent_dim=8, style_dim=8, mapping_layers=2, channel_base=128, channel_max=16
    )
    made.build()
    for block in made.synthesis.blocks:
        block.conv1.noise.strength.assign(0.5)  # initially 0, which would hide the noise
    made.mapping.average.assign(np.linspace(-1, 1, 8).astype(np.float32))
    return made


@pytest.fixture(scope="module")
def latents():
    return np.random.default_rng(0).standard_normal((5, 8), np.float32)


def colours(count: int, height: int = 6, width: int = 10) -> np.ndarray:
    """Pictures of one colour each."""
    values = np.random.default_rng(1).integers(0, 250, (count, 1, 1, 3), np.uint8)
    return np.tile(values, (1, height, width, 1))


def test_to_uint8_inverts_the_scale_of_the_data_and_clips():
    every = np.arange(256)
    np.testing.assert_array_equal(figures.to_uint8(every / 127.5 - 1), every)
    np.testing.assert_array_equal(figures.to_uint8([-3.0, 0.999, 7.0]), [0, 255, 255])


def test_generate_agrees_with_the_model_whatever_the_count(model, latents):
    images = figures.generate(model, latents, truncation_psi=0.7, truncation_cutoff=2, batch_size=2)
    expected = np.asarray(model(latents, truncation_psi=0.7, truncation_cutoff=2))
    # Another batch size may round differently, by one step of 255.
    assert np.max(np.abs(images.astype(int) - figures.to_uint8(expected))) <= 1
    fewer = figures.generate(
        model, latents[:3], truncation_psi=0.7, truncation_cutoff=2, batch_size=2
    )
    np.testing.assert_array_equal(fewer, images[:3])


def test_random_noise_depends_on_seed_and_index_but_not_on_the_batch_size(model, latents):
    same = np.repeat(latents[:1], 4, axis=0)
    images = figures.generate(model, same, noise="random", seed=3, batch_size=4)
    assert np.any(images[0] != images[1])
    again = figures.generate(model, same[:3], noise="random", seed=3, batch_size=2)
    assert np.max(np.abs(images[:3].astype(int) - again)) <= 1
    other = figures.generate(model, same, noise="random", seed=4, batch_size=4)
    assert np.any(images != other)


def test_a_seed_per_picture_gives_that_picture_anywhere(model, latents):
    same = np.repeat(latents[:1], 3, axis=0)
    first = figures.generate(model, same, noise="random", seed=[7, 8, 9], batch_size=4)
    second = figures.generate(model, same[:1], noise="random", seed=[9], batch_size=4)
    np.testing.assert_array_equal(first[2], second[0])


def test_no_noise_differs_from_the_fixed_maps(model, latents):
    none = figures.generate(model, latents, noise="none")
    assert np.any(none != figures.generate(model, latents, noise="fixed"))


@pytest.mark.parametrize(
    ("resolution", "coarse", "fine"),
    [
        (8, [4], [8]),
        (64, [4, 8], [16, 32, 64]),
        (1024, [4, 8, 16, 32], [64, 128, 256, 512, 1024]),
    ],
)
def test_coarse_noise_is_that_of_the_lower_half_of_the_resolutions(resolution, coarse, fine):
    from tfgan.models.stylegan2 import StyleGAN2Generator

    model = StyleGAN2Generator(resolution, 8, 8, mapping_layers=1, channel_base=1024, channel_max=1)
    assert figures.noise_resolutions(model) == {
        "all": [*coarse, *fine],
        "coarse": coarse,
        "fine": fine,
    }


@pytest.mark.parametrize(("layers", "kept"), [("coarse", [4]), ("fine", [8, 16])])
def test_fixed_maps_of_some_layers_are_zero_elsewhere(model, latents, layers, kept):
    styles = figures.truncated_styles(model, latents)
    sizes = model.synthesis.noise_sizes
    maps = [
        fixed * float(size in kept)
        for size, fixed in zip(sizes, model.synthesis.fixed_noise(), strict=True)
    ]
    images = figures.synthesize(model, styles, noise_layers=layers, batch_size=5)
    expected = figures.to_uint8(model.synthesis(styles, maps)).astype(int)
    # Compiled and eager may round differently, by one step of 255.
    assert np.max(np.abs(images - expected)) <= 1
    for other in ({"noise_layers": "all"}, {"noise": "none"}):
        assert np.max(np.abs(images - figures.synthesize(model, styles, **other).astype(int))) > 9


def test_random_noise_of_some_layers_is_that_of_all_layers_there(model):
    seeds = [(7, 0), (8, 0)]
    whole = figures._noise(model, "random", "all", seeds)
    coarse = figures._noise(model, "random", "coarse", seeds)
    fine = figures._noise(model, "random", "fine", seeds)
    assert len(whole) == len(model.synthesis.noise_sizes)
    for one, low, high in zip(whole, coarse, fine, strict=True):
        kept, left = (low, high) if one.shape[1] == 4 else (high, low)
        np.testing.assert_array_equal(kept, one)
        np.testing.assert_array_equal(left, np.zeros_like(one))
        assert np.std(one) > 0.5


@pytest.mark.parametrize("noise", ["random", "fixed", "none"])
def test_unknown_layers_of_noise_are_named(model, latents, noise):
    with pytest.raises(ValueError, match=r"noise_layers must be one of .* Received: 'middle'"):
        figures.generate(model, latents, noise=noise, noise_layers="middle")


def test_noise_deviation_is_the_standard_deviation_of_pictures_drawn_one_by_one(model, latents):
    styles = figures.truncated_styles(model, latents[:2])
    found = figures.noise_deviation(model, styles, seeds=[3, 8], count=7, batch_size=3)
    assert found.shape == (2, 16, 16)
    for row, seed in enumerate([3, 8]):
        images = [
            np.asarray(
                model.synthesis(
                    styles[row : row + 1],
                    figures.noise_maps(model.synthesis.noise_sizes, [(seed, i)]),
                ),
                np.float64,
            )[0]
            for i in range(7)
        ]
        greys = np.mean(np.clip((np.stack(images) + 1) * 127.5, 0, 255), axis=-1)
        # Pictures are float32 of up to 255, compiled and eager: some 1e-4 apart.
        np.testing.assert_allclose(found[row], np.std(greys, axis=0), atol=1e-3)
    assert np.max(found) > 5


def test_functions_do_not_keep_a_model_alive():
    class Plain:
        pass

    model = Plain()
    figures._functions(model)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_grid_places_pictures_row_by_row_on_white():
    images = colours(5)
    sheet = figures.grid(images, columns=3, gap=2)
    assert sheet.shape == (2 * 6 + 2, 3 * 10 + 4, 3)
    np.testing.assert_array_equal(sheet[8:14, 12:22], images[4])
    assert np.all(sheet[6:8] == 255)
    assert np.all(sheet[8:, 22:] == 255)


def test_figure_shows_every_cell_and_leaves_the_missing_white():
    images = colours(3, 64, 64)
    sheet = figures.figure(
        [[None, images[0]], [images[1], images[2]]],
        figures.headings(["first", "second"]),
        [figures.Heading("both rows", 0, 1)],
        breaks=([1], [1]),
    )
    for image in images:
        assert np.sum(np.all(sheet == image[0, 0], axis=-1)) == 64 * 64
    ink = np.all(sheet < 128, axis=-1) & ~np.any(
        [np.all(sheet == image[0, 0], axis=-1) for image in images], axis=0
    )
    # Words above the cells and beside them.
    assert np.any(ink[:26])
    assert np.any(ink[30:, :26])


def test_enlarge_repeats_pixels():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    large = figures.enlarge(image, 3)
    assert large.shape == (6, 6, 3)
    np.testing.assert_array_equal(large[::3, ::3], image)
    np.testing.assert_array_equal(large[2::3, 2::3], image)


def test_write_png_makes_the_folder_and_leaves_only_the_file(tmp_path):
    image = colours(1)[0]
    path = tmp_path / "new" / "a.png"
    figures.write_png(path, image)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), image)
    assert [file.name for file in path.parent.iterdir()] == ["a.png"]


@pytest.mark.parametrize("ending", [".gif", ".mp4"])
def test_write_video_holds_every_frame(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    figures.write_video(path, iter(colours(6, 31, 33)), fps=25)
    if ending == ".gif":
        with Image.open(path) as video:
            assert (video.n_frames, video.size, video.info["duration"]) == (6, (33, 31), 40)
            assert video.info["loop"] == 0
    else:
        frames = iio.imread(path, plugin="FFMPEG")
        assert frames.shape == (6, 32, 34, 3)


@pytest.mark.parametrize("ending", [".gif", ".mp4"])
def test_a_video_that_fails_leaves_no_file(tmp_path, ending):
    def frames():
        yield colours(1, 32, 32)[0]
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        figures.write_video(tmp_path / f"a{ending}", frames(), fps=25)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "fps"), [("a.avi", 25), ("a", 25), ("a.gif", 60), ("a.mp4", 0)])
def test_check_video_names_what_was_given(name, fps):
    with pytest.raises(ValueError, match="Received"):
        figures.check_video(name, fps)


def test_sheet_enlarges_small_pictures_to_96_pixels_and_leaves_large_ones():
    small, large = colours(4, 32, 32), colours(4, 128, 128)
    assert figures.sheet(small, columns=2).shape == (2 * 96 + 2, 2 * 96 + 2, 3)
    assert figures.sheet(large, columns=2).shape == (2 * 128 + 2, 2 * 128 + 2, 3)


def test_words_that_are_too_long_are_cut():
    text, font = figures._fit("x" * 80, 10, 64)
    assert text.endswith("...")
    assert 40 < font.getlength(text) <= 64


def test_long_headings_go_on_in_the_next_line():
    cells = [[np.zeros((64, 64, 3), np.uint8)] * 2]

    def drawn(text):
        return figures.figure(cells, figures.headings(["", text]))

    broken = drawn("Mouth_Slightly_Open reversed")
    np.testing.assert_array_equal(broken, drawn("Mouth_\nSlightly_\nOpen\nreversed"))
    assert len(broken) > len(drawn("Male")) > 64
    np.testing.assert_array_equal(drawn("Male reversed"), drawn("Male\nreversed"))
