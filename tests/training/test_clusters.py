"""Who trains together, as TF_CONFIG and SLURM say it."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from training.clusters import (
    Cluster,
    ClusterError,
    expand_counts,
    expand_nodes,
    find_cluster,
    meet,
)
from training.launch import free_ports


def tf_config(task="worker", index=1, **jobs):
    return {"TF_CONFIG": json.dumps({"cluster": jobs, "task": {"type": task, "index": index}})}


TWO = ["a:1", "b:2"]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"TF_CONFIG": ""}, None),
        ({"TF_CONFIG": "{}"}, None),
        (tf_config(index=0, worker=["a:1"]), None),
        (tf_config(worker=TWO), Cluster(("a:1", "b:2"), 1, "TF_CONFIG")),
        (tf_config(index="1", worker=TWO), Cluster(("a:1", "b:2"), 1, "TF_CONFIG")),
        # As the Training Operator writes it for a TFJob with a chief.
        (
            tf_config(index=1, worker=TWO, chief=["c:3"]),
            Cluster(("c:3", "a:1", "b:2"), 2, "TF_CONFIG"),
        ),
        (
            tf_config("chief", 0, worker=TWO, chief=["c:3"]),
            Cluster(("c:3", "a:1", "b:2"), 0, "TF_CONFIG"),
        ),
    ],
)
def test_tf_config_names_the_workers_chief_first(environment, expected):
    assert find_cluster(environment) == expected


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TF_CONFIG": "{"}, "must be JSON. Received: {."),
        ({"TF_CONFIG": "[]"}, "must be an object"),
        ({"TF_CONFIG": '{"cluster": {"worker": ["a:1", "b:2"]}}'}, '"task"'),
        (tf_config(worker=["a:1", "b"]), 'list addresses "host:port" of "worker"'),
        (tf_config(worker="a:1"), 'list addresses "host:port" of "worker"'),
        (tf_config(worker=["a:1", "a:1"]), "an address of its own"),
        (tf_config(index=2, worker=TWO), '"index" below 2, the tasks of worker. Received: 2'),
        (tf_config(index=-1, worker=TWO), "Received: -1"),
        (tf_config("chief", 0, worker=TWO), '"index" below 0, the tasks of chief'),
        (tf_config("evaluator", 0, worker=TWO), "Received: {'type': 'evaluator'"),
        (tf_config(worker=TWO, ps=["c:3"], evaluator=["d:4"]), "Received: evaluator, ps. Leave"),
    ],
)
def test_a_wrong_tf_config_is_one_message(environment, words):
    with pytest.raises(ClusterError) as caught:
        find_cluster(environment)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


STEP = {
    "SLURM_STEP_NUM_TASKS": "3",
    "SLURM_PROCID": "2",
    "SLURM_STEP_NODELIST": "gpu[09-10]",
    "SLURM_STEP_TASKS_PER_NODE": "2,1",
    "SLURM_JOB_ID": "70001",
    "SLURMD_NODENAME": "gpu10",
}


def test_a_step_of_slurm_names_the_workers_node_by_node():
    expected = ("gpu09:20016", "gpu09:20017", "gpu10:20016")
    assert find_cluster(STEP) == Cluster(expected, 2, "SLURM")
    # TF_CONFIG is what a user sets by hand, so it goes first.
    assert find_cluster({**STEP, **tf_config(worker=TWO)}).source == "TF_CONFIG"


def test_a_batch_script_and_a_step_of_one_task_train_alone():
    assert find_cluster({"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_ID": "7"}) is None
    assert find_cluster({**STEP, "SLURM_STEP_NUM_TASKS": "1"}) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"SLURM_PROCID": None}, "must also set SLURM_PROCID"),
        ({"SLURM_STEP_TASKS_PER_NODE": "2(x2)"}, "SLURM_STEP_TASKS_PER_NODE=2(x2)"),
        ({"SLURM_STEP_NODELIST": "gpu[09"}, "SLURM_STEP_NODELIST=gpu[09"),
        ({"SLURM_STEP_NODELIST": "gpu09"}, "as many tasks as there are"),
        ({"SLURM_PROCID": "3"}, "SLURM_PROCID=3"),
        ({"SLURMD_NODENAME": "gpu09"}, "Use srun --distribution=block"),
    ],
)
def test_a_step_of_slurm_that_contradicts_itself_is_one_message(change, words):
    environment = {k: v for k, v in {**STEP, **change}.items() if v is not None}
    with pytest.raises(ClusterError) as caught:
        find_cluster(environment)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a", ["a"]),
        ("a,b-1", ["a", "b-1"]),
        ("a[1-3,7],b", ["a1", "a2", "a3", "a7", "b"]),
        ("r[08-10]", ["r08", "r09", "r10"]),
        ("r[1-2]n[3,5]", ["r1n3", "r1n5", "r2n3", "r2n5"]),
        ("r[1-2].lan", ["r1.lan", "r2.lan"]),
    ],
)
def test_lists_of_nodes_are_expanded(text, names):
    assert expand_nodes(text) == names


@pytest.mark.parametrize("text", ["", ",a", "a,,b", "a[1", "a]", "a[x]", "a[]", "a[1-]b["])
def test_what_is_no_list_of_nodes_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011
        expand_nodes(text)


def test_lists_of_tasks_are_expanded():
    assert expand_counts("2(x3),1") == [2, 2, 2, 1]
    with pytest.raises(ValueError, match="2x3"):
        expand_counts("2x3")


def workers_at(port, count):
    addresses = (f"127.0.0.1:{port}", *(f"there{i}:1" for i in range(1, count)))
    return [Cluster(addresses, index, "TF_CONFIG") for index in range(count)]


def test_workers_wait_for_each_other_and_then_go_on():
    (port,) = free_ports(1)
    *early, late = workers_at(port, 3)
    with ThreadPoolExecutor() as pool:
        calls = [pool.submit(meet, one, 30) for one in reversed(early)]
        assert not any(call.done() for call in calls)
        meet(late, 30)
        assert [call.result(30) for call in calls] == [None, None]
    # The port is free again, for TensorFlow.
    socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (0, "TF_CONFIG must come within 0.1 s. Received: nothing from worker 1 (there1:1), 2 ("),
        (1, "worker 0 of TF_CONFIG must answer within 0.1 s. Received: no word from 127.0.0.1:"),
    ],
)
def test_workers_that_do_not_come_are_named(index, words):
    with pytest.raises(ClusterError) as caught:
        meet(workers_at(*free_ports(1), 3)[index], 0.1)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_port_that_is_taken_is_named():
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ClusterError, match=f"port {port} must be free for worker 0"):
            meet(workers_at(port, 2)[0], 0.1)
