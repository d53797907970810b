"""What TensorFlow Serving finds in a SavedModel."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from export import saved_model
from export.examples import drawn_faces
from export.signatures import follow
from tests.export.small import describe, stargan_v2, stylegan2, weight_bytes


def prediction_log():
    """The message class PredictionLog, of the fields that warm-up uses, by their numbers.

    As in tensorflow_serving/apis: prediction_log.proto, predict.proto and model.proto.
    """
    file = descriptor_pb2.FileDescriptorProto(name="log.proto", package="t", syntax="proto3")
    messages = {
        "ModelSpec": [("signature_name", 3, None)],
        "Entry": [("key", 1, None), ("value", 2, bytes)],
        "PredictRequest": [("model_spec", 1, "ModelSpec"), ("inputs", 2, ["Entry"])],
        "PredictLog": [("request", 1, "PredictRequest")],
        "PredictionLog": [("predict_log", 6, "PredictLog")],
    }
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            added = message.field.add(name=field, number=number, label=kinds.LABEL_OPTIONAL)
            if isinstance(kind, list):
                added.label, kind = kinds.LABEL_REPEATED, kind[0]
            if isinstance(kind, str):
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".t.{kind}"
            else:
                added.type = kinds.TYPE_BYTES if kind is bytes else kinds.TYPE_STRING
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.PredictionLog"))


@pytest.mark.parametrize("make", [stylegan2, stargan_v2])
def test_warm_up_asks_every_signature_once_for_what_it_can_answer(make, tmp_path):
    model = make()
    described = describe(model)
    faces = drawn_faces(range(2), model.resolution)
    cases = {
        case.signature: case
        for flow in described.flows
        for case in follow(flow, described.run, described.draw(range(2), faces)[0])[0]
    }
    saved_model.write(described, tmp_path / "1")
    saved_model.write_warm_up(list(cases.values()), tmp_path / "1")
    loaded = tf.saved_model.load(str(tmp_path / "1"))
    log = prediction_log()
    asked = []
    for record in tf.data.TFRecordDataset(str(tmp_path / "1" / saved_model.WARM_UP)):
        request = log.FromString(record.numpy()).predict_log.request
        name = request.model_spec.signature_name
        specs = described.signatures[name].inputs
        inputs = {
            entry.key: tf.io.parse_tensor(entry.value, specs[entry.key].dtype)
            for entry in request.inputs
        }
        (made,) = loaded.signatures[name](**inputs).values()
        (expected,) = cases[name].outputs.values()
        # float32 sums in another order; values from about -2 to 2.
        np.testing.assert_allclose(made, expected[:1], atol=4e-5)
        asked.append(name)
    assert sorted(asked) == sorted(described.signatures)


def test_a_saved_model_holds_each_weight_once(tmp_path):
    model = stylegan2()
    saved_model.write(describe(model), tmp_path / "1")
    variables = sum(file.stat().st_size for file in (tmp_path / "1" / "variables").iterdir())
    # Names and shapes come on top.
    assert variables < weight_bytes(model) + 10_000
