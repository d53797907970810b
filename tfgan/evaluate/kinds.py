"""What can be measured: kinds of models, their metrics, and how these are asked for."""

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from tfgan.arithmetic import ARITHMETIC
from tfgan.data.opening import are_drawn
from tfgan.data.pipeline import PipelineOptions
from tfgan.data.sources import DataOptions
from tfgan.importers.feature_networks import INCEPTION_FILES, LPIPS_FILES, VGG16_FILES
from tfgan.metrics import separability
from tfgan.terminal import UserError, require

if TYPE_CHECKING:
    from tfgan.devices import Replicas


CACHE = "evaluation-cache"  # beside run folders: classifiers, features


class EvaluationError(UserError):
    """A model cannot be measured as asked."""


class Network(NamedTuple):
    """A published feature network, whose weights the user brings.

    Attributes:
        name: As results and messages call it.
        variable: Environment variable that may name its files, parted as in PATH.
        source: Which files these are, and where they are published.
    """

    name: str
    variable: str
    source: str


# By option of the command line.
NETWORKS = {
    "inception": Network("Inception-v3", "TFGAN_INCEPTION", INCEPTION_FILES),
    "lpips_alex": Network("LPIPS 0.1 on AlexNet", "TFGAN_LPIPS_ALEX", LPIPS_FILES["alex"]),
    "lpips_vgg": Network("LPIPS 0.1 on VGG16", "TFGAN_LPIPS_VGG", LPIPS_FILES["vgg"]),
    "vgg16": Network("VGG16", "TFGAN_VGG16", VGG16_FILES),
}


class Metric(NamedTuple):
    """Something that can be measured.

    Attributes:
        about: What it is, in a line.
        number: Default of --count.
        counted: What it counts.
        network: Which of `NETWORKS` it needs, if it needs one.
        options: Other options of the command line that are for it alone.
        faces: What it has to do with the built-in faces: "measures", where its numbers mean nothing
            of other pictures; "needs", where it refuses others; "" for neither.
        instead: Of `options`, those of which one makes up for other pictures than it needs.
        caution: What its numbers do not say, and what does; "" where they say what one expects.
        modules: Optional packages that it needs; see `tfgan.terminal.require`.
    """

    about: str
    number: int
    counted: str
    network: str | None = None
    options: tuple[str, ...] = ()
    faces: str = ""
    instead: tuple[str, ...] = ()
    caution: str = ""
    modules: tuple[str, ...] = ()


_EACH = "of each set"
_MADE = "generated"
_SOURCES = "of each domain"
_PPL = ("ppl_space", "ppl_sampling", "ppl_epsilon", "ppl_crop")

_MEASURES, _NEEDS = "measures", "needs"

