"""python -m training.run: trains a generator from pictures.

Examples:
  python -m training.run --model stylegan2
      Trains on the built-in drawn faces; 45,000 images, 7.4 minutes on two CPU cores.
  python -m training.run --model stylegan2 --preset small-data-cpu --data my_pictures
      Trains on a folder of own pictures, with adaptive augmentation; half an hour without a GPU.
  python -m training.run --model stylegan2 --preset small-data --data my_pictures
      The same at 256 pixels, on a GPU.
  python -m training.run --model stylegan2 --preset small-data --data tfds:oxford_flowers102
      Trains on a set of tensorflow-datasets.
  python -m training.run --model stylegan --preset ffhq-256 --data my_pictures
      Grows from 8 to 256 pixels.
  python -m training.run --model stargan-v2 --preset afhq-256 --data my_domains
      Trains translations between the sub-folders of a folder.
  python -m training.run --model stylegan2 --evaluate-every 50 --metrics swd avatar-fd
      Adds curves of quality, as python -m training.evaluate measures it.
  python -m training.run --model stylegan2 --preset small-data --data cats --init faces.keras
      Starts from the weights of another model; --freeze-d 4 keeps parts of the discriminator.
      Sets --ema-rampup None and --ada-kimg 100 unless you give them.
  python -m training.run --resume latest
      Takes up the newest run where it stopped.
  python -m training.run --resume latest --learning-rate 0.001 --override
      The same with another option, which makes it another run; config.json keeps the change.
  srun python -m training.run --model stylegan2 --preset ffhq-256 --data /shared/faces
      Trains on all nodes of a SLURM job; elsewhere TF_CONFIG names the workers.

Ctrl-C and SIGTERM save after the step at hand. The exit status is then 130 or 143, so that a
command after && does not run; 0 where training ended by itself, 1 where it could not go on, and 2
for a mistake in what was asked for.
"""

import contextlib
import sys
import time

from tfgan.terminal import command, import_tensorflow, run_command
from training.options import SYSTEMS, parse

__all__ = ["SYSTEMS", "main", "parse"]


@command(stopped="Stopped before training began.")
def main(argv: list[str] | None = None) -> int:
    """Trains; returns the exit status."""
    started = time.monotonic()
    args, model, config = parse(sys.argv[1:] if argv is None else argv, __doc__ or "")
    import_tensorflow()
    from training.session import Session

    with contextlib.ExitStack() as until_end:
        return Session(args, model, config, until_end, started).run()


if __name__ == "__main__":
    run_command(main)
