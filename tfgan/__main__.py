"""The console command `tfgan`, which is also `python -m tfgan`: one verb for each command line."""

import runpy
import sys
from pathlib import Path
from typing import NamedTuple, NoReturn

from tfgan.terminal import ROOT, CommandParser, UserError, command, did_you_mean, run_command


class Command(NamedTuple):
    """A command line of this program.

    Attributes:
        module: What `python -m` runs.
        about: What it does, in a line.
    """

    module: str
    about: str


COMMANDS = {
    "train": Command("training.run", "train a model from pictures, or resume a run"),
    "generate": Command("tfgan.generate", "make pictures, figures and videos with a model"),
    "evaluate": Command("tfgan.evaluate", "measure a model: FID, LPIPS, precision and others"),
    "export": Command("export.run", "write a model as SavedModel and .tflite, and compare them"),
    "import": Command("tfgan.importers", "make .keras files of published checkpoints"),
    "prepare": Command("tfgan.data.prepare", "pack a folder of pictures for fast reading"),
    "align": Command("tfgan.align", "crop faces of photos as StarGAN v2 needs them"),
    "demo": Command("mobile_demo", "serve the app that runs exported models on a phone"),
}
_HELP = """usage: tfgan COMMAND ...

Trains StarGAN, StarGAN v2, StyleGAN and StyleGAN2, and takes the models from pictures to a phone.

commands:
{commands}

tfgan COMMAND --help explains one. Each can be run as a module too, with the same options.
"""


def describe_commands() -> str:
    """What --help shows."""
    lines = [
        f"  {verb:<10}{entry.about:<60}python -m {entry.module}" for verb, entry in COMMANDS.items()
    ]
    return _HELP.format(commands="\n".join(lines))


def leave_current_folder_out() -> None:
    """Keeps packages of the current folder apart from those of this program.

    `python -m tfgan` looks for modules in the current folder first, which may have a `training` or
    an `export` of its own.
    """
    here = Path.cwd()
    if sys.path and Path(sys.path[0]).resolve() == here != ROOT:
        del sys.path[0]


@command()
def main() -> int:
    """Runs the command that the first word names, as `python -m` would; it ends the process."""
    verb = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if verb in ("-h", "--help"):
        print(describe_commands(), end="")
        return 0 if len(sys.argv) > 1 else 2
    if verb not in COMMANDS:
        raise UserError(
            expected=f"the first word must be one of {', '.join(COMMANDS)}",
            received=verb,
            advice=did_you_mean(verb, COMMANDS) or "See tfgan --help.",
        )
    leave_current_folder_out()
    del sys.argv[1]
    module = COMMANDS[verb].module
    CommandParser.called_as[f"python -m {module}"] = f"tfgan {verb}"
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


def run() -> NoReturn:
    """What the console command calls."""
    run_command(main)


if __name__ == "__main__":
    run()
