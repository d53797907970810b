"""python -m training.evaluate: another name of python -m tfgan.evaluate."""

import runpy

from tfgan.terminal import CommandParser, command, run_command


@command()
def main() -> int:
    """Runs the command in this process; it ends it."""
    CommandParser.called_as["python -m tfgan.evaluate"] = "python -m training.evaluate"
    runpy.run_module("tfgan.evaluate", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    run_command(main)
