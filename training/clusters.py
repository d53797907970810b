"""Which workers train together: read from TF_CONFIG or from what SLURM says, and how they meet."""

import json
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfgan.terminal import Progress, UserError

# Jobs of TF_CONFIG whose tasks train, in the order of the workers; the first task is the chief.
TRAINING_JOBS = ("chief", "master", "worker")
# Ports of SLURM tasks: two runs on one host take other ones unless their numbers are 1,000 apart.
FIRST_PORT, PORTS_OF_A_RUN, RUNS = 20000, 16, 1000


class ClusterError(UserError):
    """What the environment says of the workers cannot be."""


@dataclass(frozen=True)
class Cluster:
    """The workers of a run.

    Attributes:
        workers: Address of each, host:port. The first is the chief, which writes.
        index: Which of them this process is.
        source: What said so.
    """

    workers: tuple[str, ...]
    index: int
    source: str


def find_cluster(environment: Mapping[str, str]) -> Cluster | None:
    """Reads TF_CONFIG, or SLURM's variables of a task that `srun` started.

    Args:
        environment: As `os.environ`.

    Returns:
        None where neither speaks of two workers or more.

    Raises:
        ClusterError: If it is malformed or contradicts itself.
    """
    read = read_tf_config if environment.get("TF_CONFIG", "").strip() else read_slurm
    cluster = read(environment)
    return cluster if cluster is not None and len(cluster.workers) > 1 else None


def read_tf_config(environment: Mapping[str, str]) -> Cluster | None:
    """The cluster that TF_CONFIG describes; None where it names no worker.

    The tasks "chief" (or "master", as it was called) and "worker" train, in this order.

    Raises:
        ClusterError: If it is no such description, or names tasks that do not train.
    """
    text = environment["TF_CONFIG"]

    def wrong(expected: str, received: Any) -> ClusterError:
        return ClusterError(
            f"TF_CONFIG must {expected}. Received: {received}. It looks like "
            '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
            '"task": {"type": "worker", "index": 0}}; unset it to train alone.'
        )

    try:
        config = json.loads(text)
    except ValueError:
        raise wrong("be JSON", text) from None
    cluster = config.get("cluster", {}) if isinstance(config, dict) else None
    if not isinstance(cluster, dict):
        raise wrong('be an object with "cluster" and "task"', text)
    if not cluster:
        return None
    others = sorted(set(cluster) - set(TRAINING_JOBS))
    if others:
        raise ClusterError(
            f"TF_CONFIG must name tasks that train: {', '.join(TRAINING_JOBS)}. Received: "
            f"{', '.join(others)}. Leave them out: all workers hold all weights, and the chief "
            "measures, with `evaluate_every`."
        )
    addresses: list[str] = []
    first: dict[str, int] = {}
    for job in TRAINING_JOBS:
        tasks = cluster.get(job, [])
        if not isinstance(tasks, list) or not all(_is_address(task) for task in tasks):
            raise wrong(f'list addresses "host:port" of "{job}"', repr(tasks))
        first[job] = len(addresses)
        addresses += tasks
    if len(set(addresses)) < len(addresses):
        raise wrong("give each task an address of its own", ", ".join(addresses))
    task = config.get("task")
    if not isinstance(task, dict) or task.get("type") not in TRAINING_JOBS:
        raise wrong(f'name a "task" whose "type" is one of {", ".join(TRAINING_JOBS)}', task)
    index, count = str(task.get("index")), len(cluster.get(task["type"], []))
    if index not in map(str, range(count)):
        raise wrong(f'have a task "index" below {count}, the tasks of {task["type"]}', index)
    return Cluster(tuple(addresses), first[task["type"]] + int(index), "TF_CONFIG")


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r".+:\d{1,5}", value) is not None


