"""Opens what a user names with `--data`: the built-in avatars, a TFDS set, or a folder."""

from tfgan.data.folders import FolderSource
from tfgan.data.prepared import PreparedSource, is_prepared
from tfgan.data.sources import DataError, Source, check_resolution
from tfgan.data.tfds_sets import TfdsSource, prepare_tfds


def open_source(
    data: str,
    *,
    resolution: int,
    conditional: bool = False,
    split: str = "train",
    image_key: str | None = None,
    label_key: str | None = None,
    data_dir: str | None = None,
    avatars_count: int = 8_000,
) -> Source:
    """Opens what a user names with `--data`.

    Args:
        data: `avatars`, `tfds:NAME`, `tfds:NAME/CONFIG:VERSION`, or the path of a folder, of
            pictures or made by `tfgan.data.prepare`.
        resolution: Size of the images that will be made of the pictures.
        conditional: Whether the pictures need classes.
        split: Split of a TFDS set; slices such as `train[:90%]` and sums are understood.
        image_key: Feature of a TFDS set that holds the picture. Defaults to the only one, or to
            `image` among several.
        label_key: Feature of a TFDS set that holds the class, a `ClassLabel` or a `bool`, with
            slashes for nesting: `attributes/Male`. Naming one makes the source labelled.
            Defaults to the only `ClassLabel` (avatars: `domain`) when `conditional`.
        data_dir: Where TFDS keeps its sets. Defaults to its own choice.
        avatars_count: How many avatars are drawn.

    Returns:
        A `Source`.

    Raises:
        DataError: If there is nothing to read there, and why.
    """
    check_resolution(resolution)
    if data == "avatars":
        from tfgan.data import avatars

        try:
            # None are drawn smaller than 16; the pipeline makes 8 of them.
            builder = avatars.prepare(max(resolution, 16), avatars_count, 0, data_dir)
        except (OSError, ValueError) as error:
            raise DataError(f"--data avatars could not be drawn. Received: {error}") from error
        if conditional and label_key is None:
            label_key = "domain"
        return TfdsSource("avatars", builder, split, conditional, image_key, label_key)
    if data.startswith("tfds:"):
        builder = prepare_tfds(data, data_dir)
        return TfdsSource(data, builder, split, conditional, image_key, label_key)
    if is_prepared(data):
        return PreparedSource(data, split, conditional, image_key, label_key)
    for option, value in (("--image-key", image_key), ("--label-key", label_key)):
        if value is not None:
            raise DataError(
                f"{option} belongs to --data tfds:NAME. Received: {option} {value} with --data "
                f"{data}. Leave it out; the classes of a folder are its sub-folders."
            )
    return FolderSource(data, conditional)
