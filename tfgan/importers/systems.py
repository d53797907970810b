"""Systems and networks that can be imported, and how files are recognised."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfgan.importers import (
    CheckpointError,
    face_landmarks,
    inception,
    lpips,
    stargan,
    stargan_v2,
    stylegan,
    stylegan2,
    vgg,
)
from tfgan.importers.files import merge
from tfgan.importers.parts import Options, Part, alone
from tfgan.terminal import UserError


class System(NamedTuple):
    """A system or network that can be imported.

    Attributes:
        about: Its name and where it was published.
        find: Finds its weights in the contents of files, by path; None if there are none.
        parts: Converts these weights to models.
        options: Fields of `Options` that apply to it.
        uses: Commands for the new file, {file}.
    """

    about: str
    find: Callable[[Mapping[Path, Any]], Any]
    parts: Callable[[Any, Options], list[Part]]
    options: tuple[str, ...]
    uses: tuple[str, ...]


def _merged(find: Callable[[Any], Any]) -> Callable[[Mapping[Path, Any]], Any]:
    """Reads several files as one."""
    return lambda files: find(merge(files))


def _noise(size: int) -> Any:
    return np.random.default_rng(0).uniform(-1, 1, (1, size, size, 3)).astype(np.float32)


_PICTURES = ("python -m tfgan.generate {file} grid", "python -m export.run {file}")
SYSTEMS = {
    "stylegan2": System(
        "StyleGAN2 (.pkl of NVlabs/stylegan2-ada-pytorch, stylegan3, stylegan2-ada and stylegan2; "
        ".pt of rosinality/stylegan2-pytorch)",
        stylegan2.find,
        stylegan2.convert,
        ("labels",),
        _PICTURES,
    ),
    "stylegan": System(
        "StyleGAN (.pkl of NVlabs/stylegan; .model of rosinality/style-based-gan-pytorch)",
        stylegan.find,
        stylegan.convert,
        ("labels", "resolution"),
        _PICTURES,
    ),
    "stargan-v2": System(
        "StarGAN v2 (clovaai/stargan-v2, *_nets_ema.ckpt and, to train on, *_nets.ckpt; with "
        "wing.ckpt where it has high-pass skips)",
        stargan_v2.find,
        stargan_v2.convert,
        ("labels", "w_hpf"),
        ("python -m tfgan.generate {file} --help", "python -m export.run {file}"),
    ),
    "stargan": System(
        "StarGAN (yunjey/stargan, *-G.ckpt with *-D.ckpt)",
        stargan.find,
        stargan.convert,
        ("labels", "resolution", "exclusive"),
        ("python -m tfgan.generate {file} --help", "python -m export.run {file}"),
    ),
    "face-landmarks": System(
        "face landmarks (clovaai/stargan-v2, wing.ckpt)",
        _merged(face_landmarks.find),
        alone(face_landmarks.convert, "face landmarks", lambda model: model(_noise(256))),
        (),
        (
            "python -m training.run --model stargan-v2 --preset celeba-hq-256 --data FOLDER "
            "--w-hpf 1 --landmarks {file}",
            "python -m tfgan.align {file} --source PHOTOS --mean-landmarks celeba_lm_mean.npz "
            "--out FACES",
        ),
    ),
    "inception": System(
        "Inception-v3 of FID (mseitzer/pytorch-fid, pt_inception-2015-12-05-6726825d.pth; for "
        "StarGAN v2's, torchvision's inception_v3_google-0cc3c7bd.pth)",
        _merged(inception.find),
        alone(
            inception.convert,
            "Inception-v3",
            lambda model: model((127.5 * _noise(299) + 127.5).astype(np.uint8)),
        ),
        (),
        ("python -m tfgan.evaluate MODEL --metrics fid --inception {file}",),
    ),
    "vgg16": System(
        "VGG16 of precision and recall (torchvision's vgg16-397923af.pth, or vgg16.pt of "
        "NVlabs/stylegan2-ada-pytorch)",
        _merged(vgg.find),
        alone(
            vgg.convert,
            "VGG16",
            lambda model: model((127.5 * _noise(224) + 127.5).astype(np.uint8)),
        ),
        (),
        ("python -m tfgan.evaluate MODEL --metrics pr-vgg16 --vgg16 {file}",),
    ),
    "lpips": System(
        "LPIPS (torchvision's alexnet-owt-7be5be79.pth or vgg16-397923af.pth, together with "
        "alex.pth or vgg.pth of richzhang/PerceptualSimilarity, lpips/weights/v0.1)",
        _merged(lpips.find),
        alone(lpips.convert, "LPIPS", lambda model: model(_noise(64), -_noise(64))),
        (),
        (
            "python -m tfgan.evaluate MODEL --metrics lpips --lpips-alex {file}   # AlexNet",
            "python -m tfgan.evaluate MODEL --metrics ppl --lpips-vgg {file}      # VGG16",
        ),
    ),
}


def recognize(files: Mapping[Path, Any], wanted: str | None = None) -> tuple[System, Any]:
    """The system that files hold, and its weights.

    Args:
        files: Contents of the files, by path.
        wanted: Key of `SYSTEMS`; None to recognise it.

    Raises:
        CheckpointError: If they hold nothing that can be imported, or another system than `wanted`.
        UserError: If files do not belong together.
    """
    systems = SYSTEMS if wanted is None else {wanted: SYSTEMS[wanted]}
    for system in systems.values():
        weights = system.find(files)
        if weights is not None:
            return system, weights
    contents = merge(files)
    names = [str(name)[:40] for name in contents] if isinstance(contents, dict) else []
    listed = f"entries {', '.join(names[:8])}" if names else f"a {type(contents).__name__}"
    raise CheckpointError(
        f"it holds nothing that can be imported. Received: {listed}{', ...' * (len(names) > 8)}. "
        f"Expected: {'; '.join(system.about for system in systems.values())}."
    )


def find_parts(
    files: Mapping[Path, Any], wanted: str | None, options: Options
) -> tuple[System, list[Part]]:
    """The system that files hold, and its models.

    Args:
        files: Contents of the files, by path.
        wanted: Key of `SYSTEMS`; None to recognise it.
        options: Facts that files do not hold.

    Raises:
        CheckpointError: If they hold nothing that can be imported, or options are missing.
        UserError: If files or options do not belong together.
    """
    try:
        system, weights = recognize(files, wanted)
        _check_options(options, system)
        return system, system.parts(weights, options)
    except UserError:
        raise
    # Known names with unexpected contents: a damaged file, or a fake.
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise CheckpointError("it is damaged: entries with known names make no sense.") from error


def _check_options(options: Options, system: System) -> None:
    flags = {
        "labels": "--names and --attributes",
        "resolution": "--resolution",
        "w_hpf": "--w-hpf",
        "exclusive": "--exclusive",
    }
    if any(not name.strip() for _, names in options.labels for name in names):
        raise UserError(f"{flags['labels']} must give names. Received: an empty one.")
    for field, flag in flags.items():
        if getattr(options, field) and field not in system.options:
            raise UserError(f"{flag} must be left out for {system.about}.")