def read_slurm(environment: Mapping[str, str]) -> Cluster | None:
    """The tasks of the job step that `srun` started this process in; None outside of one.

    A batch script itself is in no such step: `srun python -m training.run ...` is.

    Raises:
        ClusterError: If variables of the step are missing, malformed or contradict each other.
    """
    count = environment.get("SLURM_STEP_NUM_TASKS", "1")
    if count == "1":
        return None
    names = ("SLURM_PROCID", "SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE", "SLURM_JOB_ID")
    missing = [name for name in names if name not in environment]
    if missing:
        raise ClusterError(
            f"a SLURM step of {count} tasks must also set {', '.join(missing)}. Received: nothing. "
            "Start the workers with srun, or give `strategy` one."
        )
    rank, nodes, tasks, job = (environment[name] for name in names)
    try:
        per_node = zip(expand_nodes(nodes), expand_counts(tasks), strict=True)
        hosts = [(node, task) for node, number in per_node for task in range(number)]
        if len(hosts) != int(count):
            raise ValueError
        base = FIRST_PORT + int(job) % RUNS * PORTS_OF_A_RUN
        index = int(rank)
        node, _ = hosts[index]
    except (ValueError, IndexError):
        raise ClusterError(
            "SLURM must describe as many tasks as there are. Received: SLURM_STEP_NUM_TASKS="
            f"{count}, SLURM_PROCID={rank}, SLURM_STEP_NODELIST={nodes}, SLURM_STEP_TASKS_PER_NODE="
            f"{tasks}, SLURM_JOB_ID={job}. Set TF_CONFIG instead."
        ) from None
    here = environment.get("SLURMD_NODENAME", node)
    if here != node:
        raise ClusterError(
            f"SLURM must number the tasks node by node, so that task {rank} runs on {node}. "
            f"Received: {here}. Use srun --distribution=block."
        )
    return Cluster(tuple(f"{node}:{base + task}" for node, task in hosts), index, "SLURM")


def expand_nodes(text: str) -> list[str]:
    """Names of the nodes of a SLURM list: "a[08-10,12],b" -> a08, a09, a10, a12, b.

    Raises:
        ValueError: If it is no such list.
    """
    # What stands between commas, where those in brackets do not count.
    parts = re.findall(r"(?:[^,\[\]]|\[[^\[\]]*\])+", text)
    if ",".join(parts) != text or not text:
        raise ValueError(text)
    return [name for part in parts for name in _expand(part)]


def _expand(part: str) -> list[str]:
    before, bracket, rest = part.partition("[")
    if not bracket:
        return [part]
    inside, _, after = rest.partition("]")
    names = []
    for span in inside.split(","):
        first, _, last = span.partition("-")
        for number in range(int(first), int(last or first) + 1):
            names += [f"{before}{number:0{len(first)}d}{end}" for end in _expand(after)]
    return names


def expand_counts(text: str) -> list[int]:
    """Tasks of each node of a SLURM list: "2(x3),1" -> 2, 2, 2, 1.

    Raises:
        ValueError: If it is no such list.
    """
    counts = []
    for part in text.split(","):
        found = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part)
        if found is None:
            raise ValueError(text)
        counts += [int(found[1])] * int(found[2] or 1)
    return counts


def meet(cluster: Cluster, seconds: float) -> None:
    """Waits until all workers have come, and no longer than so many seconds.

    Each calls at the chief's address, which lets all go on at once. TensorFlow's own start waits
    for ever where a worker is missing, and cannot be interrupted.

    Raises:
        ClusterError: If some did not come, or the chief's port is taken.
    """
    (_call if cluster.index else _receive)(cluster, seconds)


def _receive(cluster: Cluster, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    port = int(cluster.workers[0].rpartition(":")[2])
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        door = socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise ClusterError(
            f"port {port} must be free for worker 0. Received: {error.strerror}. Give it another "
            f"port in {cluster.source}, or end what uses it."
        ) from error
    waiting = set(range(1, len(cluster.workers)))
    came: dict[int, socket.socket] = {}
    bar = Progress(desc="Workers", total=len(waiting), unit="worker", leave=False)
    with door, bar:
        door.settimeout(min(2, seconds))
        while waiting - set(came):
            if time.monotonic() > deadline:
                late = [f"{i} ({cluster.workers[i]})" for i in sorted(waiting - set(came))]
                raise ClusterError(
                    f"all {len(cluster.workers)} workers of {cluster.source} must come within "
                    f"{seconds:g} s. Received: nothing from worker {', '.join(late)}. Start them "
                    "too, and look at their logs."
                )
            try:
                guest, _ = door.accept()
                guest.settimeout(5)
                index = int(guest.recv(16))
            except (OSError, ValueError):  # nobody yet, or nobody of ours
                bar.refresh()
                continue
            if index in waiting:
                bar.update(index not in came)
                came[index] = guest
        for guest in came.values():
            with guest:
                guest.sendall(b".")
                # The guest closes first, or the port would stay taken for a while.
                guest.recv(1)


def _call(cluster: Cluster, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    host, _, port = cluster.workers[0].rpartition(":")
    while True:
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=5) as door:
                door.sendall(b"%d" % cluster.index)
                door.settimeout(max(deadline - time.monotonic(), 0.1))
                if door.recv(1):
                    return
        except OSError:  # nobody there yet
            pass
        if time.monotonic() > deadline:
            raise ClusterError(
                f"worker 0 of {cluster.source} must answer within {seconds:g} s. Received: no word "
                f"from {cluster.workers[0]}. Start all workers, and look at their logs."
            )
        time.sleep(0.2)
