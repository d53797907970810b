"""Files of models that are no such, and digests of weights."""

import tracemalloc
import zipfile

import keras
import numpy as np
import pytest

from tfgan.loading import ModelError, class_of, load_model, weights_digest


def dense(name="dense", units=3):
    layer = keras.layers.Dense(units, name=name)
    layer.build((None, 2))
    layer.kernel.assign(np.arange(2 * units).reshape(2, units))
    return layer


def test_digest_depends_on_weights_and_not_on_the_name_of_the_model():
    assert weights_digest(dense()) == weights_digest(dense("other"))
    assert len(weights_digest(dense())) == 16


def test_digest_changes_with_each_value_shape_and_name():
    changed = [dense(), dense(units=4)]
    turned = dense()
    turned.kernel.assign(np.arange(6)[::-1].reshape(2, 3))
    shifted = dense()
    shifted.bias.assign([0, 0, 1e-7])
    scale = keras.layers.BatchNormalization(name="dense")
    scale.build((None, 3))
    digests = {weights_digest(layer) for layer in [*changed, turned, shifted, scale]}
    assert len(digests) == 5


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.json" if name != "weights" else "model.weights.h5", content)
    return path


CONFIG = b'{"class_name": "Sequential"}'
FILES = {
    "a huge configuration": {"config": b'{"class_name": "' + b"x" * 4 * 10**7 + b'"}'},
    "nested lists": {"config": b"[" * 10**5},
    "huge metadata": {"config": CONFIG, "metadata": bytes(4 * 10**7)},
    "huge weights": {"config": CONFIG, "metadata": b"{}", "weights": bytes(4 * 10**7)},
    "another member": {"config": CONFIG, "metadata": b"{}", "other": bytes(4 * 10**7)},
    "no configuration": {"metadata": b"{}"},
    "no object": {"config": b"3"},
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_model_is_one_message_and_takes_no_memory(kind, tmp_path):
    path = archive(tmp_path / "a.keras", **FILES[kind])
    opens = {"huge metadata", "huge weights", "another member"}
    if kind in opens:
        assert class_of(path) == "Sequential"
    tracemalloc.start()
    try:
        if kind not in opens:
            with pytest.raises(ModelError, match=r"a\.keras is not a \.keras file"):
                class_of(path)
        with pytest.raises(ModelError, match=r"a\.keras is not a \.keras file") as raised:
            load_model(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(str(raised.value).splitlines()) == 1
    assert peak < 2e7, peak
