"""The built-in avatars as a source: drawn when they are first asked for."""

from tfgan.data.sources import DataError, DataOptions
from tfgan.data.tfds_sets import TfdsSource


def open_avatars(name: str, options: DataOptions) -> TfdsSource:
    """Draws the avatars unless they are there, and opens them; see `SourceType.open`.

    Raises:
        DataError: If they cannot be drawn, or have no such split or features.
    """
    from tfgan.data import avatars

    try:
        # None are drawn smaller than 16; the pipeline makes 8 of them.
        size = max(options.resolution, 16)
        builder = avatars.prepare(size, options.avatars_count, 0, options.data_dir)
    except (OSError, ValueError) as error:
        raise DataError(
            field="data", named=name, expected="could not be drawn", received=error
        ) from error
    label_key = options.label_key
    if options.conditional and label_key is None:
        label_key = "domain"
    return TfdsSource(
        name, builder, options.split, options.conditional, options.image_key, label_key
    )