LATENT_METRICS = {
    "swd": Metric("sliced Wasserstein distance of Laplacian pyramids", 2000, _EACH),
    "avatar-fd": Metric(
        "Frechet distance of the features of the avatar network", 2000, _EACH, faces=_MEASURES
    ),
    "avatar-kd": Metric("kernel distance of the same features", 2000, _EACH, faces=_MEASURES),
    "avatar-pr": Metric("precision and recall of the same features", 2000, _EACH, faces=_MEASURES),
    "fid": Metric("Frechet inception distance", 50_000, _MADE, "inception"),
    "kid": Metric("kernel inception distance", 50_000, _MADE, "inception"),
    "pr": Metric("precision and recall of Inception features", 50_000, _MADE, "inception"),
    "pr-vgg16": Metric("the same of VGG16 features, as the papers have it", 50_000, _MADE, "vgg16"),
    "is": Metric(
        "inception score",
        50_000,
        _MADE,
        "inception",
        caution="it asks for pictures of many of ImageNet's classes, and is never compared with "
        "real ones: of faces, or of any one kind of thing, it is no measure of quality. fid is.",
    ),
    "ppl": Metric("perceptual path length", 100_000, "pairs", "lpips_vgg", _PPL),
    "separability": Metric(
        "linear separability of Z and W by attribute",
        200_000,
        _MADE,
        options=("classifier", "labelled", "labelled_table"),
        faces=_NEEDS,
        instead=("classifier", "labelled"),
        modules=separability.PACKAGES,
    ),
}
DOMAIN_METRICS = {
    "translation": Metric(
        "where translations arrive, and what they leave alone",
        1000,
        _SOURCES,
        caution="that translations arrive is no measure of picture quality: blurred ones may get "
        "1.000. fid is one, of the built-in faces avatar-fd too; and look at the pictures.",
    ),
    "identity": Metric(
        "which other attributes of avatars stay as they are",
        1000,
        _SOURCES,
        faces=_NEEDS,
        caution="a model that changes nothing keeps everything, and a blurred picture may show "
        "all that is asked: this is no measure of picture quality.",
    ),
    "avatar-fd": Metric(
        "Frechet distance to the target domain, avatar network", 1000, _SOURCES, faces=_MEASURES
    ),
    "fid": Metric("Frechet inception distance to the target domain", 1000, _SOURCES, "inception"),
    "lpips": Metric(
        "diversity: LPIPS of outputs of one picture",
        1000,
        _SOURCES,
        "lpips_alex",
        caution="diversity is no measure of picture quality: noise is diverse too. fid is one.",
    ),
}
LABEL_METRICS = {
    "translation": Metric(
        "which labels translations show, and what they leave alone",
        1000,
        _SOURCES,
        caution="that a classifier sees the labels is no measure of picture quality: blurred "
        "translations may get 1.000. No metric of StarGAN measures it here: look at the pictures "
        "that python -m tfgan.generate MODEL grid --source PHOTOS makes.",
    ),
    "identity": DOMAIN_METRICS["identity"],
}


class KindEntry(NamedTuple):
    """What is known of a kind of models before its module is imported.

    Attributes:
        system: As users call it.
        module: Imported once it is asked for; see `Kind`.
        metrics: Those that it has; the first is measured where none is named.
        options: Options of the command line that not every kind takes, and that this one does.
        data_options: The same, of those that say which the real pictures are.
    """

    system: str
    module: str
    metrics: Mapping[str, Metric]
    options: tuple[str, ...]
    data_options: tuple[str, ...] = ()


_LATENT_OPTIONS = ("noise", "psi", "real_count")
KINDS = {
    "StarGAN": KindEntry(
        "StarGAN", "tfgan.evaluate.labels", LABEL_METRICS, (), ("attribute_table",)
    ),
    "StarGANv2": KindEntry("StarGAN v2", "tfgan.evaluate.domains", DOMAIN_METRICS, ("outputs",)),
    "StyleGANGenerator": KindEntry(
        "StyleGAN", "tfgan.evaluate.latents", LATENT_METRICS, _LATENT_OPTIONS
    ),
    "StyleGAN2Generator": KindEntry(
        "StyleGAN2", "tfgan.evaluate.latents", LATENT_METRICS, _LATENT_OPTIONS
    ),
}


@dataclass(frozen=True)
class PictureOptions(DataOptions):
    """Which real pictures models are measured on, and how classifiers learn from them.

    Fields have the names of a run's options, and are read from its configuration.

    Args:
        flips: Whether a picture and its mirror image are alike.
        max_broken: Pictures that cannot be read and are left out; one more is an error.
        cache_gb: Memory for decoded pictures, in GB.
    """

    flips: bool = True
    max_broken: int = 10
    cache_gb: float = 1.0

    def pipeline_options(self) -> PipelineOptions:
        """How batches are made; their size and order are a classifier's own."""
        return PipelineOptions(
            self.resolution,
            batch_size=1,
            resize=self.resize,
            flips=self.flips,
            max_broken=self.max_broken,
            cache_gb=self.cache_gb,
        )

    def check_single(self) -> None:
        """Raises EvaluationError for several data sets, which only StarGAN learns from."""
        if len(self.data) > 1:
            raise EvaluationError(
                f"--data takes one data set with this model. Received: {' '.join(self.data)}. Use "
                "--model stargan to learn from several at once."
            )


