"""The importer of StarGAN. Its numbers are checked in tests/parity."""

from pathlib import Path

import numpy as np
import pytest

from tests.parity.published import DATA, Case
from tfgan.importers import CheckpointError, stargan, torch_file
from tfgan.importers.parts import DISCRIMINATOR, Labels, Options

G, D = (DATA / "checkpoints" / f"stargan_small-{network}.ckpt" for network in "GD")
FACES = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")


def find(*paths):
    return stargan.find({path: torch_file.read(path) for path in paths})


def labels(*sets, **options):
    return Options(labels=[Labels(kind, tuple(names)) for kind, names in sets], **options)


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("main.0.weight", "generator/from_rgb/kernel"),
        ("main.1.weight", "generator/from_rgb_norm/gamma"),
        ("main.7.bias", "generator/down1_norm/beta"),
        ("main.9.main.0.weight", "generator/b0/conv1/kernel"),
        ("main.10.main.4.bias", "generator/b1/norm2/beta"),
        ("main.11.weight", "generator/up0/kernel"),
        ("main.15.weight", "generator/up1_norm/gamma"),
        ("main.17.weight", "generator/to_rgb/kernel"),
    ],
)
def test_names_of_the_generator_have_their_variables(published, ours):
    assert stargan.generator_names(2).path(published) == ours


def test_published_files_give_published_images_and_scores():
    case = Case("stargan_small")
    parts = stargan.convert(find(G, D), labels(("attributes", FACES), exclusive=[FACES[:3]]))
    assert [part.ending for part in parts] == ["", DISCRIMINATOR]
    (model, notes), (discriminator, _) = (part.make() for part in parts)
    assert notes == [f"27 {stargan.STATISTICS[1]}"]  # three of each of nine norms
    (faces,) = model.label_sets
    assert (faces.kind, faces.names, faces.exclusive) == ("attributes", FACES, (FACES[:3],))
    assert (model.resolution, model.conv_dim, model.num_blocks) == (32, 16, 2)
    images = model(case.arrays["x"], case.arrays["c_trg"])
    np.testing.assert_allclose(images, case.arrays["g_out"], rtol=1e-4, atol=1e-4)
    scores, logits = discriminator(case.arrays["x"])
    # Of numbers about 1, as everywhere in the parity data: a ten-thousandth.
    np.testing.assert_allclose(scores, case.arrays["d_src"], atol=1e-4)
    np.testing.assert_allclose(logits, case.arrays["d_cls"], atol=1e-4)


def test_labels_without_names_are_numbered():
    for kind, first in (("attributes", "attribute0"), ("classes", "class0")):
        model = stargan.convert(find(G, D), labels((kind, ())))[0].make()[0]
        assert (model.label_sets[0].kind, model.label_sets[0].names[0]) == (kind, first)


def test_labels_of_several_sets_have_a_mask():
    options = labels(("attributes", "A"), ("classes", "BC"), resolution=32)
    (model,) = [part.make()[0] for part in stargan.convert(find(G), options)]
    assert [label_set.names for label_set in model.label_sets] == [("A",), ("B", "C")]
    assert model.label_width == 5
    with pytest.raises(CheckpointError, match="5 of them labels"):
        stargan.convert(find(G, D), options._replace(resolution=None))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(), "5 wide, and it cannot tell what they mean. Give `attributes`"),
        (labels(("attributes", "ABC")), "Received: 3 names of 1 sets"),
        (labels(("attributes", "AABCD")), "all different"),
        (labels(("attributes", "ABCDE"), exclusive=[("A", "X")]), "attributes of one set.*A X"),
        (labels(("classes", "ABCDE"), exclusive=[("A", "B")]), "groups are of attributes"),
        (labels(("attributes", "ABCDE"), resolution=64), "must be 32, that of the discriminator"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(CheckpointError, match=message):
        stargan.convert(find(G, D), options)


def test_a_generator_alone_needs_a_resolution():
    with pytest.raises(CheckpointError, match=r"ends in -D\.ckpt.*or `resolution`"):
        stargan.convert(find(G), labels(("attributes", ())))
    (part,) = stargan.convert(find(G), labels(("attributes", ()), resolution=64))
    assert part.make()[0].resolution == 64
    (part,) = stargan.convert(find(G), labels(("attributes", ()), resolution=100))
    with pytest.raises(CheckpointError, match=r"power of two .* Received: 100"):
        part.make()


def test_a_discriminator_alone_asks_for_the_generator():
    with pytest.raises(CheckpointError, match=r"ends in -G\.ckpt"):
        find(D)


def test_other_contents_are_of_no_stargan():
    generator = torch_file.read(G)
    paths = Path("a"), Path("b")
    for contents in ([], {}, {"main.0.weight": 3}, {"main.0.weight": np.ones((1, 2, 3, 3))}):
        assert stargan.find({paths[0]: contents}) is None
        assert stargan.find(dict(zip(paths, (generator, contents), strict=True))) is None
    assert stargan.find(dict.fromkeys(paths, generator)) is None
