"""A seed is the same picture, whichever command draws it."""

from types import SimpleNamespace

import numpy as np
import pytest

from export.compare import expect
from tests.export.small import describe, stylegan, stylegan2
from tests.generate.pictures import read
from tfgan import inference
from tfgan.evaluate.generators import Generator
from tfgan.generate.__main__ import main
from training.sample_grid import sample_grid

SEED = 3
COUNT = 3
PSI = inference.TRUNCATION_PSI


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("same_seed")


@pytest.fixture(scope="module")
def model(folder):
    model = stylegan2()
    model.save(folder / "model.keras")
    return model


@pytest.fixture(scope="module")
def pictures(model, folder):
    """What `tfgan.generate` writes for the seeds, uint8 [N, R, R, 3]."""
    seeds = f"{SEED}-{SEED + COUNT - 1}"
    arguments = [str(folder / "model.keras"), "pictures", "--seeds", seeds]
    assert main([*arguments, "-o", str(folder / "pictures")]) == 0
    return np.stack([read(path) for path in sorted((folder / "pictures").iterdir())])


def test_the_sample_grid_of_a_run_shows_the_pictures_of_its_seed(model, pictures):
    config = SimpleNamespace(seed=SEED, sample_rows=1, sample_columns=COUNT, sample_psi=PSI)
    grid = sample_grid(model, config, classes=0)
    # Pictures of 16 pixels are enlarged to 96, and 2 apart.
    cells = np.stack([grid[::6, 98 * i : 98 * i + 96 : 6] for i in range(COUNT)])
    np.testing.assert_array_equal(cells, pictures)


def test_the_sample_grid_of_a_run_with_classes_is_that_of_generate(folder):
    model = stylegan(("a", "b"))
    model.save(folder / "classes.keras")
    config = SimpleNamespace(seed=SEED, sample_rows=3, sample_columns=2, sample_psi=PSI)
    grid = sample_grid(model, config, classes=2)
    arguments = ["grid", "--seed", str(SEED), "--rows", "3", "--columns", "2", "--scale", "6"]
    path = folder / "grid.png"
    assert main([str(folder / "classes.keras"), *arguments, "-o", str(path)]) == 0
    # Around it are a margin of 7 pixels and the names of the classes.
    whole = read(path)
    np.testing.assert_array_equal(whole[-len(grid) - 7 : -7, -grid.shape[1] - 7 : -7], grid)


def test_the_comparison_of_an_export_shows_the_pictures_of_its_numbers(model, pictures):
    exportable = describe(model)
    drawn = [
        inputs
        for inputs in exportable.draw(range(SEED, SEED + COUNT), np.empty(0))
        if inputs["truncation_psi"] == np.float32(PSI)
    ]
    found = expect(exportable, drawn)
    assert len(found) == len(exportable.flows) == 2
    for expected in found:
        # Another batch size may round differently, by one step of 255.
        images = inference.to_uint8(expected.pictures).astype(int)
        assert np.max(np.abs(images - pictures)) <= 1


def test_the_first_pictures_of_an_evaluation_are_those_of_the_first_seeds(model, pictures):
    generator = Generator(model, None, PSI, seed=0, noise="fixed")
    images = generator.pictures(*generator.inputs(SEED, SEED + COUNT))
    # Another batch size may round differently, by one step of 255.
    assert np.max(np.abs(np.asarray(images).astype(int) - pictures)) <= 1
