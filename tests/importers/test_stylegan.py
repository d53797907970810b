"""The importer of StyleGAN. Its numbers are checked in tests/parity."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.importers import pickled
from tests.importers.small import small_weights
from tests.parity.layouts import OfficialStyleGANCase
from tfgan.importers import CheckpointError, network_pickle, stylegan
from tfgan.importers.parts import DISCRIMINATOR, RAW, Options
from tfgan.importers.weights import by_path


def port(**others):
    """What is found in a file of the port."""
    weights = {
        key: small_weights("stylegan_progressive", network)
        for key, network in {"g_running": "generator", "discriminator": "discriminator"}.items()
    }
    return stylegan.find({Path("train_step-5.model"): {**weights, **others}})


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """A pickle of the official code, and its networks by name."""
    case = OfficialStyleGANCase("stylegan_official_32")
    generator, discriminator = case.published.generator, case.published.discriminator
    path = tmp_path_factory.mktemp("official") / "karras2019.pkl"

    def write(level=0.0, path=path, **kwargs):
        lod = {"lod": np.float32(level)}
        gs = {**generator, **lod, "synthesis/lod": np.float32(level)}
        pickled.save_networks(path, gs, {**discriminator, **lod}, gs, **kwargs)
        return stylegan.find({path: network_pickle.read(path)})

    return write


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("style.3.linear.weight_orig", "mapping/fc1/kernel"),
        ("generator.progression.0.conv1.input", "synthesis/b4/const"),
        ("generator.progression.0.noise1.weight_orig", "synthesis/b4/layer0/noise/strength"),
        ("generator.progression.2.conv1.1.conv.bias", "synthesis/b16/layer0/conv/bias"),
        ("generator.progression.6.conv1.0.weight", "synthesis/b256/layer0/conv/kernel"),
        ("generator.progression.6.adain2.style.linear.bias", "synthesis/b256/layer1/adain/fc/bias"),
        ("generator.to_rgb.8.conv.weight_orig", "synthesis/b1024/torgb/kernel"),
    ],
)
def test_names_of_the_ports_generator_have_their_variables(published, ours):
    assert stylegan.ROSINALITY_GENERATOR.path(published) == ours


def test_kernels_that_were_not_joined_with_the_upsampling_fit_nowhere_above_64_pixels():
    # Their scale is another, which no shape tells.
    path = stylegan.ROSINALITY_GENERATOR.path("generator.progression.5.conv1.1.conv.weight_orig")
    assert path != "synthesis/b128/layer0/conv/kernel"


def test_a_pickle_of_the_official_code_gives_its_networks(official):
    published = official(mbstd_group_size=2)
    parts = stylegan.convert(published, Options())
    assert [part.ending for part in parts] == ["", RAW, DISCRIMINATOR]
    model, _, discriminator = (part.make()[0] for part in parts)
    case = OfficialStyleGANCase("stylegan_official_32")
    c = case.config
    assert (model.resolution, model.fade, model.form) == (32, 1.0, "official")
    assert (model.latent_dim, model.style_dim) == (c["latent_dim"], c["style_dim"])
    assert len(model.class_names) == discriminator.num_classes == c["num_classes"]
    assert discriminator.group_size == 2
    w = model.mapping(case.arrays["z"], case.arrays["labels"])
    np.testing.assert_allclose(w, case.arrays["w"], rtol=1e-4, atol=1e-5)


def test_networks_that_still_grow_are_imported_as_far_as_they_are(official):
    parts = stylegan.convert(official(level=1.6), Options())
    (model, notes), _, (discriminator, _) = (part.make() for part in parts)
    assert model.resolution == discriminator.resolution == 16
    assert notes[-1].endswith("weights of resolutions beyond 16")
    arrays = OfficialStyleGANCase("stylegan_official_32").arrays
    images = model.synthesis(arrays["styles"][:, :6])
    # A ten-thousandth of values about 1, as in the parity data.
    np.testing.assert_allclose(images, arrays["img_1.6"], atol=1e-4)
    for level in (-1.0, 3.5, np.nan):
        with pytest.raises(CheckpointError, match="level of detail"):
            stylegan.convert(official(level=level), Options())


def test_files_of_the_port_are_imported_at_the_resolution_that_is_said():
    published = port(generator=small_weights("stylegan_progressive", "generator"))
    parts = stylegan.convert(published, Options(resolution=32))
    assert [part.ending for part in parts] == ["", RAW, DISCRIMINATOR]
    (model, notes), _, (discriminator, _) = (part.make() for part in parts)
    assert model.resolution == discriminator.resolution == 32
    assert (model.form, model.mapping_lr_multiplier) == ("rosinality", 1.0)
    assert notes[-1].endswith("weights of resolutions beyond 32")
    assert float(np.ptp(by_path(model)["mapping/average"])) > 0
    for wrong in (None, 33, 2048):
        with pytest.raises(CheckpointError, match=f"one of 4, 8, .* Received: {wrong}"):
            stylegan.convert(published, Options(resolution=wrong))


def test_the_port_saves_the_averaged_generator_alone_as_well():
    weights = small_weights("stylegan_progressive", "generator")
    published = stylegan.find({Path("010000.model"): weights})
    parts = stylegan.convert(published, Options(resolution=8))
    assert [part.ending for part in parts] == [""]
    assert parts[0].make()[0].resolution == 8


def test_discriminators_without_activations_after_rgb_are_left_out():
    other = {
        re.sub(r"^(from_rgb\.\d)\.0", r"\1", name): value
        for name, value in small_weights("stylegan_progressive", "discriminator").items()
    }
    assert "from_rgb.8.conv.weight_orig" in other
    parts = stylegan.convert(port(discriminator=other), Options(resolution=8))
    assert [part.ending for part in parts] == [""]


def test_what_official_files_tell_is_not_overruled(official):
    with pytest.raises(CheckpointError, match="`resolution` must be 32, as the file says"):
        stylegan.convert(official(), Options(resolution=64))


def test_networks_of_other_settings_are_refused(official):
    for settings in ({"blur_filter": None}, {"use_pixel_norm": True}, {"mapping_lrmul": 1.0}):
        (name,) = settings
        with pytest.raises(CheckpointError, match=name):
            official(**settings)
    weights = small_weights("stylegan_progressive", "generator")
    weights["generator.progression.3.conv1.2.weight"] = np.ones((4, 1, 3, 3), np.float32)
    with pytest.raises(CheckpointError, match=r"conv1\.2\.weight is another"):
        port(g_running=weights)


def test_other_contents_are_of_no_stylegan():
    path = Path("a.pkl")
    for contents in ({}, (1, 2, 3), [], {"g_running": {}}, {"g_running": 3}):
        assert stylegan.find({path: contents}) is None
