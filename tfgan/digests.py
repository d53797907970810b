"""Keys of what is kept: they change with anything that it was made of, so it cannot go stale."""

import hashlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tfgan.data.sources import Source
from tfgan.loading import weights_digest
from tfgan.terminal import Progress


def content_digest(source: Source) -> str:
    """SHA-256 of all pictures, as they are stored, with their labels, as 64 hexadecimal digits.

    A picture that cannot be read counts by its name.
    """
    digest = hashlib.sha256("\0".join(source.class_names).encode())
    for index in Progress(range(len(source)), "Checking pictures"):
        try:
            content, label, _ = source.read(index)
        except MemoryError:
            raise
        except Exception:  # As many kinds as there are kinds of sets.
            content, label = source.describe(index).encode("utf-8", "replace"), -1
        if isinstance(content, np.ndarray):
            content = f"{content.dtype}{content.shape}".encode() + content.tobytes()
        digest.update(f"\0{label} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_key(*parts: Any) -> str:
    """Sixteen hexadecimal digits that change with any of the parts.

    A module stands for its code, anything else for its `repr`.
    """
    digest = hashlib.sha256()
    for part in parts:
        is_module = isinstance(part, ModuleType)
        data = Path(str(part.__file__)).read_bytes() if is_module else repr(part).encode()
        digest.update(f"{len(data)} ".encode() + data)
    return digest.hexdigest()[:16]


def model_key(model: Any) -> str:
    """Sixteen hexadecimal digits that change with the weights of a model and its configuration."""
    return make_key(type(model).__name__, model.get_config(), weights_digest(model))
