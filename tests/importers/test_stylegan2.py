"""The importer of StyleGAN2. Its numbers are checked in tests/parity."""

from pathlib import Path

import numpy as np
import pytest

from tests.importers import pickled
from tests.importers.small import small_weights
from tests.parity.layouts import AdaCase, tf1_case
from tests.parity.published import DATA
from tfgan.importers import CheckpointError, network_pickle, stylegan2
from tfgan.importers.parts import DISCRIMINATOR, RAW, Labels, Options
from tfgan.importers.weights import by_path

ADA = DATA / "checkpoints" / "stylegan2_ada_small.pkl"


@pytest.mark.parametrize(
    ("names", "published", "ours"),
    [
        (stylegan2.ADA, "mapping.w_avg", "mapping/average"),
        (stylegan2.ADA, "mapping.embed.weight", "mapping/embed/kernel"),
        (stylegan2.ADA, "synthesis.b4.const", "synthesis/b4/const"),
        (stylegan2.ADA, "synthesis.b8.conv0.weight", "synthesis/b8/conv0/conv/kernel"),
        (stylegan2.ADA, "synthesis.b8.conv0.noise_const", "synthesis/b8/conv0/noise/fixed"),
        (stylegan2.ADA, "synthesis.b8.skip.weight", "synthesis/b8/skip/kernel"),
        (stylegan2.ADA, "synthesis.b8.torgb.affine.bias", "synthesis/b8/torgb/affine/bias"),
        (stylegan2.ADA, "b8.conv0.weight", "b8/conv0/kernel"),
        (stylegan2.ADA, "b4.fromrgb.bias", "fromrgb/bias"),
        (stylegan2.ADA, "b4.conv.weight", "conv/kernel"),
        (stylegan2.TF1, "dlatent_avg", "mapping/average"),
        (stylegan2.TF1, "synthesis/4x4/Conv/noise_strength", "synthesis/b4/conv1/noise/strength"),
        (stylegan2.TF1, "synthesis/64x64/Conv0_up/mod_bias", "synthesis/b64/conv0/affine/bias"),
        (stylegan2.TF1, "synthesis/noise2", "synthesis/b8/conv1/noise/fixed"),
        (stylegan2.TF1, "8x8/Conv1_down/weight", "b8/conv1/kernel"),
        (stylegan2.TF1, "Output/weight", "out/kernel"),
        (stylegan2.ROSINALITY_GENERATOR, "style.3.weight", "mapping/fc2/kernel"),
        (stylegan2.ROSINALITY_GENERATOR, "convs.2.activate.bias", "synthesis/b16/conv0/bias"),
        (
            stylegan2.ROSINALITY_GENERATOR,
            "to_rgbs.1.conv.weight",
            "synthesis/b16/torgb/conv/kernel",
        ),
    ],
)
def test_published_names_have_their_variables(names, published, ours):
    assert names.path(published) == ours


def test_blocks_of_rosinalitys_discriminator_count_from_its_resolution():
    weights = {f"convs.{i}.conv1.0.weight": 0 for i in (1, 2, 3)}
    names = stylegan2.rosinality_discriminator(weights)
    assert names.path("convs.0.0.weight") == "b32/fromrgb/kernel"
    assert names.path("convs.1.conv2.1.weight") == "b32/conv1/kernel"
    assert names.path("convs.3.skip.1.weight") == "b8/skip/kernel"


@pytest.mark.parametrize(
    "name",
    ["stylegan2_small", "stylegan2_conditional", "stylegan2_orig_skip", "stylegan2_resnet_orig"],
)
def test_shapes_tell_the_configuration(name):
    case = AdaCase(name)
    c = case.config
    model, discriminator = (part.make()[0] for part in stylegan2.convert(case.published, Options()))
    assert model.resolution == discriminator.resolution == c["resolution"]
    assert (model.latent_dim, model.style_dim) == (c["z_dim"], c["w_dim"])
    assert len(model.class_names) == discriminator.num_classes == c["c_dim"]
    assert model.mapping_layers == c["mapping_layers"]
    assert model.architecture == c["g_architecture"]
    assert discriminator.architecture == c["d_architecture"]
    assert discriminator.group_size == c["mbstd_group_size"]


def rosinality(**others):
    weights = {
        "g_ema": small_weights("stylegan2_rosinality_64", "generator"),
        "d": small_weights("stylegan2_rosinality_64", "discriminator"),
    }
    return stylegan2.find({Path("a.pt"): {**weights, **others}})


def test_raw_weights_and_discriminators_are_parts_of_their_own():
    raw = {k: v + 1 for k, v in small_weights("stylegan2_rosinality_64", "generator").items()}
    parts = stylegan2.convert(rosinality(g=raw), Options())
    assert [part.ending for part in parts] == ["", RAW, DISCRIMINATOR]
    average, trained = (by_path(part.make()[0]) for part in parts[:2])
    np.testing.assert_allclose(
        trained["mapping/fc0/bias"], average["mapping/fc0/bias"] + 1, rtol=1e-6
    )
    published = rosinality()._replace(discriminator={})
    assert [part.ending for part in stylegan2.convert(published, Options())] == [""]


