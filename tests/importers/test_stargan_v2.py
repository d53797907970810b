"""The importer of StarGAN v2. Its numbers are checked in tests/parity."""

from pathlib import Path

import numpy as np
import pytest

from tests.importers.small import small_weights
from tests.parity.published import Case
from tfgan.importers import CheckpointError, stargan_v2
from tfgan.importers.parts import DISCRIMINATOR, RAW, Labels, Options
from tfgan.importers.weights import by_path

NETWORKS = ("generator", "mapping_network", "style_encoder")


def networks(case="stargan_v2_small", *more):
    return {network: small_weights(case, network) for network in (*NETWORKS, *more)}


def find(*contents):
    return stargan_v2.find({Path(f"{i}.ckpt"): content for i, content in enumerate(contents)})


@pytest.fixture(scope="module")
def landmarks():
    return Case("stargan_v2_landmarks").weights("fan")


def test_averaged_and_trained_networks_are_found_in_any_order():
    averaged, trained = networks(), networks("stargan_v2_small", "discriminator")
    trained["style_encoder"] = {k: v + 1 for k, v in trained["style_encoder"].items()}
    for files in ((averaged, trained), (trained, averaged)):
        parts = stargan_v2.convert(find(*files), Options())
        assert [part.ending for part in parts] == ["", RAW, DISCRIMINATOR]
        model, raw, discriminator = (part.make()[0] for part in parts)
        ours, theirs = (by_path(m)["style_encoder/features/b0/conv1/bias"] for m in (model, raw))
        np.testing.assert_allclose(theirs, ours + 1, rtol=1e-6)
        assert model.domain_names == ("domain0", "domain1", "domain2")[: len(model.domain_names)]
        assert discriminator.num_domains == len(model.domain_names)
    (part,) = stargan_v2.convert(find(averaged), Options())
    assert part.ending == ""
    parts = stargan_v2.convert(find(trained), Options())
    assert [part.ending for part in parts] == ["", DISCRIMINATOR]


def test_shapes_tell_the_configuration_and_each_domain_keeps_its_weights():
    contents = networks()
    names = [f"d{i}" for i in range(Case("stargan_v2_small").config["num_domains"])]
    options = Options(labels=[Labels("classes", tuple(names))])
    model, _ = stargan_v2.convert(find(contents), options)[0].make()
    c = Case("stargan_v2_small").config
    assert (model.resolution, model.w_hpf) == (c["img_size"], 0.0)
    assert model.domain_names == tuple(names)
    assert (model.style_dim, model.mapping_width) == (c["style_dim"] // 16, 512 // 16)
    values = by_path(model)
    for domain in range(len(names)):
        weight = contents["mapping_network"][f"unshared.{domain}.6.weight"]
        part = np.split(values["mapping/heads3/kernel"].numpy(), len(names), axis=1)[domain]
        np.testing.assert_array_equal(part, weight.T)


def test_parallel_modules_are_taken_by_their_names():
    contents = {
        network: {f"module.{name}": value for name, value in weights.items()}
        for network, weights in networks().items()
    }
    stargan_v2.convert(find(contents), Options())[0].make()


def test_high_pass_skips_need_landmarks_and_the_scale_of_the_filter(landmarks):
    contents = networks("stargan_v2_hpf_small")
    contents["generator"]["decode.5.conv1x1.weight"] = np.ones((4, 8, 1, 1), np.float32)
    with pytest.raises(CheckpointError, match=r"wing\.ckpt"):
        stargan_v2.convert(find(contents), Options(w_hpf=1.0))
    with pytest.raises(CheckpointError, match="`w_hpf`: 1 for"):
        stargan_v2.convert(find(contents, landmarks), Options())
    beside = stargan_v2.convert(find(contents, {"state_dict": landmarks}), Options(w_hpf=2.0))
    model, notes = beside[0].make()
    assert model.w_hpf == 2.0
    assert notes == ["1 weights of shortcuts that are never used"]
    assert not model.landmarks.trainable_variables
    bias = by_path(model)["landmarks/to_heatmaps/bias"]
    np.testing.assert_array_equal(bias, landmarks["l0.bias"])


def test_files_may_hold_landmarks_and_filter_themselves(landmarks):
    contents = {**networks("stargan_v2_hpf_small"), "fan": landmarks}
    taps = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], np.float32)
    contents["generator"]["hpf.filter"] = taps / 4
    parts = stargan_v2.convert(find(contents), Options())
    assert "w_hpf 4" in parts[0].about
    contents["generator"]["hpf.filter"] = taps / 4 + np.eye(3, dtype=np.float32)
    with pytest.raises(CheckpointError, match="high-pass filter is another"):
        stargan_v2.convert(find(contents), Options())


def test_options_that_do_not_fit_are_refused():
    with pytest.raises(CheckpointError, match="`w_hpf` has no use"):
        stargan_v2.convert(find(networks()), Options(w_hpf=1.0))
    with pytest.raises(CheckpointError, match="`names` must give"):
        stargan_v2.convert(find(networks()), Options(labels=[Labels("classes", ("a",))]))


def test_domains_that_do_not_agree_are_refused():
    contents = networks()
    del contents["mapping_network"]["unshared.1.6.bias"]
    with pytest.raises(CheckpointError, match="numbers of domains"):
        find(contents)
    contents = networks()
    contents["style_encoder"]["unshared.1.weight"] = np.ones((3, 3, 3), np.float32)
    with pytest.raises(CheckpointError, match="differ in shape by domain"):
        find(contents)


def test_other_contents_are_of_no_stargan_v2(landmarks):
    for files in (
        [{}],
        [[]],
        [landmarks],
        [networks(), networks()],
        [networks(), {"a": 1}],
        [{**networks(), "generator": 3}],
    ):
        assert find(*files) is None
