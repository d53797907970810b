"""Published checkpoints in, `.keras` out, without running what is inside them."""

from tfgan.terminal import UserError


class CheckpointError(UserError):
    """A published file is damaged, asks for code, or lacks what is needed.

    Its message continues the name of the file.
    """
