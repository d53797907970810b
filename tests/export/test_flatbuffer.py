"""Edits of `.tflite` files, on a small file whose parts are known."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from export import flatbuffer
from export.tflite import finish, halve
from tfgan.litert import FACTS, open_runner, read_facts
from tfgan.terminal import UserError

WIDE = np.random.default_rng(0).standard_normal((3, 3, 4, 4)).astype(np.float32)
DEEP = np.random.default_rng(1).standard_normal((16, 16)).astype(np.float32)


class TwoUses(tf.Module):
    """Two signatures with one convolution between them, and a gather that no delegate takes."""

    def __init__(self):
        super().__init__()
        self.wide = tf.Variable(WIDE)

    @tf.function(input_signature=[tf.TensorSpec([1, 8, 8, 4], name="x")])
    def smooth(self, x):
        return {"y": tf.nn.conv2d(x, self.wide, 1, "SAME")}

    @tf.function(
        input_signature=[tf.TensorSpec([1, 8, 8, 4], name="x"), tf.TensorSpec([1], tf.int32)]
    )
    def pick(self, x, label):
        y = tf.nn.conv2d(x, self.wide, 1, "SAME")
        rows = tf.gather(tf.constant(DEEP), label)
        return {"y": y, "row": rows}


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("module"))
    module = TwoUses()
    tf.saved_model.save(module, folder, signatures={"smooth": module.smooth, "pick": module.pick})
    return tf.lite.TFLiteConverter.from_saved_model(
        folder, signature_keys=["smooth", "pick"]
    ).convert()


def outputs_of(content):
    x = np.random.default_rng(2).standard_normal((1, 8, 8, 4)).astype(np.float32)
    run = open_runner(content).run
    smooth = run("smooth", {"x": x})["y"]
    return smooth, run("pick", {"x": x, "label": np.array([3], np.int32)})


def constants_of(content):
    flat = flatbuffer.read(content)
    used = {tensor.buffer for graph in flat.subgraphs for tensor in graph.tensors}
    return [bytes(flat.buffers[i].data) for i in used if flat.buffers[i].data is not None]


def test_weights_of_several_signatures_are_held_once_and_nothing_changes(content):
    made = finish(content, {"name": "x"})
    smooth, picked = outputs_of(content)
    again, picked_again = outputs_of(made)
    np.testing.assert_array_equal(again, smooth)
    assert [c for c in constants_of(made) if len(c) == WIDE.nbytes] != []
    assert sum(len(c) == WIDE.nbytes for c in constants_of(made)) == 1
    for name, value in picked.items():
        np.testing.assert_array_equal(picked_again[name], value)
    assert len(made) < len(content)


def test_halved_constants_are_those_of_float16(content):
    made = finish(halve(content), {})
    _, picked = outputs_of(made)
    np.testing.assert_array_equal(picked["row"][0], DEEP[3].astype(np.float16))
    smooth, _ = outputs_of(content)
    # Ten bits of mantissa.
    np.testing.assert_allclose(outputs_of(made)[0], smooth, atol=5e-3)
    assert sum(map(len, constants_of(made))) < 0.6 * sum(map(len, constants_of(content)))


def test_constants_begin_at_multiples_of_sixteen(content):
    made = finish(content, {})
    for constant in (DEEP.tobytes(), *[c for c in constants_of(made) if len(c) == WIDE.nbytes]):
        assert made.index(constant) % flatbuffer.ALIGNMENT == 0


def test_inputs_and_outputs_keep_their_names(content):
    from ai_edge_litert.interpreter import Interpreter

    signatures = Interpreter(model_content=finish(content, {})).get_signature_list()
    assert signatures == {
        "smooth": {"inputs": ["x"], "outputs": ["y"]},
        "pick": {"inputs": ["label", "x"], "outputs": ["row", "y"]},
    }


def test_facts_are_read_as_they_were_written(content, tmp_path):
    facts = {"name": "ä", "nested": {"list": [1, None]}}
    (tmp_path / "a.tflite").write_bytes(finish(content, facts))
    found = read_facts(str(tmp_path / "a.tflite"))
    assert {key: found[key] for key in facts} == facts
    (tmp_path / "b.tflite").write_bytes(finish(halve(content), facts))
    digests = {read_facts(tmp_path / f"{name}.tflite")["constants_sha256"] for name in "ab"}
    assert len(digests) == 2
    assert open_runner(str(tmp_path / "a.tflite")).signatures == ["pick", "smooth"]


@pytest.mark.parametrize("damage", [b"", b"no file of LiteRT at all", None])
def test_a_file_of_others_has_no_facts(content, tmp_path, damage):
    (tmp_path / "a.tflite").write_bytes(content if damage is None else damage)
    with pytest.raises(UserError, match=r"that export\.run wrote is needed\. Received: "):
        read_facts(tmp_path / "a.tflite")


def test_running_a_file_says_nothing(content, tmp_path):
    (tmp_path / "a.tflite").write_bytes(content)
    program = (
        "import sys, numpy as np\n"
        "from tfgan.litert import open_runner\n"
        "x = np.zeros([1, 8, 8, 4], np.float32)\n"
        "print(list(open_runner(sys.argv[1]).run('smooth', {'x': x})))\n"
    )
    done = subprocess.run(  # of its own, for LiteRT speaks once in each process
        [sys.executable, "-c", program, tmp_path / "a.tflite"], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("['y']\n", "")


def test_a_damaged_file_is_a_mistake_of_the_user():
    with pytest.raises(UserError, match="a damaged one"):
        open_runner(b"no file of LiteRT at all")


def test_operators_outside_of_the_delegate_are_counted_by_signature(content):
    assert flatbuffer.not_accelerated(content) == {"pick": {"GATHER": 1}, "smooth": {}}


def test_metadata_stands_beside_what_is_there(content):
    flat = flatbuffer.read(finish(content, {"a": 1}))
    names = [entry.name for entry in flat.metadata]
    assert FACTS.encode() in names
    assert b"min_runtime_version" in names
    entry = flat.metadata[names.index(FACTS.encode())]
    assert json.loads(bytes(flat.buffers[entry.buffer].data))["a"] == 1