@dataclass(frozen=True)
class PathLengths:
    """How perceptual path lengths are measured.

    Attributes:
        space: "z" or "w", where paths are.
        sampling: "full", anywhere on paths, or "end", at their beginnings.
        epsilon: Length of a step, as a share of the path.
        crop: Whether pictures are cut down to faces.
    """

    space: str = "w"
    sampling: str = "end"
    epsilon: float = 1e-4
    crop: bool = False


@dataclass(frozen=True)
class Request:
    """How a model is to be measured.

    Attributes:
        config: Which the real pictures are.
        fingerprint: That of the pictures of the run; None where the model is of no run.
        replicas: Where networks run.
        counts: By metric, most pictures, pairs or the like.
        seed: Of all that is drawn.
        cache: Folder of classifiers and features.
        networks: By option of `NETWORKS`, the files of those that metrics need.
        psi: Truncation.
        noise: Of generators, "random" or "fixed"; see `tfgan.evaluate.generators`.
        real_count: Most real pictures that features of fid, kid, pr and pr-vgg16 are taken of;
            None: all, of which precision and recall draw 50,000.
        paths: Of the metric ppl.
        outputs: Of one picture, with the metrics fid and lpips of StarGAN v2.
        classifier: File of the classifier for separability; None: one is trained.
        labelled: Data that it is trained on; None: the avatars.
        labelled_table: Their list of attributes, of a folder.
        arithmetic: Of all networks, as results say it.
    """

    config: PictureOptions
    fingerprint: str | None
    replicas: "Replicas"
    counts: Mapping[str, int]
    seed: int
    cache: Path
    networks: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    psi: float = 1.0
    noise: str = "random"
    real_count: int | None = None
    paths: PathLengths = field(default_factory=PathLengths)
    outputs: int = 10
    classifier: Path | None = None
    labelled: str | None = None
    labelled_table: str | None = None
    arithmetic: str = ARITHMETIC


class Measure(NamedTuple):
    """How a metric is measured and shown.

    Attributes:
        find: A subject and the name of the metric -> what is found, as results keep it.
        describe: What was found, as tables.
        curves: Those numbers of it that make curves, by name.
    """

    find: Callable[[Any, str], dict[str, Any]]
    describe: Callable[[Mapping[str, Any]], str]
    curves: Callable[[Mapping[str, Any]], dict[str, float]]


class Reals(Protocol):
    """Real pictures that models are measured on.

    Attributes:
        networks: Those that metrics need; see `tfgan.evaluate.features.Networks`.
    """

    networks: Any

    def about(self) -> list[str]:
        """What they are, in lines."""
        ...


class Kind(Protocol):
    """How models of a class are measured: what the modules of `KINDS` have.

    Attributes:
        DATA: What --data may name, in words.
        MEASURES: By name of a metric.
    """

    DATA: str
    MEASURES: Mapping[str, Measure]

    def open_reals(self, model: Any, request: Request) -> Reals:
        """Opens the real pictures that a model, and others like it, are measured on."""
        ...

    def Subject(self, model: Any, reals: Any, made: Path) -> Any:  # noqa: N802
        """A model and its real pictures, as measures take them.

        Args:
            model: The model.
            reals: What `open_reals` gave.
            made: Folder that keeps what is made of its pictures.
        """
        ...


def kind_of(name: str) -> Kind:
    """The kind of a class of models, one of `KINDS`."""
    return cast(Kind, importlib.import_module(KINDS[name].module))


def has_faces(data: Sequence[str]) -> bool:
    """Whether sets, as --data names them, are the built-in faces and nothing else."""
    return are_drawn(data)


