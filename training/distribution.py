"""Devices and workers: which strategy a run uses, and what its workers agree on."""

import hashlib
import itertools
import os
import re
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
from tensorflow.python.eager import context

from tfgan.devices import DeviceError, check_count, make_strategy
from tfgan.strict_json import json_text
from tfgan.terminal import GivenUpError, UserError
from training.clusters import Cluster, find_cluster, meet

START_SECONDS = 600  # in which all workers must have come
LOST_SECONDS = 20  # of silence after which a worker counts as lost
# Collective operations of ours; TensorFlow numbers its own from 1 on.
GROUP_KEY = 1_000_000_007
UNREACHED = (tf.errors.UnavailableError, tf.errors.DeadlineExceededError, tf.errors.AbortedError)


class Workers:
    """The processes that train together, and what they tell one another.

    All of them must make the same calls in the same order; each call waits for the others.

    Args:
        cluster: Who they are; None: this process is alone, and nothing waits.

    Attributes:
        index: Of this process.
        count: Number of workers.
        is_chief: Whether this is the first, which alone writes into the run folder.
    """

    def __init__(self, cluster: Cluster | None = None):
        self.cluster = cluster
        self.index = 0 if cluster is None else cluster.index
        self.count = 1 if cluster is None else len(cluster.workers)
        self.is_chief = self.index == 0

    def sum(self, values: Any) -> np.ndarray:
        """Sums of integers over all workers, int64 [...]."""
        values = np.asarray(values, np.int64)
        if self.count == 1:
            return values
        return self._sum(tf.constant(values.reshape(-1))).numpy().reshape(values.shape)

    @tf.function(autograph=False)
    def _sum(self, values):
        # On the host, so that nobody waits for a GPU. One key for each length, because a key
        # stands for one shape, and new keys for each call would fill the memory.
        with tf.device("/device:CPU:0"):
            return tf.raw_ops.CollectiveReduceV2(
                input=values,
                group_size=self.count,
                group_key=GROUP_KEY,
                instance_key=values.shape[0],
                ordering_token=[],
                merge_op="Add",
                final_op="Id",
                communication_hint="ring",
            )

    def gather(self, values: Sequence[int]) -> np.ndarray:
        """The integers [k] of each worker, int64 [workers, k]."""
        rows = np.zeros((self.count, len(values)), np.int64)
        rows[self.index] = values
        return self.sum(rows)

    def from_chief(self, content: bytes) -> bytes:
        """What the chief gave; what the others give does not count."""
        (length,) = self.sum([len(content) * self.is_chief])
        padded = np.zeros(-(-length // 8), np.int64)
        if self.is_chief:
            padded.view(np.uint8)[:length] = np.frombuffer(content, np.uint8)
        return self.sum(padded).tobytes()[:length]

    def share(self, variables: Iterable[Any]) -> None:
        """Gives variables the values that they have on the chief, bit for bit."""
        if self.count == 1:
            return
        for variable in variables:
            value = np.asarray(variable.numpy())
            content = self.from_chief(value.tobytes())
            if not self.is_chief:
                variable.assign(np.frombuffer(content, value.dtype).reshape(value.shape))

    def lead(self, action: Callable[[], Any]) -> Any:
        """Lets the chief alone do something; returns what it gave there, elsewhere None.

        Raises:
            UserError: If it did on the chief.
        """
        result, failure = None, None
        if self.is_chief:
            try:
                result = action()
            except UserError as error:
                failure = error
        (failed,) = self.sum([failure is not None])
        if failed:
            raise failure or DeviceError("worker 0 cannot go on; its log says why.")
        return result

    def in_turn(self, action: Callable[[], Any]) -> Any:
        """Does something on one worker after the other, as what prepares a folder must."""
        for index in range(self.count):
            if index == self.index:
                result = action()
            self.sum([0])
        return result

    def check_alike(self, what: Mapping[str, Any]) -> None:
        """Raises DeviceError unless all workers were started with the same values of all names."""
        rows = self.gather([_number(value) for value in what.values()])
        for name, numbers in zip(what, rows.T, strict=True):
            others = np.flatnonzero(numbers != numbers[0])
            if len(others):
                raise DeviceError(
                    f"all workers must be started with the same {name}. Received: "
                    f"{_workers(others)} with other ones than worker 0; here {what[name]}."
                )

    def alone(self, strategy: tf.distribute.Strategy) -> tf.distribute.Strategy:
        """The strategy for what one worker does by itself: if there are others, TensorFlow's own.

        Under that of all workers, whatever makes or reduces a value waits for them.
        """
        return strategy if self.count == 1 else tf.distribute.get_strategy()

    @contextmanager
    def plain_errors(self, advice: Callable[[], str]):
        """Turns TensorFlow's errors where workers cannot be reached into a LostWorkerError.

        Args:
            advice: Gives what the user can do, as a sentence.
        """
        try:
            yield
        except tf.errors.OpError as error:
            unreached = isinstance(error, UNREACHED) or "Collective ops is aborted" in str(error)
            if self.count == 1 or not unreached:
                raise
            raise LostWorkerError(self._describe(str(error)), advice()) from error

    def _describe(self, message: str) -> str:
        """Which worker an error of TensorFlow blames; where it does not say, any of the others."""
        assert self.cluster is not None
        others = set(range(self.count)) - {self.index}
        named = {int(task) for task in re.findall(r"/task:(\d+)", message)}
        if "CoordinationService/" in message:
            named.add(0)  # which all workers report to
        found = sorted(named & others or others)
        if len(found) > 1:
            return f"one of the workers {', '.join(map(str, found))}"
        return f"worker {found[0]} ({self.cluster.workers[found[0]]})"


class LostWorkerError(GivenUpError):
    """Another worker is gone, or does not answer."""

    # TensorFlow would wait for the lost worker when it ends, for up to a minute.
    ends_at_once = True

    def __init__(self, who: str, advice: str):
        super().__init__(
            f"{who} is gone, or has not answered for {LOST_SECONDS} s; its log may say why. "
            f"{advice}"
        )


ALONE = Workers()


def _number(value: Any) -> int:
    digest = hashlib.sha256(json_text(value, sort_keys=True, default=str).encode()).digest()
    return int.from_bytes(digest[:8], "little", signed=True)


def _workers(indices: Iterable[int]) -> str:
    names = ", ".join(map(str, indices))
    return f"worker {names}" if "," not in names else f"workers {names}"


def join(
    kind: str, devices: int, virtual_devices: int, environment: Mapping[str, str] = os.environ
) -> tuple[tf.distribute.Strategy, Workers]:
    """Makes the strategy of a run; where there are several workers, waits until all have come.

    Nothing may be computed by TensorFlow before.

    Args:
        kind: "one": the first device; "mirrored": several of this machine; "multi-worker": those
            of all workers that TF_CONFIG or SLURM name; "auto": all that there is.
        devices: Number of devices of this machine, 0 for all.
        virtual_devices: Splits the CPU into this many devices, for tests (1: does not).
        environment: Where TF_CONFIG and SLURM's variables are.

    Raises:
        ClusterError: If TF_CONFIG or SLURM's variables cannot be, or a worker does not come.
        DeviceError: If there are fewer devices or workers than asked for.
    """
    if kind == "one" and max(devices, virtual_devices) > 1:
        raise DeviceError(
            field="strategy",
            named="one",
            expected="takes one device",
            received=f"`devices` {devices} `virtual_devices` {virtual_devices}",
            advice="Use `strategy` mirrored.",
        )
    cluster = find_cluster(environment) if kind in ("auto", "multi-worker") else None
    if kind == "multi-worker" and cluster is None:
        raise DeviceError(
            field="strategy",
            named="multi-worker",
            expected="needs two workers or more",
            received="neither TF_CONFIG nor variables of an srun step that name them",
            advice="Set TF_CONFIG for each worker, start them with srun, or try it with "
            "python -m training.launch --workers 2 -- OPTIONS.",
        )
    if cluster is None:
        strategy = make_strategy(1 if kind == "one" else devices, virtual_devices)
        if kind == "mirrored" and strategy.num_replicas_in_sync == 1:
            raise DeviceError(
                field="strategy",
                named="mirrored",
                expected="needs two devices or more",
                received=1,
                advice="Use `virtual_devices` 2 to split the CPU for a test, or `strategy` one.",
            )
        return strategy, ALONE
    return _join_cluster(cluster, devices, virtual_devices), Workers(cluster)


def _join_cluster(
    cluster: Cluster, devices: int, virtual_devices: int
) -> tf.distribute.MultiWorkerMirroredStrategy:
    gpus = len(tf.config.list_physical_devices("GPU"))
    if virtual_devices != 1:
        raise DeviceError(
            field="virtual_devices",
            expected="splits the CPU of a process that trains alone",
            received=f"{virtual_devices}, in a cluster of {len(cluster.workers)} workers "
            f"({cluster.source})",
            advice="Start more workers instead, or give `strategy` mirrored.",
        )
    check_count(devices, max(gpus, 1), "GPU" if gpus else "CPU", "Start more workers instead.")
    meet(cluster, START_SECONDS)
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        heartbeat_timeout_in_ms=LOST_SECONDS * 1000,
        coordinated_jobs=[
            coordination_config_pb2.CoordinatedJob(name="worker", num_tasks=len(cluster.workers))
        ],
    )
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.workers)}),
        task_type="worker",
        task_id=cluster.index,
        num_accelerators={"GPU": devices or gpus},
        rpc_layer="grpc",
    )
    strategy = tf.distribute.MultiWorkerMirroredStrategy(resolver)
    # TensorFlow takes the first SIGTERM as a notice, and goes on.
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
    return strategy


def deal(dataset: tf.data.Dataset, strategy: tf.distribute.Strategy) -> Iterator[Any]:
    """Deals the elements of an endless dataset to the replicas of this worker in turn.

    To GPUs TensorFlow sends them ahead. Its iterator for that can keep the process waiting for up
    to a minute and a half when it is freed, so CPUs, which need nothing sent, do without it.
    """
    if any("GPU" in device for device in strategy.extended.worker_devices):
        return iter(strategy.distribute_datasets_from_function(lambda context: dataset))
    elements = iter(dataset)
    to_replicas = strategy.experimental_distribute_values_from_function
    return (to_replicas(lambda replica: next(elements)) for _ in itertools.repeat(None))
