"""The data sets of StarGAN v2 for TensorFlow Datasets: `afhq`, `afhq_v2` and `celeba_hq`.

Their authors let nobody pass them on, so a user gets them from the authors and puts the archive, or
what it unpacks to, where TensorFlow Datasets looks for manual downloads. The builders find it there
and store its pictures as they are encoded, in a format that gives random access.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import logging
import os
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from tqdm import tqdm

from tfgan.data.sources import EXTENSIONS, DataError

logger = logging.getLogger("tfgan")

HOMEPAGE = "https://github.com/clovaai/stargan-v2"

# TensorFlow Datasets holds the pictures of one shard in memory: 120 MB of the largest of them.
SHARD_SIZE = 256

_TRAIN, _HELD_OUT = "train", ("val", "test")
# What zipfile raises on archives that are damaged, encrypted or of an unknown kind.
_BROKEN = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
_CITATION = """@inproceedings{choi2020starganv2,
  title={StarGAN v2: Diverse Image Synthesis for Multiple Domains},
  author={Choi, Yunjey and Uh, Youngjung and Yoo, Jaejun and Ha, Jung-Woo},
  booktitle={IEEE Conference on Computer Vision and Pattern Recognition},
  year={2020}
}"""

# (folder of a split, domain) -> names of pictures, such as afhq/train/cat/flickr_cat_000002.jpg.
Layout = dict[tuple[str, str], list[str]]


class DomainSet(tfds.core.ShardBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Pictures in domains, from folders SPLIT/DOMAIN/PICTURE.

    The manual folder (`downloads/manual` below the data folder) holds the archive, under any name
    that ends in .zip, or its folders, below up to two folders of any name. The set has the splits
    `train` and `val`, whose folder may also be called `test`. Their order is shuffled, and the same
    from folders and from an archive.

    Features: `image`, encoded as it was distributed; `domain`, a `ClassLabel`; `file_name`.

    Raises:
        DataError: From `download_and_prepare`, if the manual folder holds no such set, or only a
            damaged one.

    Reference:
        Choi et al. 2020, arXiv:1912.01865, section 4 and appendix A.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "As distributed."}

    about: ClassVar[str]
    license: ClassVar[str]
    domains: ClassVar[tuple[str, ...]]
    endings: ClassVar[tuple[str, ...]] = EXTENSIONS  # which the names of its pictures have
    counts: ClassVar[dict[str, int]]  # pictures of the published splits

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.about,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(),
                    "domain": tfds.features.ClassLabel(names=self.domains),
                    "file_name": tfds.features.Text(),
                }
            ),
            supervised_keys=("image", "domain"),
            homepage=HOMEPAGE,
            license=self.license,
            citation=_CITATION,
        )

    def _shard_iterators_per_split(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Sequence[Callable[[], Iterator[Any]]]]:
        path, layout = self._find(Path(dl_manager.manual_dir))
        logger.info("Reading %s from %s", self.name, path)
        return {split: self._shards(path, layout, split) for split in (_TRAIN, _HELD_OUT[0])}

    def _find(self, manual: Path) -> tuple[Path, Layout]:
        """The archive or folder that holds this set, and what is where in it."""
        archives = [path for path in manual.glob("*.zip") if not path.name.startswith(".")]
        # Archives come before folders, because one that was cut off is no archive any more.
        archives.sort(key=lambda path: (path.stem != self.name, path.name))
        others = []
        for path in (*archives, manual):
            try:
                layouts = _find_layouts(_list_names(path))
            except _BROKEN as error:
                others.append(f"{path.name} is no archive that can be read ({error})")
                continue
            for root, layout in layouts.items():
                misfit = self._find_misfit(layout)
                if not misfit:
                    return path, layout
                others.append(f"{posixpath.join(path.name, root).rstrip('/')} {misfit}")
            if not layouts and path != manual:
                others.append(f"{path.name} holds no pictures in folders {_TRAIN}/DOMAIN")
        received = "; ".join(others) or f"only {', '.join(sorted(os.listdir(manual))[:8])}"
        raise DataError(
            f"--data tfds:{self.name} is read from {manual}, which must hold {self.name}.zip or "
            f"its folders {_TRAIN} and {_HELD_OUT[0]} of {', '.join(self.domains)}. Received: "
            f"{received}. {self.MANUAL_DOWNLOAD_INSTRUCTIONS}"
        )

    def _find_misfit(self, layout: Layout) -> str:
        """How a layout differs from that of this set; nothing if it does not."""
        folders = sorted({folder for folder, _ in layout})
        if folders not in [sorted((_TRAIN, held_out)) for held_out in _HELD_OUT]:
            return f"has {' and '.join(folders)}, not {_TRAIN} and {_HELD_OUT[0]}"
        wanted = set(itertools.product(folders, self.domains))
        for words, keys in (
            ("has no pictures in", wanted - layout.keys()),
            ("also holds", layout.keys() - wanted),
        ):
            if keys:
                return f"{words} {', '.join(sorted(map('/'.join, keys))[:8])}"
        found = {posixpath.splitext(name)[1].lower() for names in layout.values() for name in names}
        if not found <= set(self.endings):
            return f"holds {', '.join(sorted(found))} files, not {', '.join(self.endings)}"
        return ""

    def _shards(
        self, path: Path, layout: Layout, split: str
    ) -> Sequence[Callable[[], Iterator[Any]]]:
        """A function for each shard of a split, to be called in order, that gives its examples."""
        members = [
            (name, domain)
            for (folder, domain), names in layout.items()
            if (folder == _TRAIN) == (split == _TRAIN)
            for name in names
        ]
        if len(members) != self.counts[split]:
            logger.warning(
                "%s holds %d pictures for the split %s of %s, not the %d that were published.",
                path,
                len(members),
                split,
                self.name,
                self.counts[split],
            )
        # So that a slice such as train[:90%] has all domains; TensorFlow Datasets' own shuffling
        # would hold up to 1 GB in memory.
        members.sort(key=lambda member: hashlib.sha256(_identity(member[0])).digest())
        examples = self._read(path, members, split)
        # The last takes what is left, and by that ends the progress bar.
        sizes = [SHARD_SIZE] * ((len(members) - 1) // SHARD_SIZE)
        return [functools.partial(itertools.islice, examples, size) for size in (*sizes, None)]

    def _read(
        self, path: Path, members: Sequence[tuple[str, str]], split: str
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        contents = _read_contents(path, [name for name, _ in members])
        progress = tqdm(
            zip(members, contents, strict=True),
            f"Reading {self.name} ({split})",
            len(members),
            unit="img",
            delay=2.0,
            dynamic_ncols=True,
        )
        for index, ((name, domain), content) in enumerate(progress):
            file_name = posixpath.basename(name)
            yield index, {"image": content, "domain": domain, "file_name": file_name}


def _find_layouts(names: Iterable[str]) -> dict[str, Layout]:
    """What lies where below each folder that has folders of splits.

    Files that are no pictures, and whatever macOS and others hide among them, are passed over.
    """
    layouts: dict[str, Layout] = {}
    for name in names:
        *root, split, domain, file = ("", "", *name.split("/"))
        hidden = any(part.startswith((".", "__MACOSX")) for part in (*root, domain, file))
        if split in (_TRAIN, *_HELD_OUT) and file.lower().endswith(EXTENSIONS) and not hidden:
            layout = layouts.setdefault("/".join(root).lstrip("/"), {})
            layout.setdefault((split, domain), []).append(name)
    return layouts


def _identity(name: str) -> bytes:
    """DOMAIN/PICTURE, which is the same in an archive and in any folder."""
    return os.fsencode("/".join(name.split("/")[-2:]))


def _list_names(path: Path) -> Iterable[str]:
    """Names of the files of an archive, or of those in a folder that can belong to a set."""
    if not path.is_dir():
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    return (
        file.relative_to(path).as_posix()
        for above in ("", "*/", "*/*/")
        for split in (_TRAIN, *_HELD_OUT)
        for file in path.glob(f"{above}{split}/*/*")
    )


def _read_contents(path: Path, names: Sequence[str]) -> Iterator[bytes]:
    """The files of an archive or folder, one after the other."""
    name = ""
    try:
        if path.is_dir():
            for name in names:
                yield (path / name).read_bytes()
        else:
            with zipfile.ZipFile(path) as archive:
                for name in names:
                    yield archive.read(name)
    except _BROKEN as error:
        raise DataError(
            f"{path} must hold files that can be read. Received: {name}: {error}. "
            f"Get it again from {HOMEPAGE}."
        ) from error


def _instructions(archive: str, argument: str, license: str) -> str:
    return (
        f"Get {archive}, or the folders that `bash download.sh {argument}` of {HOMEPAGE} unpacks "
        f"from it, and put either there. License: {license}."
    )


class Afhq(DomainSet):
    """Animal faces of 512 pixels, JPEG, as StarGAN v2 was trained on them."""

    about = "Animal Faces-HQ: cats, dogs and wild animals of 512 by 512 pixels."
    license = "CC BY-NC 4.0 (NAVER Corp.): no commercial use"
    domains = ("cat", "dog", "wild")
    endings = (".jpg",)
    counts: ClassVar[dict[str, int]] = {"train": 14_630, "val": 1_500}
    MANUAL_DOWNLOAD_INSTRUCTIONS = _instructions("afhq.zip", "afhq-dataset", license)


class AfhqV2(DomainSet):
    """Animal faces of 512 pixels, PNG: the edition of 2021, scaled down without aliasing."""

    about = "Animal Faces-HQ in its second edition, scaled with Lanczos and stored as PNG."
    license = Afhq.license
    domains = Afhq.domains
    endings = (".png",)
    counts: ClassVar[dict[str, int]] = {"train": 14_336, "val": 1_467}
    MANUAL_DOWNLOAD_INSTRUCTIONS = _instructions("afhq_v2.zip", "afhq-v2-dataset", license)


class CelebaHq(DomainSet):
    """Faces of celebrities, female and male, as StarGAN v2 was trained on them."""

    about = "CelebA-HQ in the domains female and male, as divided for StarGAN v2."
    license = "non-commercial research only (CelebA agreement, MMLAB)"
    domains = ("female", "male")
    counts: ClassVar[dict[str, int]] = {"train": 28_000, "val": 2_000}
    MANUAL_DOWNLOAD_INSTRUCTIONS = _instructions("celeba_hq.zip", "celeba-hq-dataset", license)
