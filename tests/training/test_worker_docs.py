"""The manifests of docs/: their options are those of training.run, and their clusters are known."""

import json
import shlex
from pathlib import Path

import pytest
import yaml

from training import options as run_options
from training.clusters import find_cluster

DOCS = Path(__file__).parents[2] / "docs"


def container(name):
    """The container of a manifest, and the number of its pods."""
    manifest = yaml.safe_load((DOCS / name).read_text())
    if manifest["kind"] == "TFJob":
        spec = manifest["spec"]["tfReplicaSpecs"]["Worker"]
        count = spec["replicas"]
    else:
        (job,) = manifest["spec"]["replicatedJobs"]
        spec = job["template"]["spec"]
        count = spec["completions"]
    (found,) = spec["template"]["spec"]["containers"]
    return found, count


def script(name):
    return (DOCS / name).read_text() if name.endswith("slurm") else container(name)[0]["args"][0]


@pytest.mark.parametrize("name", ["train.slurm", "jobset.yaml", "tfjob.yaml"])
def test_scripts_give_options_that_there_are(name, monkeypatch):
    monkeypatch.setattr(run_options, "check_runs", lambda runs: None)
    text = script(name).replace("\\\n", " ")
    command = next(line for line in text.splitlines() if "python -m training.run" in line)
    words = shlex.split(command.split("python -m training.run")[1].replace("$RUNS", "/runs"))
    options = words[: words.index("multi-worker") + 1]
    (place,) = [word for word in options if word.upper() == "${OPTIONS[@]}"]
    choices = [line.split("(")[1].rstrip(")") for line in text.splitlines() if "=(" in line.lower()]
    assert len(choices) == 2
    for choice in choices:
        i = options.index(place)
        given = [*options[:i], *choice.split(), *options[i + 1 :]]
        args, rest = run_options.first_pass().parse_known_args(given)
        assert args.strategy == "multi-worker"
        if args.resume is not None:
            assert (args.resume, rest) == ("latest", [])
        else:
            _, model, config = run_options.parse(given)
            assert (model, config.preset, config.data) == (
                "stylegan2",
                "ffhq-256",
                ("/shared/ffhq",),
            )


def test_the_environment_of_a_jobset_names_its_pods():
    found, count = container("jobset.yaml")
    manifest = yaml.safe_load((DOCS / "jobset.yaml").read_text())
    job = manifest["spec"]["replicatedJobs"][0]["name"]
    subdomain = manifest["spec"]["network"]["subdomain"]
    values = {variable["name"]: variable.get("value") for variable in found["env"]}
    ports = [port["containerPort"] for port in found["ports"]]
    for index in range(count):
        cluster = find_cluster({"TF_CONFIG": values["TF_CONFIG"].replace("$(INDEX)", str(index))})
        assert cluster.index == index
        # As JobSet names pods: set, job, its number, and the number in it.
        assert list(cluster.workers) == [
            f"{manifest['metadata']['name']}-{job}-0-{i}.{subdomain}:{ports[0]}"
            for i in range(count)
        ]


def test_what_the_training_operator_writes_is_understood():
    found, count = container("tfjob.yaml")
    assert found["name"] == "tensorflow"  # the operator looks for it by this name
    hosts = [f"tfgan-worker-{i}.default.svc:2222" for i in range(count)]
    config = {
        "cluster": {"worker": hosts},
        "task": {"type": "worker", "index": 1},
        "environment": "cloud",
    }
    cluster = find_cluster({"TF_CONFIG": json.dumps(config)})
    assert (cluster.workers, cluster.index) == (tuple(hosts), 1)


def test_the_script_of_slurm_starts_one_worker_on_each_node():
    text = script("train.slurm")
    for line in ("--ntasks-per-node=1", "--signal=TERM@120", "--requeue"):
        assert f"#SBATCH {line}\n" in text
