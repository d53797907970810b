"""Command line: published checkpoints as `.keras` files."""

import argparse
import contextlib
import gc
import math
import shlex
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfgan.files import replacing
from tfgan.importers import CheckpointError
from tfgan.importers.files import READERS, read_each
from tfgan.importers.parts import DISCRIMINATOR, RAW, Labels, Options, Part
from tfgan.importers.systems import SYSTEMS, find_parts
from tfgan.loading import check_writable
from tfgan.terminal import (
    CommandParser,
    Progress,
    UserError,
    command,
    import_tensorflow,
    run_command,
)

_ABOUT = """Makes .keras files of a published checkpoint.

What FILE is and holds is found out by looking into it; neither PyTorch nor TensorFlow 1 is needed.
No code of the file is ever run: a file that asks for anything but numbers is refused, and named.

MODEL.keras holds what makes pictures, with averaged weights. What only training needs goes beside
it, where FILE has it: MODEL-discriminator.keras, and MODEL-raw.keras, the same networks as MODEL
with the weights before averaging. Generators run once before anything is written.
"""

_EPILOG = """kinds of files:
{readers}

what can be imported:
{systems}

Configurations are read from the files. Where they cannot tell, an option has to. Files without an
average style get the mean of 10,000, and those without fixed noise some that is always the same.
Networks are float32 here, whatever precision they were trained in. Discriminators of rosinality's
StyleGAN that were trained with --no_from_rgb_activate have no counterpart here and are left out.

Published weights carry licences of their own, whatever the licence of this program is: those of
clovaai/stargan-v2 and of NVIDIA's StyleGANs are for non-commercial use. A .keras file made of them
is bound by the same.

Weights for metrics are at
  https://github.com/mseitzer/pytorch-fid/releases/tag/fid_weights
  https://github.com/richzhang/PerceptualSimilarity/tree/master/lpips/weights/v0.1
  https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth
  https://download.pytorch.org/models/alexnet-owt-7be5be79.pth
  https://download.pytorch.org/models/vgg16-397923af.pth
  https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/vgg16.pt

examples:
  python -m tfgan.importers ffhq.pkl
  python -m tfgan.importers stylegan2-ffhq-config-f.pkl -o ffhq.keras
  python -m tfgan.importers cifar10.pkl --names plane car bird cat deer dog frog horse ship truck
  python -m tfgan.importers stylegan-256px-new.model --resolution 256
  python -m tfgan.importers 100000_nets_ema.ckpt wing.ckpt --names female male --w-hpf 1 \\
    -o celeba-hq.keras
  python -m tfgan.importers 100000_nets_ema.ckpt 100000_nets.ckpt --names cat dog wild -o afhq.keras
  python -m tfgan.importers 200000-G.ckpt 200000-D.ckpt \\
    --attributes Black_Hair Blond_Hair Brown_Hair Male Young \\
    --exclusive Black_Hair Blond_Hair Brown_Hair -o celeba.keras
  python -m tfgan.importers wing.ckpt -o landmarks.keras
  python -m tfgan.importers pt_inception-2015-12-05-6726825d.pth -o inception.keras
  python -m tfgan.importers alexnet-owt-7be5be79.pth alex.pth -o lpips-alex.keras
  python -m tfgan.importers vgg16-397923af.pth vgg.pth -o lpips-vgg.keras
  python -m tfgan.importers vgg16-397923af.pth -o vgg16.keras
"""


class _AddLabels(argparse.Action):
    """Names of labels of one more set, of the kind that is the constant of the option."""

    def __call__(self, parser, namespace, values, option_string=None):
        labels = Labels(self.const, tuple(values))
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), labels])


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m tfgan.importers",
        usage="%(prog)s FILE [FILE ...] [-o MODEL.keras] [options]",
        description=_ABOUT,
        epilog=_EPILOG.format(
            readers="\n".join(f"  {reader.about}" for reader in READERS),
            systems="\n".join(f"  {name}: {system.about}" for name, system in SYSTEMS.items()),
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="published checkpoint; several where the parts of one system were published apart",
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="MODEL.keras",
        help="file to write (default: the first FILE, ending in .keras, in the current folder)",
    )
    parser.add_argument(
        "--as",
        dest="system",
        choices=SYSTEMS,
        help="what FILE holds (default: found out)",
    )
    parser.add_argument(
        "--names",
        dest="labels",
        default=[],
        const="classes",
        nargs="*",
        metavar="NAME",
        action=_AddLabels,
        help="names of classes or domains, in their order (default: class0, ... or domain0, ...); "
        "for StarGAN that its labels exclude each other, repeated for each data set",
    )
    parser.add_argument(
        "--attributes",
        dest="labels",
        const="attributes",
        nargs="*",
        metavar="NAME",
        action=_AddLabels,
        help="StarGAN: names of labels that are true or not each by itself, in their order",
    )
    parser.add_argument(
        "--exclusive",
        default=[],
        nargs="+",
        metavar="NAME",
        action="append",
        help="StarGAN: attributes of which at most one is true, such as colours of hair",
    )
    parser.add_argument(
        "--resolution",
        type=int,
        metavar="PIXELS",
        help="StarGAN without -D.ckpt, and rosinality's StyleGAN: size of the pictures",
    )
    parser.add_argument(
        "--w-hpf",
        type=float,
        metavar="NUMBER",
        help="StarGAN v2: what the high-pass filter is divided by, if FILE does not hold it",
    )
    return parser


