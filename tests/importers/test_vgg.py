"""The importer of VGG16. Its numbers are checked in tests/parity."""

import pickle
import zipfile

import numpy as np
import pytest

from tests.importers import saved
from tests.parity.published import Case
from tfgan.importers import CheckpointError, torch_file
from tfgan.importers.__main__ import main
from tfgan.importers.feature_networks import load_vgg16
from tfgan.importers.pickles import Record
from tfgan.importers.vgg import NAMES, convert, find
from tfgan.loading import weights_digest
from tfgan.terminal import UserError


@pytest.fixture(scope="module")
def weights():
    """Drawn weights by torchvision's names."""
    return Case("vgg16").weights("network")


def module(class_name, items):
    """A pickled module of a TorchScript archive."""
    pickled = saved.name("__torch__", class_name) + pickle.EMPTY_TUPLE + pickle.NEWOBJ
    return pickled + saved.dictionary(items) + pickle.BUILD


def save_script(path, weights, **others):
    """A file as torch.jit.save writes it: a module of modules, and its source code, compressed."""
    nvlabs = {NAMES.path(name).replace("kernel", "weight"): w for name, w in weights.items()}
    nvlabs = {
        name.replace("classifier/6", "fc3"): np.ascontiguousarray(w) for name, w in nvlabs.items()
    }
    nvlabs["lpips0"] = np.ones((1, 64, 1, 1), np.float32)
    storages = {str(i): w for i, w in enumerate(nvlabs.values())}
    parts, alone = {}, {}
    for key, (name, w) in zip(storages, nvlabs.items(), strict=True):
        layer, _, part = name.partition("/")
        target = parts.setdefault(layer, {}) if part else alone
        target[part or layer] = saved.contiguous(key, w)
    layers = {name: module("Layer", items) for name, items in parts.items()}
    sizes = saved.name("torch.jit._pickle", "build_intlist") + pickle.EMPTY_LIST + pickle.TUPLE1
    value = module(
        "VGG16",
        {
            "training": pickle.NEWFALSE,
            "sizes": sizes + pickle.REDUCE,
            "layers": module("Layers", {**layers, "hook": pickle.NONE}),
            **alone,
        },
    )
    saved.write_zip(path, value, storages, **others)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/code/__torch__.py", "raise AssertionError\n" * 1000)


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("features.0.weight", "conv1/kernel"),
        ("features.28.bias", "conv13/bias"),
        ("layers.conv11.weight", "conv11/kernel"),
        ("classifier.0.weight", "fc1/kernel"),
        ("layers.fc2.bias", "fc2/bias"),
    ],
)
def test_published_names_have_their_variables(published, ours):
    assert NAMES.path(published) == ours


def test_the_first_dense_layer_sees_channels_last(weights):
    model, notes = convert(weights)
    assert [note.split()[0] for note in notes] == ["2"]
    kernel = model.fc1.kernel.numpy().reshape(7, 7, 512, model.width)
    published = weights["classifier.0.weight"].reshape(model.width, 512, 7, 7)
    assert kernel[2, 3, 400, 5] == published[5, 400, 2, 3]


def test_both_published_files_and_ours_give_the_same_network(weights, tmp_path, capsys):
    saved.save_state(tmp_path / "vgg16-397923af.pth", weights)
    save_script(tmp_path / "vgg16.pt", weights)
    for name in ("vgg16-397923af.pth", "vgg16.pt"):
        out = (tmp_path / name).with_suffix(".keras")
        assert main([str(tmp_path / name), "-o", str(out)]) == 0
        told = capsys.readouterr().out
        assert "Found VGG16" in told
        assert f"--metrics pr-vgg16 --vgg16 {out}" in told
    digests = {weights_digest(load_vgg16([path])) for path in tmp_path.iterdir()}
    assert len(digests) == 1
    assert len(list(tmp_path.iterdir())) == 4


def test_values_of_an_archive_must_not_be_compressed_whatever_its_code_is(weights, tmp_path):
    few = {"features.0.weight": weights["features.0.weight"]}
    save_script(tmp_path / "good.pt", few)
    assert isinstance(torch_file.read(tmp_path / "good.pt"), Record)
    with (
        zipfile.ZipFile(tmp_path / "good.pt") as good,
        zipfile.ZipFile(tmp_path / "bad.pt", "w", zipfile.ZIP_DEFLATED) as bad,
    ):
        for entry in good.namelist():
            bad.writestr(entry, good.read(entry))
    with pytest.raises(CheckpointError, match="compressed again"):
        torch_file.read(tmp_path / "bad.pt")


def test_modules_within_themselves_or_twice_in_each_other_end():
    array = np.ones(3, np.float32)
    inner = Record("Layer", {"bias": array})
    for _ in range(100):  # 2^100 ways to the innermost
        inner = Record("Layer", {"one": inner, "two": inner})
    layers = Record("Layers", {"fc1": inner})
    layers.state["again"] = layers
    assert list(find(Record("VGG16", {"layers": layers})).values()) == [array]


def test_files_that_are_meant_for_lpips_are_left_to_it(weights):
    assert find(weights) is weights
    assert find({**weights, "lin0.model.1.weight": np.ones((1, 64, 1, 1), np.float32)}) is None
    trunk = {name: w for name, w in weights.items() if name.startswith("features.")}
    for other in (trunk, {}, [], 7, Record("Net", {"layers": 1})):
        assert find(other) is None


def test_what_does_not_fit_is_named(weights, tmp_path):
    short = {name: w for name, w in weights.items() if name != "features.5.bias"}
    with pytest.raises(CheckpointError, match=r"conv3/bias"):
        convert(short)
    with pytest.raises(CheckpointError, match=r"classifier.0.weight: \[32, 9\] does not fit"):
        convert({**weights, "classifier.0.weight": np.ones((32, 9), np.float32)})
    with pytest.raises(CheckpointError, match="without its dense layers"):
        convert({name: w for name, w in weights.items() if name != "classifier.0.bias"})
    saved.save_state(tmp_path / "other.pth", {"main.0.weight": np.ones(3, np.float32)})
    with pytest.raises(UserError, match=r"weights of VGG16 are needed. .*Give vgg16-397923af.pth"):
        load_vgg16([tmp_path / "other.pth"])
