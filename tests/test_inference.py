"""From seeds to pictures: latents, noise, truncation, mixing, and batches."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

from tfgan import inference


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


def test_to_uint8_inverts_the_scale_of_the_data_and_clips():
    every = np.arange(256)
    np.testing.assert_array_equal(inference.to_uint8(every / 127.5 - 1), every)
    np.testing.assert_array_equal(inference.to_uint8(np.array([-3.0, 0.999, 7.0])), [0, 255, 255])
    np.testing.assert_array_equal(inference.to_uint8(inference.to_float(every)), every)


def test_tensors_become_the_same_bytes_and_floats_as_arrays():
    values = np.random.default_rng(0).uniform(-1.2, 1.2, 4000).astype(np.float32)
    expected = inference.to_uint8(values)
    np.testing.assert_array_equal(tf.function(inference.to_uint8)(values), expected)
    floats = tf.function(inference.to_float)(expected)
    assert floats.dtype == tf.float32
    # Graphs may multiply by the reciprocal: one unit in the last place of values up to 2.
    np.testing.assert_allclose(floats, inference.to_float(expected), atol=2.4e-7)


def test_latents_are_drawn_seed_by_seed():
    rows = inference.draw_latents(range(10), 8)
    np.testing.assert_array_equal(inference.draw_latents([5], 8)[0], rows[5])
    expected = np.random.default_rng(5).standard_normal(8, np.float32)
    np.testing.assert_array_equal(rows[5], expected)


def test_generate_agrees_with_the_model_whatever_the_count(model):
    truncation = {"truncation_psi": 0.7, "truncation_cutoff": 2}
    images = inference.generate(model, range(5), **truncation, batch_size=2)
    expected = inference.to_uint8(
        np.asarray(model(inference.draw_latents(range(5), 8), **truncation))
    )
    # Another batch size may round differently, by one step of 255.
    assert np.max(np.abs(images.astype(int) - expected)) <= 1
    fewer = inference.generate(model, range(3), **truncation, batch_size=2)
    np.testing.assert_array_equal(fewer, images[:3])


def test_the_cutoff_of_the_class_holds_where_nothing_else_is_said(model, latents, monkeypatch):
    def styles(**cutoff):
        return inference.truncated_styles(model, latents, truncation_psi=0.5, **cutoff)

    np.testing.assert_array_equal(styles(), styles(truncation_cutoff=None))
    monkeypatch.setattr(type(model), "truncation_cutoff", 2)
    inference._compiled.clear()
    np.testing.assert_array_equal(styles(), styles(truncation_cutoff=2))
    assert np.any(styles() != styles(truncation_cutoff=None))
    inference._compiled.clear()


def test_random_noise_depends_on_seed_and_draw_but_not_on_the_batch_size(model, latents):
    styles = inference.truncated_styles(model, np.repeat(latents[:1], 4, axis=0))

    def images(seed, draws, batch_size=4):
        return inference.synthesize(
            model,
            styles[: len(draws)],
            noise="random",
            seeds=[seed] * len(draws),
            draws=draws,
            batch_size=batch_size,
        )

    first = images(3, range(4))
    assert np.any(first[0] != first[1])
    # Another batch size may round differently, by one step of 255.
    assert np.max(np.abs(first[:3].astype(int) - images(3, range(3), batch_size=2))) <= 1
    np.testing.assert_array_equal(images(3, [2, 0, 1, 3])[0], first[2])
    assert np.any(first != images(4, range(4)))


def test_a_seed_gives_its_picture_at_any_place(model):
    first = inference.generate(model, [7, 8, 9], noise="random", batch_size=4)
    second = inference.generate(model, [9], noise="random", batch_size=4)
    np.testing.assert_array_equal(first[2], second[0])


def test_random_noise_without_seeds_is_refused(model, latents):
    styles = inference.truncated_styles(model, latents)
    with pytest.raises(ValueError, match="needs one of seeds for each picture"):
        inference.synthesize(model, styles, noise="random")


def test_no_noise_differs_from_the_fixed_maps(model):
    none = inference.generate(model, range(5), noise="none")
    assert np.any(none != inference.generate(model, range(5), noise="fixed"))


def test_a_grid_counts_its_seeds_on_and_with_classes_repeats_them_in_each_row():
    assert inference.grid_seeds(5, 2, 3) == ([5, 6, 7, 8, 9, 10], None)
    seeds, classes = inference.grid_seeds(5, 3, 2, classes=2)
    assert seeds == [5, 6, 5, 6, 7, 8]
    assert classes.tolist() == [0, 0, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("resolution", "expected"),
    [
        (8, {"Coarse": [0, 1, 2, 3]}),
        (16, {"Coarse": [0, 1, 2], "Middle": [3, 4, 5]}),
        (64, {"Coarse": [0, 1, 2], "Middle": [3, 4, 5, 6], "Fine": [7, 8, 9]}),
    ],
)
def test_style_levels_follow_the_resolutions(resolution, expected):
    from tfgan.models.stylegan2 import StyleGAN2Generator

    model = StyleGAN2Generator(resolution, 8, 8, mapping_layers=1, channel_base=64, channel_max=4)
    assert inference.style_levels(model) == expected


def test_mixing_takes_some_layers_of_the_others():
    styles, others = np.zeros((3, 4, 2)), np.arange(24.0).reshape(3, 4, 2)
    mixed = inference.mix_styles(styles, others, [1, 3])
    np.testing.assert_array_equal(mixed[:, [1, 3]], others[:, [1, 3]])
    assert not np.any(mixed[:, [0, 2]])
    np.testing.assert_array_equal(inference.mix_styles(styles[0], others, [1, 3]), mixed)
    assert not np.any(styles)


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
    assert inference.noise_resolutions(model) == {
        "all": [*coarse, *fine],
        "coarse": coarse,
        "fine": fine,
    }


@pytest.mark.parametrize(("layers", "kept"), [("coarse", [4]), ("fine", [8, 16])])
def test_fixed_maps_of_some_layers_are_zero_elsewhere(model, latents, layers, kept):
    styles = inference.truncated_styles(model, latents)
    sizes = model.synthesis.noise_sizes
    maps = [
        fixed * float(size in kept)
        for size, fixed in zip(sizes, model.synthesis.fixed_noise(), strict=True)
    ]
    images = inference.synthesize(model, styles, noise_layers=layers, batch_size=5)
    expected = inference.to_uint8(np.asarray(model.synthesis(styles, maps))).astype(int)
    # Compiled and eager may round differently, by one step of 255.
    assert np.max(np.abs(images - expected)) <= 1
    for other in ({"noise_layers": "all"}, {"noise": "none"}):
        assert np.max(np.abs(images - inference.synthesize(model, styles, **other).astype(int))) > 9


def test_random_noise_of_some_layers_is_that_of_all_layers_there(model):
    seeds = [(7, 0), (8, 0)]
    whole = inference._noise(model, "random", "all", seeds)
    coarse = inference._noise(model, "random", "coarse", seeds)
    fine = inference._noise(model, "random", "fine", seeds)
    assert len(whole) == len(model.synthesis.noise_sizes)
    for one, low, high in zip(whole, coarse, fine, strict=True):
        kept, left = (low, high) if one.shape[1] == 4 else (high, low)
        np.testing.assert_array_equal(kept, one)
        np.testing.assert_array_equal(left, np.zeros_like(one))
        assert np.std(one) > 0.5


@pytest.mark.parametrize("noise", ["random", "fixed", "none"])
def test_unknown_layers_of_noise_are_named(model, noise):
    with pytest.raises(ValueError, match=r"noise_layers must be one of .* Received: 'middle'"):
        inference.generate(model, range(2), noise=noise, noise_layers="middle")


def test_noise_deviation_is_the_standard_deviation_of_pictures_drawn_one_by_one(model, latents):
    styles = inference.truncated_styles(model, latents[:2])
    found = inference.noise_deviation(model, styles, seeds=[3, 8], count=7, batch_size=3)
    assert found.shape == (2, 16, 16)
    for row, seed in enumerate([3, 8]):
        images = [
            np.asarray(
                model.synthesis(
                    styles[row : row + 1],
                    inference.noise_maps(model.synthesis.noise_sizes, [(seed, i)]),
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
    inference._functions(model)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