def cautions(
    metrics: Mapping[str, Metric], chosen: Sequence[str], data: Sequence[str]
) -> dict[str, str]:
    """What must be said beside the numbers of metrics, by name; "" where nothing must be.

    Args:
        metrics: All of a kind of models, by name.
        chosen: Names of those that are asked for.
        data: The real pictures, as --data names them.
    """
    others = ""
    if not has_faces(data):
        quality = [name for name in ("swd", "fid") if name in metrics]
        others = (
            f"the avatar network has only seen drawn faces: of {' '.join(data)} this is no measure "
            f"of quality. {' and '.join(quality)} {'are' if len(quality) > 1 else 'is'}."
        )
    return {
        name: others if metrics[name].faces == _MEASURES else metrics[name].caution
        for name in chosen
    }


def check_faces(
    metrics: Mapping[str, Metric],
    chosen: Sequence[str],
    data: Sequence[str],
    given: Sequence[str] = (),
) -> None:
    """Refuses metrics that need the built-in faces where pictures are others.

    Args:
        metrics: All of a kind of models, by name.
        chosen: Names of those that are asked for.
        data: The real pictures, as --data names them.
        given: Options of the command line that were given.

    Raises:
        EvaluationError: If there is one; it says what can be done.
    """
    for name in chosen:
        metric = metrics[name]
        if metric.faces != _NEEDS or has_faces(data) or set(metric.instead) & set(given):
            continue
        advice = f"Leave {name} out."
        if metric.instead:
            advice = (
                "Name a labelled set with --labelled, as for StarGAN's --data, or give "
                "--classifier FILE.keras."
            )
        raise EvaluationError(
            f"--metrics {name} needs a classifier of attributes, which are known of the built-in "
            f"avatars alone. Received: --data {' '.join(data)}. {advice}"
        )


def find_networks(
    given: Mapping[str, Sequence[Path] | None],
    metrics: Mapping[str, Metric],
    chosen: Sequence[str],
    data: Sequence[str] = (),
) -> dict[str, tuple[Path, ...]]:
    """The files of the networks that metrics need: those given, or those of the environment.

    Args:
        given: By option of `NETWORKS`, files that were named; None where none was.
        metrics: All of a kind of models, by name.
        chosen: Names of those that are asked for.
        data: The real pictures, as --data names them: what is offered in place of a network
            depends on them.

    Raises:
        EvaluationError: If a network is needed whose files are not named, or not there.
    """
    found: dict[str, tuple[Path, ...]] = {}
    for name in chosen:
        option = metrics[name].network
        if option is None or option in found:
            continue
        network, flag = NETWORKS[option], "--" + option.replace("_", "-")
        where, files = flag, tuple(given[option] or ())
        if not files and os.environ.get(network.variable):
            where = network.variable
            files = tuple(map(Path, os.environ[where].split(os.pathsep)))
        if not files:
            free = " ".join(
                other
                for other, known in metrics.items()
                if known.network is None and (not known.faces or has_faces(data))
            )
            raise EvaluationError(
                f"--metrics {name} needs the weights of {network.name}. Received: none. Get "
                f"{network.source}; give {flag} FILE, a .keras file that python -m tfgan.importers "
                f"made of it, or set {network.variable}. Without such "
                f"files there are --metrics {free}."
            )
        for file in files:
            if not file.is_file():
                raise EvaluationError(f"{where} must name files. Received: {file}, which is none.")
        found[option] = files
    return found


def check_packages(names: Sequence[str]) -> None:
    """Raises MissingPackageError unless the packages are installed that metrics of any kind need.

    Args:
        names: Of the metrics; words that are none do no harm.
    """
    for entry in KINDS.values():
        for name, metric in entry.metrics.items():
            if name in names:
                require(f"--metrics {name}", *metric.modules)


def check_metrics(names: Sequence[str], entry: KindEntry) -> tuple[str, ...]:
    """The metrics that are asked for, each once, or the default.

    Raises:
        EvaluationError: If one of them is not for such a model.
        MissingPackageError: If one of them needs a package that is not installed.
    """
    unknown = [name for name in names if name not in entry.metrics]
    if unknown:
        raise EvaluationError(
            f"--metrics of {entry.system} are {', '.join(entry.metrics)}. "
            f"Received: {' '.join(unknown)}."
        )
    check_packages(names)
    return tuple(dict.fromkeys(names or list(entry.metrics)[:1]))
