"""Generators that draw the same pictures whatever the batches are."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training.runs import mirrored
from tfgan import inference
from tfgan.devices import Replicas
from tfgan.evaluate.generators import Generator
from tfgan.models.stylegan2 import StyleGAN2Generator

COUNT = 6


@pytest.fixture(scope="module", params=[1, 2])
def made(request):
    """A generator with noise and classes, on one or two devices, and its pictures."""
    strategy = mirrored(request.param)
    tf.keras.utils.set_random_seed(0)
    with strategy.scope():
        model = StyleGAN2Generator(16, 8, 8, class_names=("a", "b"), channel_base=64, channel_max=8)
        model.build()
    for variable in model.variables:
        if "strength" in variable.path:
            variable.assign(np.full(variable.shape, 0.5, np.float32))
    generator = Generator(model, np.array([0, 1, 1]), 0.7, 3)
    return strategy, generator, draw(strategy, generator, 4)


def draw(strategy, generator, batch_size, start=0, stop=COUNT):
    run = Replicas(strategy, batch_size).over_rows(generator.pictures)
    parts = [
        run(*generator.inputs(i, min(i + run.batch_size, stop)))
        for i in range(start, stop, run.batch_size)
    ]
    return np.concatenate(parts)


def test_a_picture_depends_on_its_number_alone(made):
    strategy, generator, pictures = made
    assert len({picture.tobytes() for picture in pictures}) == COUNT
    # Another batch sums in another order, and a sum that is near a half may round the other way.
    for batch_size in (2, 6):
        again = draw(strategy, generator, batch_size).astype(int)
        assert np.abs(again - pictures).max() <= 1
    later = draw(strategy, generator, 4, 2, 5).astype(int)
    assert np.abs(later - pictures[2:5]).max() <= 1


def test_it_is_that_of_the_inference_model(made):
    _, generator, pictures = made
    model = generator.model
    latents, classes, *noise = generator.inputs(0, COUNT)
    styles = model.truncate(model.mapping(latents, classes), 0.7, None)
    expected = np.asarray(inference.to_uint8(model.synthesis(styles, noise))).astype(int)
    assert np.abs(expected - pictures).max() <= 1
    assert {n.shape for n in noise} == {(COUNT, size, size, 1) for size in (4, 8, 16)}
    without = np.asarray(inference.to_uint8(model.synthesis(styles, [0 * one for one in noise])))
    assert np.abs(without.astype(int) - pictures).max() > 10


def test_it_draws_what_all_other_commands_draw_of_the_seed(made):
    _, generator, pictures = made
    seeds = generator.seeds(0, COUNT)
    assert list(seeds) == [3_000_000 + i for i in range(COUNT)]
    assert Generator(None, None, 1.0, 0).seeds(0, 2) == range(2)
    classes = generator.classes(0, COUNT)
    expected = inference.generate(
        generator.model, seeds, classes, truncation_psi=0.7, noise="random"
    )
    # Another batch sums in another order, and a sum that is near a half may round the other way.
    assert np.abs(expected.astype(int) - pictures).max() <= 1


def test_other_seeds_give_other_latents_classes_and_noise():
    model = StyleGAN2Generator(8, 4, 4, class_names=("a", "b"), channel_base=32, channel_max=4)
    model.build()
    labels = np.repeat([0, 1], [3, 1])
    first, second = (Generator(model, labels, 1.0, seed) for seed in (0, 1))
    for one, other in zip(first.inputs(0, 50), second.inputs(0, 50), strict=True):
        assert not np.array_equal(one, other)
    # Three deviations of a binomial share of 1000.
    np.testing.assert_allclose(first.classes(0, 1000).mean(), 0.25, atol=0.041)
    np.testing.assert_allclose(first.latents(0, 1000).std(), 1.0, atol=0.034)
    assert set(Generator(model, None, 1.0, 0).classes(0, 9)) == {0}


def test_fixed_noise_is_that_of_the_model_for_every_picture(made):
    _, generator, _ = made
    fixed = Generator(generator.model, generator.labels, 0.7, 3, "fixed")
    latents, classes = fixed.inputs(0, 2)
    styles = fixed.styles(latents, classes)
    maps = generator.model.synthesis.fixed_noise(1.0)
    expected = generator.images(styles, maps)
    np.testing.assert_array_equal(fixed.pictures(latents, classes), inference.to_uint8(expected))
    assert fixed.facts(2)["noise"] == "fixed"
