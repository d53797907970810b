"""Python that makes a picture with an exported file, from the templates in `export/snippets`."""

import string
from pathlib import Path

from export.signatures import Exportable

FOLDER = Path(__file__).parent / "snippets"


def fill(template: str, /, **values: object) -> str:
    """The text of a template, without its last line end.

    Args:
        template: Name of a file in `FOLDER`, without `.py.txt`.
        values: What stands in place of each `$name`. A `$` inside of them stays what it is.
    """
    text = (FOLDER / f"{template}.py.txt").read_text("utf-8").removesuffix("\n")
    return string.Template(text).substitute(values)


def comment(*words: str) -> str:
    """A comment of names, in quotes: what ends a line, or turns it around, is spelled out.

    Names of classes are those of somebody's folders, and what follows a line end would be run.
    """
    return f"# {': '.join(map(repr, words))}"


def read_photo(size: int) -> str:
    """Code that reads a photo as `tfgan.generate` does, to the pixel."""
    return fill("photo", size=size)


def snippet(exportable: Exportable, path: str, in_tflite: bool) -> str:
    """Python that makes a picture with an exported file, without this package.

    Args:
        exportable: What the file is of.
        path: Of the `.tflite` file or the SavedModel.
        in_tflite: Which of the two it is.
    """
    usage = exportable.usage
    if in_tflite:
        return fill("tflite", path=path, inputs=usage.inputs, images=usage.tflite)
    return fill(
        "saved_model",
        path=path,
        inputs=usage.inputs,
        signature=exportable.default,
        tensors=", ".join(f"{key}=tf.constant({name})" for key, name in usage.saved_model.items()),
    )
