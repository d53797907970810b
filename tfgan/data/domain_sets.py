"""The data sets of StarGAN v2 for TensorFlow Datasets: `afhq`, `afhq_v2` and `celeba_hq`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from tfgan.data.manual_sets import Layout, ManualSet, is_hidden
from tfgan.data.sources import EXTENSIONS

HOMEPAGE = "https://github.com/clovaai/stargan-v2"

_TRAIN, _HELD_OUT = "train", ("val", "test")
_CITATION = """@inproceedings{choi2020starganv2,
  title={StarGAN v2: Diverse Image Synthesis for Multiple Domains},
  author={Choi, Yunjey and Uh, Youngjung and Yoo, Jaejun and Ha, Jung-Woo},
  booktitle={IEEE Conference on Computer Vision and Pattern Recognition},
  year={2020}
}"""


class DomainSet(ManualSet, skip_registration=True):  # type: ignore[call-arg]
    """Pictures in domains, from folders SPLIT/DOMAIN/PICTURE.

    The set has the splits `train` and `val`, whose folder may also be called `test`, and the
    features `image`, `domain` and `file_name`; see `ManualSet`.

    Reference:
        Choi et al. 2020, arXiv:1912.01865, section 4 and appendix A.
    """

    homepage = HOMEPAGE
    citation = _CITATION
    label = "domain"
    splits = (_TRAIN, _HELD_OUT[0])
    held_out = _HELD_OUT
    patterns = tuple(f"{split}/*/*" for split in (_TRAIN, *_HELD_OUT))
    place = f"in folders {_TRAIN}/DOMAIN"

    def __init_subclass__(cls, **kwargs) -> None:
        super().__init_subclass__(**kwargs)
        cls.files = f"its folders {' and '.join(cls.splits)} of {', '.join(cls.classes)}"

    def find_layouts(self, names: Iterable[str]) -> dict[str, Layout]:
        """Finds the folders that have folders of splits; files that are no pictures do not count.

        Args:
            names: Of all files of an archive or folder, with slashes.
        """
        layouts: dict[str, Layout] = {}
        for name in names:
            *root, split, domain, file = ("", "", *name.split("/"))
            if (
                split in (_TRAIN, *_HELD_OUT)
                and file.lower().endswith(EXTENSIONS)
                and not is_hidden((*root, domain, file))
            ):
                layout = layouts.setdefault("/".join(root).lstrip("/"), {})
                layout.setdefault((split, domain), []).append(name)
        return layouts


def _instructions(archive: str, argument: str, license: str) -> str:
    return (
        f"Get {archive}, or the folders that `bash download.sh {argument}` of {HOMEPAGE} unpacks "
        f"from it, and put either there. License: {license}."
    )


class Afhq(DomainSet):
    """Animal faces of 512 pixels, JPEG, as StarGAN v2 was trained on them."""

    about = "Animal Faces-HQ: cats, dogs and wild animals of 512 by 512 pixels."
    license = "CC BY-NC 4.0 (NAVER Corp.): no commercial use"
    classes = ("cat", "dog", "wild")
    endings = (".jpg",)
    counts: ClassVar[dict[str, int]] = {"train": 14_630, "val": 1_500}
    MANUAL_DOWNLOAD_INSTRUCTIONS = _instructions("afhq.zip", "afhq-dataset", license)


class AfhqV2(DomainSet):
    """Animal faces of 512 pixels, PNG: the edition of 2021, scaled down without aliasing."""

    about = "Animal Faces-HQ in its second edition, scaled with Lanczos and stored as PNG."
    license = Afhq.license
    classes = Afhq.classes
    endings = (".png",)
    counts: ClassVar[dict[str, int]] = {"train": 14_336, "val": 1_467}
    MANUAL_DOWNLOAD_INSTRUCTIONS = _instructions("afhq_v2.zip", "afhq-v2-dataset", license)


class CelebaHq(DomainSet):
    """Faces of celebrities, female and male, as StarGAN v2 was trained on them."""

    about = "CelebA-HQ in the domains female and male, as divided for StarGAN v2."
    license = "non-commercial research only (CelebA agreement, MMLAB)"
    classes = ("female", "male")
    counts: ClassVar[dict[str, int]] = {"train": 28_000, "val": 2_000}
    MANUAL_DOWNLOAD_INSTRUCTIONS = _instructions("celeba_hq.zip", "celeba-hq-dataset", license)
