"""Which models can be measured, and by which metrics.

A system is an entry of `SYSTEMS`: a module that says how to draw from its models, and its metrics.
That module has

- `open_reals(model, request)`: the real pictures that a model, and others like it, are measured on,
  with `networks`, `about()` (what they are, in lines) and what metrics take of them;
- `Subject(model, reals, folder)`: a model beside them, as metrics take it; the folder keeps
  features of its pictures.

It imports TensorFlow, so it is imported once a model is opened: --help does not wait for it.
"""

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tfgan.data.opening import are_drawn
from tfgan.evaluate import (
    comparisons,
    domains,
    identity,
    labels,
    outputs,
    path_lengths,
    separability,
)
from tfgan.evaluate.metric import MEASURES, NEEDS, NETWORKS, EvaluationError, Metric
from tfgan.terminal import require


class System(NamedTuple):
    """What is known of the models of a class.

    Attributes:
        name: As users call it.
        module: How to draw from them; see above.
        data: What --data may name, in words.
        metrics: By name; the first is measured where none is named.
        options: Options of the command line that not every system takes, and that this one does.
        data_options: The same, of those that say which the real pictures are.
    """

    name: str
    module: str
    data: str
    metrics: Mapping[str, Metric]
    options: tuple[str, ...] = ()
    data_options: tuple[str, ...] = ()

    def open(self) -> Any:
        """The module."""
        return importlib.import_module(self.module)

    def check_metrics(self, names: Sequence[str]) -> tuple[str, ...]:
        """The metrics that are asked for, each once, or the default.

        Raises:
            EvaluationError: If one of them is not for such a model.
            MissingPackageError: If one of them needs a package that is not installed.
        """
        unknown = [name for name in names if name not in self.metrics]
        if unknown:
            raise EvaluationError(
                f"--metrics of {self.name} are {', '.join(self.metrics)}. "
                f"Received: {' '.join(unknown)}."
            )
        check_packages(names)
        return tuple(dict.fromkeys(names or list(self.metrics)[:1]))

    def cautions(self, chosen: Sequence[str], data: Sequence[str]) -> dict[str, str]:
        """What must be said beside the numbers of metrics, by name; "" where nothing must be.

        Args:
            chosen: Names of those that are asked for.
            data: The real pictures, as --data names them.
        """
        others = ""
        if not are_drawn(data):
            quality = [name for name in ("swd", "fid") if name in self.metrics]
            others = (
                f"the avatar network has only seen drawn faces: of {' '.join(data)} this is no "
                f"measure of quality. {' and '.join(quality)} "
                f"{'are' if len(quality) > 1 else 'is'}."
            )
        return {
            name: others if self.metrics[name].faces == MEASURES else self.metrics[name].caution
            for name in chosen
        }

    def check_faces(
        self, chosen: Sequence[str], data: Sequence[str], options_set: Sequence[str] = ()
    ) -> None:
        """Refuses metrics that need the built-in faces where pictures are others.

        Args:
            chosen: Names of those that are asked for.
            data: The real pictures, as --data names them.
            options_set: Names of the options of the command line that are set.

        Raises:
            EvaluationError: If there is one; it says what can be done.
        """
        for name in chosen:
            metric = self.metrics[name]
            if metric.faces != NEEDS or are_drawn(data) or set(metric.instead) & set(options_set):
                continue
            advice = f"Leave {name} out."
            if metric.instead:
                advice = (
                    "Name a labelled set with --labelled, as for StarGAN's --data, or give "
                    "--classifier FILE.keras."
                )
            raise EvaluationError(
                f"--metrics {name} needs a classifier of attributes, which are known of the "
                f"built-in avatars alone. Received: --data {' '.join(data)}. {advice}"
            )

    def find_networks(
        self,
        files_of: Mapping[str, Sequence[Path] | None],
        chosen: Sequence[str],
        data: Sequence[str] = (),
    ) -> dict[str, tuple[Path, ...]]:
        """The files of the networks that metrics need: those given, or those of the environment.

        Args:
            files_of: By option of `NETWORKS`, files that were named; None where none was.
            chosen: Names of those that are asked for.
            data: The real pictures, as --data names them: what is offered in place of a network
                depends on them.

        Raises:
            EvaluationError: If a network is needed whose files are not named, or not there.
        """
        named: dict[str, tuple[Path, ...]] = {}
        for name in chosen:
            option = self.metrics[name].network
            if option is None or option in named:
                continue
            network, flag = NETWORKS[option], "--" + option.replace("_", "-")
            where, files = flag, tuple(files_of[option] or ())
            if not files and os.environ.get(network.variable):
                where = network.variable
                files = tuple(map(Path, os.environ[where].split(os.pathsep)))
            if not files:
                free = " ".join(
                    other
                    for other, metric in self.metrics.items()
                    if metric.network is None and (not metric.faces or are_drawn(data))
                )
                raise EvaluationError(
                    f"--metrics {name} needs the weights of {network.name}. Received: none. Get "
                    f"{network.source}; give {flag} FILE, a .keras file that python -m "
                    f"tfgan.importers made of it, or set {network.variable}. Without such files "
                    f"there are --metrics {free}."
                )
            for file in files:
                if not file.is_file():
                    raise EvaluationError(
                        f"{where} must name files. Received: {file}, which is none."
                    )
            named[option] = files
        return named


def _by_name(*metrics: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


def _generator(name: str) -> System:
    return System(
        name,
        "tfgan.evaluate.generators",
        "avatars, tfds:NAME, or a folder of pictures",
        _by_name(*comparisons.METRICS, path_lengths.PPL, separability.SEPARABILITY),
        options=("noise", "psi", "real_count"),
    )


# By name of the class of models.
SYSTEMS = {
    "StarGAN": System(
        "StarGAN",
        "tfgan.evaluate.label_models",
        "what each label set of the model was learned from, in their order: avatars:attributes, "
        "tfds:NAME:LABELS, or a folder",
        _by_name(labels.TRANSLATION, identity.IDENTITY),
        data_options=("attribute_table",),
    ),
    "StarGANv2": System(
        "StarGAN v2",
        "tfgan.evaluate.domain_models",
        "avatars, tfds:NAME, or a folder with one sub-folder for each domain",
        _by_name(
            domains.TRANSLATION,
            identity.IDENTITY,
            outputs.AVATAR_FD,
            outputs.FID,
            outputs.LPIPS,
        ),
        options=("outputs",),
    ),
    "StyleGANGenerator": _generator("StyleGAN"),
    "StyleGAN2Generator": _generator("StyleGAN2"),
}


def check_packages(names: Sequence[str]) -> None:
    """Raises MissingPackageError unless the packages are installed that metrics need.

    Args:
        names: Of the metrics, of any system; words that are none do no harm.
    """
    for system in SYSTEMS.values():
        for name, metric in system.metrics.items():
            if name in names:
                require(f"--metrics {name}", *metric.packages)
