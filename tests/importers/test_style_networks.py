"""What imports of StyleGAN and of StyleGAN2 share: corners of pictures, and what files lack."""

import numpy as np
import pytest

from tests.export.small import stylegan, stylegan2
from tfgan.importers.style_networks import draw_stylegan, draw_stylegan2, set_absent
from tfgan.importers.weights import by_path

DRAWS = {"stylegan": (stylegan, draw_stylegan), "stylegan2": (stylegan2, draw_stylegan2)}


@pytest.mark.parametrize("system", DRAWS)
def test_small_pictures_are_drawn_whole(system):
    make, draw = DRAWS[system]
    for names in ((), ("a", "b")):
        model = make(names)
        latents = np.random.default_rng(0).standard_normal((1, model.latent_dim), np.float32)
        expected = model(latents, np.array([0]) if names else None)
        # Sums of float32 in another order.
        np.testing.assert_allclose(draw(model), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("system", DRAWS)
def test_of_large_pictures_every_layer_draws_a_corner(system):
    make, draw = DRAWS[system]
    model_class = type(make())
    model = model_class(
        256, latent_dim=8, style_dim=8, mapping_layers=2, channel_base=256, channel_max=16
    )
    model.build()
    before = np.asarray(draw(model))
    assert before.shape == (1, 32, 32, 3)
    for path, variable in by_path(model).items():
        if path.endswith("kernel") and ("b256" in path or "b4/" in path):
            kept = variable.numpy()
            variable.assign(kept * 2 + 1)
            # Only the last layer to RGB of StyleGAN is seen.
            seen = "torgb" not in path or system == "stylegan2" or "b256" in path
            assert (np.max(np.abs(draw(model) - before)) > 0) == seen, path
            variable.assign(kept)


def test_only_what_is_absent_is_set():
    model = stylegan2()
    values = {path: variable.numpy() for path, variable in by_path(model).items()}
    loaded = {path for path in values if path != "mapping/average" and "b8" not in path}
    set_absent(model, loaded)
    for path, variable in by_path(model).items():
        changed = path == "mapping/average" or ("b8" in path and path.endswith("noise/fixed"))
        assert np.array_equal(variable, values[path]) != changed, path