def test_what_a_file_lacks_is_the_same_in_every_import():
    published = rosinality()  # without an average
    kept = {k: v for k, v in published.generator.items() if not k.startswith("noises.")}
    published = published._replace(generator=kept)
    first, second = (stylegan2.convert(published, Options())[0].make()[0] for _ in range(2))
    values = by_path(second)
    for path, variable in by_path(first).items():
        np.testing.assert_array_equal(variable, values[path], err_msg=path)
    latents = np.random.default_rng(0).standard_normal((4000, first.latent_dim), np.float32)
    styles = np.asarray(first.mapping(latents))
    # Of 10,000 and of 4,000 draws: five standard deviations of their difference.
    bound = 5 * styles.std(0) * np.sqrt(1 / 10_000 + 1 / 4_000)
    assert np.all(abs(styles.mean(0) - np.asarray(first.mapping.average)) < bound)
    noise = values["synthesis/b64/conv1/noise/fixed"].numpy()
    assert abs(noise.std() - 1) < 0.1


def test_classes_take_the_names_that_are_given():
    published = AdaCase("stylegan2_conditional").published
    count = AdaCase("stylegan2_conditional").config["c_dim"]
    names = tuple(f"kind {i}" for i in range(count))
    options = Options(labels=[Labels("classes", names)])
    assert stylegan2.convert(published, options)[0].make()[0].class_names == names
    default = stylegan2.convert(published, Options())[0].make()[0].class_names
    assert default[:2] == ("class0", "class1")
    for wrong in ([Labels("classes", names[1:])], [Labels("attributes", names)]):
        with pytest.raises(CheckpointError, match=f"`names` must give {count}, all different"):
            stylegan2.convert(published, Options(labels=wrong))
    with pytest.raises(CheckpointError, match="nothing to name"):
        stylegan2.convert(rosinality(), Options(labels=[Labels("classes", names)]))


def changed(path, change):
    """What `find` says of a pickle after a change of its contents."""
    contents = network_pickle.read(path)
    change(contents)
    return stylegan2.find({path: contents})


def test_settings_of_modules_are_kept():
    def change(contents):
        for name, record in network_pickle.modules(contents["G_ema"]):
            if name.endswith("conv1"):
                record.state["conv_clamp"] = 256
        modules = dict(network_pickle.modules(contents["D"]))
        modules["b4.mbstd"].state["group_size"] = None

    published = changed(ADA, change)
    generator, _, discriminator = (p.make()[0] for p in stylegan2.convert(published, Options()))
    assert (generator.clamp, discriminator.clamp) == (256.0, None)
    assert generator.style_average_decay == 0.995
    assert discriminator.group_size > 10_000  # the whole batch


def test_networks_of_other_settings_are_refused():
    def activation(contents):
        dict(network_pickle.modules(contents["D"]))["b8.conv0"].state["activation"] = "relu"

    def rate(contents):
        dict(network_pickle.modules(contents["G_ema"]))["mapping.fc0"].state["bias_gain"] = 0.1

    def taps(contents):
        record = dict(network_pickle.modules(contents["G_ema"]))["synthesis.b8.conv0"]
        record.state["_buffers"]["resample_filter"] = np.full((4, 4), 1 / 16, np.float32)

    for change, message in (
        (activation, "activation relu"),
        (rate, "bias_gain 0.1"),
        (taps, r"filter synthesis\.b8\.conv0\.resample_filter"),
    ):
        with pytest.raises(CheckpointError, match=message):
            changed(ADA, change)

    def kernel(contents):
        contents[2].state["static_kwargs"]["resample_kernel"] = [1, 2, 1]

    with pytest.raises(CheckpointError, match="resample_kernel"):
        changed(tf1_case().path, kernel)


def test_left_over_weights_of_a_part_stop_with_its_list():
    parts = stylegan2.convert(
        rosinality(d={**rosinality().discriminator, "fc9.weight": np.ones((2, 2), np.float32)}),
        Options(),
    )
    with pytest.raises(CheckpointError, match=r"not of this network:\n  fc9\.weight"):
        parts[-1].make()


def test_a_few_small_weights_cannot_ask_for_a_huge_network():
    wide = 10**6
    weights = {
        "synthesis.b4.const": np.ones((wide, 1, 1), np.float32),
        "synthesis.b4.conv1.weight": np.ones((wide, 1, 1, 1), np.float32),
        "synthesis.b4.conv1.affine.weight": np.ones((1, wide), np.float32),
        "synthesis.b8.conv1.weight": np.ones((wide, 1, 1, 1), np.float32),
        "mapping.fc0.weight": np.ones((1, wide), np.float32),
    }
    published = AdaCase("stylegan2_small").published._replace(generator=weights)
    with pytest.raises(CheckpointError, match="missing"):
        stylegan2.convert(published, Options())[0].make()
    for resolution in (12, 2048):
        weights[f"synthesis.b{resolution}.conv1.weight"] = np.ones((4, 4, 1, 1), np.float32)
        with pytest.raises(CheckpointError, match="resolution must be a power of two"):
            stylegan2.convert(published, Options())[0].make()


def test_other_contents_are_of_no_stylegan2(tmp_path):
    path = tmp_path / "a.pkl"
    stylegan3 = {"synthesis.input.freqs": np.ones(3, np.float32)}
    pickled.save_modules(path, G_ema=("Generator", stylegan3))
    for contents in (
        network_pickle.read(path),
        {},
        (1, 2, 3),
        [],
        {"g_ema": {}},
        {"g_ema": 3},
        {"G_ema": 3},
    ):
        assert stylegan2.find({path: contents}) is None
    assert stylegan2.find({path: {}, tmp_path / "b.pkl": {}}) is None
