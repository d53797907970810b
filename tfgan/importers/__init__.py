"""Published checkpoints in, `.keras` out, without running what is inside them."""

from tfgan.terminal import UserError


class CheckpointError(UserError):
    """A published file is damaged, asks for code, or does not hold what is needed.

    Its message goes on after the name of the file.
    """
