"""Command line: a published checkpoint as a `.keras` file."""

import argparse
import math
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tfgan.importers import CheckpointError, face_landmarks, inception, lpips
from tfgan.importers.files import READERS, read_together
from tfgan.loading import check_writable
from tfgan.terminal import UserError, import_tensorflow


class System(NamedTuple):
    """Something that can be imported.

    Attributes:
        about: What it is, and where it was published.
        find: Its weights in the contents of a file; None if there are none.
        convert: The model of such weights, and lines that say what was left out.
        uses: Commands that take the new file, {file}.
    """

    about: str
    find: Callable[[Any], Any]
    convert: Callable[[Any], tuple[Any, list[str]]]
    uses: tuple[str, ...]


SYSTEMS = (
    System(
        "face landmarks (clovaai/stargan-v2, wing.ckpt)",
        face_landmarks.find,
        face_landmarks.convert,
        (
            "python -m training.run --model stargan-v2 --preset celeba-hq-256 --data FOLDER "
            "--w-hpf 1 --landmarks {file}",
            "python -m tfgan.align {file} --source PHOTOS --mean-landmarks celeba_lm_mean.npz "
            "--out FACES",
        ),
    ),
    System(
        "Inception-v3 of FID (mseitzer/pytorch-fid, pt_inception-2015-12-05-6726825d.pth; for "
        "StarGAN v2's, torchvision's inception_v3_google-0cc3c7bd.pth)",
        inception.find,
        inception.convert,
        ("python -m training.evaluate MODEL --metrics fid --inception {file}",),
    ),
    System(
        "LPIPS (torchvision's alexnet-owt-7be5be79.pth or vgg16-397923af.pth, together with "
        "alex.pth or vgg.pth of richzhang/PerceptualSimilarity, lpips/weights/v0.1)",
        lpips.find,
        lpips.convert,
        (
            "python -m training.evaluate MODEL --metrics lpips --lpips-alex {file}",
            "python -m training.evaluate MODEL --metrics ppl --lpips-vgg {file}",
        ),
    ),
)

_ABOUT = """Makes a .keras file of a published checkpoint.

What FILE is and holds is found out by looking into it; neither PyTorch nor TensorFlow 1 is needed.
No code of the file is ever run: a file that asks for anything but numbers is refused, and named.
"""

_EPILOG = """kinds of files:
{readers}

what can be imported:
{systems}

Published weights carry licences of their own, whatever the licence of this program is: those of
clovaai/stargan-v2 are for non-commercial use (CC BY-NC 4.0). A .keras file made of them is bound by
the same.

Weights for metrics are at
  https://github.com/mseitzer/pytorch-fid/releases/tag/fid_weights
  https://github.com/richzhang/PerceptualSimilarity/tree/master/lpips/weights/v0.1
  https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth
  https://download.pytorch.org/models/alexnet-owt-7be5be79.pth
  https://download.pytorch.org/models/vgg16-397923af.pth

examples:
  python -m tfgan.importers wing.ckpt -o landmarks.keras
  python -m tfgan.importers pt_inception-2015-12-05-6726825d.pth -o inception.keras
  python -m tfgan.importers alexnet-owt-7be5be79.pth alex.pth -o lpips-alex.keras
  python -m tfgan.importers vgg16-397923af.pth vgg.pth -o lpips-vgg.keras
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tfgan.importers",
        description=_ABOUT,
        epilog=_EPILOG.format(
            readers="\n".join(f"  {reader.about}" for reader in READERS),
            systems="\n".join(f"  {system.about}" for system in SYSTEMS),
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="published checkpoint; several where the parts of one network were published apart",
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="MODEL.keras",
        help="file to write (default: the first FILE, ending in .keras, in the current folder)",
    )
    return parser


def recognize(contents: Any) -> tuple[System, Any]:
    """The system that a file holds, and its weights.

    Raises:
        CheckpointError: If it holds none that can be imported.
    """
    for system in SYSTEMS:
        weights = system.find(contents)
        if weights is not None:
            return system, weights
    names = [str(name)[:40] for name in contents] if isinstance(contents, dict) else []
    listed = f"entries {', '.join(names[:8])}" if names else f"a {type(contents).__name__}"
    raise CheckpointError(
        f"it holds nothing that can be imported. Received: {listed}{', ...' * (len(names) > 8)}. "
        f"Expected: {'; '.join(system.about for system in SYSTEMS)}."
    )


def _check_output(out: Path) -> None:
    if out.suffix != ".keras":
        raise UserError(f"--out must end in .keras. Received: {out}.")
    if out.is_dir():
        raise UserError(f"--out must be a file, but {out} is a folder.")
    check_writable(out.parent)


def write(model: Any, out: Path) -> None:
    """Saves a model under its name only once it is whole; makes the folder if it is absent."""
    import keras

    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".partial-{os.getpid()}-{out.name}")
    try:
        keras.saving.save_model(model, partial)
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    out = options.out or Path(options.files[0].name).with_suffix(".keras")
    listed = ", ".join(map(str, options.files))
    try:
        _check_output(out)
        print(f"Reading {listed}", flush=True)
        system, weights = recognize(read_together(options.files))
        import_tensorflow()
        model, notes = system.convert(weights)
        write(model, out)
    except CheckpointError as error:
        print(f"error: {listed}: {error}", file=sys.stderr)
        return 2
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; nothing was written.", file=sys.stderr)
        return 130
    count = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    print(f"Found {system.about}: {count:,} parameters")
    for note in notes:
        print(f"Left out: {note}")
    print(f"Wrote {out}\n\nUse it with")
    for use in system.uses:
        print(f"  {use.format(file=shlex.quote(str(out)))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
