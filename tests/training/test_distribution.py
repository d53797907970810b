"""Which strategy a run uses, and what workers say to each other where there is but one."""

import json

import numpy as np
import pytest
import tensorflow as tf

from training.clusters import Cluster
from training.distribution import ALONE, DeviceError, LostWorkerError, Workers, join

TWO = {
    "TF_CONFIG": json.dumps(
        {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}
    )
}


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (("one", 2, 1), {}, "`strategy` one takes one device. Received: `devices` 2"),
        (("one", 0, 2), {}, "`virtual_devices` 2. Use `strategy` mirrored"),
        (("mirrored", 1, 1), {}, "`strategy` mirrored needs two devices or more. Received: 1"),
        (("multi-worker", 0, 1), {}, "needs two workers or more. Received: neither TF_CONFIG nor"),
        (("auto", -1, 1), {}, "`devices` must be 0, for all, or more. Received: -1"),
        (("auto", 99, 1), {}, "`devices` must be at most 2, the number of CPUs here. Received: 99"),
        (("auto", 0, 2), TWO, "`virtual_devices` splits the CPU of a process that trains alone"),
        (("auto", 2, 1), TWO, "the number of CPUs here. Received: 2. Start more workers"),
    ],
)
def test_contradictions_are_one_message(arguments, environment, words):
    with pytest.raises(DeviceError) as caught:
        join(*arguments, environment)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "environment", "replicas"), [("auto", {}, 2), ("one", TWO, 1), ("mirrored", TWO, 2)]
)
def test_without_a_cluster_the_devices_of_this_machine_train(kind, environment, replicas):
    strategy, workers = join(kind, 0, 1, environment)
    assert strategy.num_replicas_in_sync == replicas
    assert workers is ALONE


def test_a_worker_alone_agrees_with_itself():
    assert ALONE.is_chief
    assert ALONE.gather([3, -1]).tolist() == [[3, -1]]
    assert ALONE.from_chief(b"runs/00000-x") == b"runs/00000-x"
    assert ALONE.lead(lambda: 5) == ALONE.in_turn(lambda: 5) == 5
    with pytest.raises(DeviceError, match="own"):
        ALONE.lead(lambda: (_ for _ in ()).throw(DeviceError("own")))
    with ALONE.plain_errors(str), pytest.raises(tf.errors.UnavailableError):
        raise tf.errors.UnavailableError(None, None, "not of workers")


class Answering(Workers):
    """Worker 1 of three, which hears from the others what a test says."""

    def __init__(self, others):
        super().__init__(Cluster(("a:1", "b:2", "c:3"), 1, "TF_CONFIG"))
        self.others = list(others)

    def sum(self, values):
        return np.asarray(values) + self.others.pop(0)


def test_workers_that_were_started_otherwise_are_named_with_the_option():
    from training.distribution import _number

    own = [_number(8), _number("x")]
    others = np.array([own, [0, 0], [own[0] + 1, own[1]]])
    with pytest.raises(DeviceError, match=r"same --batch-size. Received: worker 2 with other ones"):
        Answering([others]).check_alike({"--batch-size": 8, "pictures": "x"})
    others[2, 0] -= 1
    Answering([others]).check_alike({"--batch-size": 8, "pictures": "x"})


def test_what_fails_on_the_chief_fails_on_all():
    with pytest.raises(DeviceError, match="worker 0 cannot go on"):
        Answering([[1]]).lead(lambda: 5)
    assert Answering([[0]]).lead(lambda: 5) is None


def test_bytes_and_variables_are_those_of_the_chief_bit_for_bit():
    text = "läuft/00001".encode()
    padded = np.frombuffer(text + bytes(-len(text) % 8), np.int64)
    assert Answering([[len(text)], padded]).from_chief(b"other") == text
    values = np.array([-0.0, 1.5, np.nan], np.float32)
    variable = tf.Variable([1.0, 2.0, 3.0])
    padded = np.frombuffer(values.tobytes() + bytes(4), np.int64)
    Answering([[12], padded]).share([variable])
    assert variable.numpy().tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("from /job:worker/replica:0/task:2: gone; here /task:1", "worker 2 (c:3) is gone"),
        ("Deadline Exceeded RPC: /tensorflow.CoordinationService/Heartbeat", "worker 0 (a:1) is"),
        ("Socket closed", "one of the workers 0, 2 is gone"),
    ],
)
def test_a_lost_worker_is_named_with_what_to_do(message, words):
    with pytest.raises(LostWorkerError) as caught, Answering([]).plain_errors(lambda: "Do this."):
        raise tf.errors.UnavailableError(None, None, message)
    assert words in str(caught.value)
    assert str(caught.value).endswith("Do this.")