def _check_outputs(outs: Sequence[Path]) -> None:
    for out in outs:
        if out.suffix != ".keras":
            raise UserError(f"--out must end in .keras. Received: {out}.")
        if out.is_dir():
            raise UserError(f"--out must be a file, but {out} is a folder.")
        check_writable(out.parent)


def _check_inputs(files: Sequence[Path], out: Path) -> None:
    for file in files:
        if not file.name:
            raise UserError("FILE must name a published checkpoint. Received: nothing.")
        if file.exists() and out.exists() and file.samefile(out):
            raise UserError(f"--out must be another file than FILE. Received: {out} as both.")


def _check_beside(out: Path, parts: Sequence[Part]) -> None:
    """Refuses to leave files of another import beside this one, which would be taken for its."""
    written = {part.ending for part in parts}
    for ending in (RAW, DISCRIMINATOR):
        old = out.with_name(f"{out.stem}{ending}{out.suffix}")
        if ending not in written and old.exists():
            raise UserError(
                f"{old} is of another import, and would be taken for a part of {out}. Remove it, "
                "or choose another --out."
            )


def _check_output(part: Part, model: Any) -> None:
    """Refuses a network whose output makes no sense, as wrong weights of right shapes give."""
    if part.run is None:
        return
    output = np.asarray(part.run(model))
    if not np.all(np.isfinite(output)) or (output.size > 1 and np.ptp(output) == 0):
        raise CheckpointError(
            f"its weights fit, but what they make is no picture: {part.about} gives values from "
            f"{np.min(output)} to {np.max(output)}."
        )


def _save(model: Any, path: Path) -> None:
    """Saves a model through files, where Keras would gather all weights in memory, twice."""
    import keras

    with tempfile.TemporaryDirectory(prefix=".partial-", dir=path.parent) as folder:
        keras.saving.save_model(model, Path(folder, "model"), zipped=False)
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(Path(folder, "model").rglob("*")):
                archive.write(file, file.relative_to(Path(folder, "model")))


def _write_part(part: Part, path: Path) -> list[str]:
    """Makes a model, tries it and saves it; lines that say what was found and left out."""
    model, notes = part.make()
    _check_output(part, model)
    _save(model, path)
    count = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    return [
        f"Found {part.about}: {count:,} parameters",
        *[f"Left out: {note}" for note in notes],
    ]


def write(parts: list[Part], out: Path) -> list[str]:
    """Makes the models of some parts, tries each, and saves all of them once the last is whole.

    Args:
        parts: Of published files; none are left.
        out: File of the part without an ending; the folder is made if it is absent.

    Returns:
        Lines that say what was found, left out and written.

    Raises:
        CheckpointError: If weights do not fit, or make no sense. Then nothing is written.
        OSError: If a file cannot be written.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    lines, targets = [], []
    with contextlib.ExitStack() as files:
        total = len(parts)
        for _ in Progress(range(total), "Importing", unit=" networks"):
            part = parts.pop(0)  # its weights are let go with it
            targets.append(out_path(out, part))
            lines += _write_part(part, files.enter_context(replacing(targets[-1])))
            del part
            gc.collect()  # models refer to themselves, so each would stay until the last is made
    return [*lines, *[f"Wrote {target}" for target in targets]]


def out_path(out: Path, part: Part) -> Path:
    """The file of a part."""
    return out.with_name(f"{out.stem}{part.ending}{out.suffix}")


@command(stopped="Stopped; nothing was written.")
def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    given = _parser().parse_args(arguments)
    options = Options(given.resolution, given.w_hpf, given.labels, given.exclusive)
    out = given.out or Path(given.files[0].name or "model").with_suffix(".keras")
    listed = ", ".join(map(str, given.files))
    try:
        _check_inputs(given.files, out)
        _check_outputs([out])
        print(f"Reading {listed}", flush=True)
        system, parts = find_parts(read_each(given.files), given.system, options)
        _check_outputs([out_path(out, part) for part in parts])
        _check_beside(out, parts)
        import_tensorflow()
        lines = write(parts, out)
    except CheckpointError as error:
        raise CheckpointError(f"{listed}: {error}") from error
    print("\n".join(lines))
    print("\nUse it with")
    for use in system.uses:
        print(f"  {use.format(file=shlex.quote(str(out)))}")
    return 0


if __name__ == "__main__":
    run_command(main)
