"""Sets of TensorFlow Datasets, read by random access, and prepared first where they must be."""

import contextlib
import difflib
import importlib.util
import logging
import os
import types
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tfgan.data.sources import DataError, DataOptions, Picture, list_names, make_fingerprint
from tfgan.data.tfrecords import TfRecordIndex
from tfgan.terminal import Progress

logger = logging.getLogger("tfgan")


def is_registered(name: str) -> bool:
    """Whether TensorFlow Datasets, or this program, has a set of this name."""
    if not name.replace("/", "_").isidentifier():
        return False
    tfds = _import_builders()
    return name.split("/")[0] in tfds.list_builders(with_community_datasets=False)


def _import_builders() -> Any:
    """TensorFlow Datasets, which knows the builders of this program too from then on."""
    import tensorflow_datasets as tfds

    from tfgan.data import domain_sets, rafd  # noqa: F401 (importing a builder registers it)

    return tfds


_FILE_KEYS = ("file", "file_name")  # of prepared folders, and of sets from archives


class TfdsSource:
    """Pictures of a prepared TensorFlow Datasets set, by random access.

    Reads sets that are on disk as ArrayRecord or as TFRecord, and hands on the pictures as they
    are encoded there.

    Args:
        name: As the user typed it.
        builder: A `tfds.core.DatasetBuilder` that is prepared.
        split: See `DataOptions`.
        conditional: See `DataOptions`.
        image_key: See `DataOptions`.
        label_key: See `DataOptions`.

    Attributes:
        classes: Names of the classes of each `ClassLabel` feature, by its key; sorted by key.
        flags: Keys of the `bool` features, with slashes for nesting; sorted.

    Raises:
        DataError: If the set has no such split or features.
    """

    def __init__(
        self,
        name: str,
        builder: Any,
        split: str = "train",
        conditional: bool = False,
        image_key: str | None = None,
        label_key: str | None = None,
    ) -> None:
        import tensorflow_datasets as tfds

        self.name = name
        self._split = split
        self._builder = builder
        # Sorted, because TensorFlow Datasets gives them in any order when it reads them from disk.
        self._all_features = features = dict(sorted(_flatten_features(builder.info.features)))
        self.classes: dict[str, tuple[str, ...]] = {
            key: tuple(feature.names)
            for key, feature in features.items()
            if isinstance(feature, tfds.features.ClassLabel) and feature.num_classes
        }
        self.flags = tuple(
            key for key, f in features.items() if f.shape == () and f.np_dtype == np.bool_
        )
        self._image_key = _choose_image(name, features, image_key)
        self._label_key: str | None = None
        self.class_names: tuple[str, ...] = ()
        if conditional or label_key is not None:
            self._label_key, self.class_names = self._choose_label(label_key)
        # Only these two features are parsed; the picture is left as it is encoded.
        keys = [key for key in (self._image_key, self._label_key) if key is not None]
        self._features = tfds.features.FeaturesDict(_nest({key: features[key] for key in keys}))
        self._decoders = _nest({self._image_key: tfds.decode.SkipDecoding()})
        self._records = self._open_records()

    def __len__(self) -> int:
        return len(self._records)

    def describe(self, index: int) -> str:
        file = self.file_of(index)
        return self._place(index) + (f" ({file})" if file else "")

    def _place(self, index: int) -> str:
        return f"{self.name}/{self._split}#{index}"

    def file_of(self, index: int) -> str:
        """The name of the file that a picture was made of; empty where the set does not say it."""
        import tensorflow_datasets as tfds

        for key in _FILE_KEYS:
            feature = self._all_features.get(key)
            if isinstance(feature, tfds.features.Text):
                features = tfds.features.FeaturesDict({key: feature})
                try:
                    return features.deserialize_example_np(self._records[index])[key].decode()
                except Exception:  # a damaged record: the place has to do
                    return ""
        return ""

    def read(self, index: int) -> Picture:
        example = self._features.deserialize_example_np(
            self._records[index], decoders=self._decoders
        )
        label = 0 if self._label_key is None else int(_pick(example, self._label_key))
        if label < 0:
            raise ValueError(f"it has no label: {self._label_key} is {label}")
        return Picture(_pick(example, self._image_key), label, self._place(index))

    def labels(self) -> np.ndarray:
        if self._label_key is None:
            return np.zeros(len(self), np.int32)
        return self.read_values([self._label_key])[:, 0].astype(np.int32)

    def read_values(self, keys: Sequence[str]) -> np.ndarray:
        """Some of `classes` and `flags` of all pictures, without decoding these.

        Args:
            keys: Of features, K.

        Returns:
            int64 [N, K]: class indices, -1 where there is none, and 0 or 1 for flags.
        """
        import tensorflow_datasets as tfds

        features = tfds.features.FeaturesDict(_nest({key: self._all_features[key] for key in keys}))
        values = np.zeros((len(self), len(keys)), np.int64)
        for index in Progress(range(len(self)), "Reading labels"):
            example = features.deserialize_example_np(self._records[index])
            values[index] = [int(_pick(example, key)) for key in keys]
        return values

    def fingerprint(self) -> str:
        return make_fingerprint(
            self._builder.info.full_name,
            self._split,
            len(self),
            self.class_names,
            self._image_key,
            self._label_key,
        )

    def _choose_label(self, label_key: str | None) -> tuple[str, tuple[str, ...]]:
        usable = [*self.classes, *self.flags]
        if label_key is None:
            if len(self.classes) == 1:
                label_key = next(iter(self.classes))
            elif usable:
                raise DataError(
                    field="data",
                    named=self.name,
                    expected="has several features that could be classes, or only flags",
                    received="no `label_key`",
                    advice=f"Use `label_key` with one of: {list_names(usable)}.",
                )
            else:
                raise DataError(
                    field="data",
                    named=self.name,
                    expected="must have a ClassLabel or bool feature",
                    received=f"features {list_names(sorted(self._all_features))}",
                    advice="Train without classes, or use another set.",
                )
        if label_key in self.flags:
            last = label_key.split("/")[-1]
            return label_key, (f"not {last}", last)
        if label_key not in self.classes:
            raise DataError(
                field="label_key",
                expected=f"must be a ClassLabel or bool feature of {self.name}",
                received=label_key,
                advice=f"Use one of: {list_names(usable)}." if usable else "It has none.",
            )
        return label_key, self.classes[label_key]

    def _open_records(self) -> Any:
        import tensorflow_datasets as tfds

        info = self._builder.info
        splits = list_names(sorted(info.splits))
        try:
            chosen = info.splits[self._split]
        except (KeyError, ValueError) as error:
            raise DataError(
                field="split",
                expected=f"must be a split of {self.name}, or a slice of one",
                received=self._split,
                advice=f"Use one of: {splits}.",
            ) from error
        if not chosen.num_examples:
            raise DataError(
                field="split",
                expected="must hold pictures",
                received=f"{self._split}, which is empty, of {self.name}",
                advice=f"Use one of: {splits}.",
            )
        formats = {file_format.value for file_format in info.available_file_formats()}
        if "array_record" in formats and importlib.util.find_spec("array_record"):
            return self._builder.as_data_source(
                self._split,
                deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES,
                file_format="array_record",
            )
        if info.file_format is not None and info.file_format.value == "tfrecord":
            try:
                return TfRecordIndex(
                    [(str(f.filename), f.skip, f.take) for f in chosen.file_instructions]
                )
            except OSError as error:
                raise DataError(
                    field="data",
                    named=self.name,
                    expected="is damaged or not on this machine's disks",
                    received=error,
                    advice=f"Delete {self._builder.data_dir} and prepare it again.",
                ) from error
        hint = " and pip install array_record" if "array_record" in formats else ""
        raise DataError(
            field="data",
            named=self.name,
            expected="must be on disk as array_record or tfrecord",
            received=f"{', '.join(sorted(formats))} in {self._builder.data_dir}",
            advice=f"Choose another `data_dir` to prepare it again{hint}.",
        )


def open_tfds(name: str, options: DataOptions) -> TfdsSource:
    """Opens a TFDS set, prepared first where it must be; see `SourceType.open`."""
    builder = prepare_tfds(name, options.data_dir)
    return TfdsSource(
        name, builder, options.split, options.conditional, options.image_key, options.label_key
    )


def _find_builder(name: str, data_dir: str | None) -> Any:
    """The builder of a set; one that is not on disk will be prepared for random access.

    Raises:
        DataError: If TFDS knows no such set, or cannot open it.
    """
    tfds = _import_builders()
    try:
        # Without a format it opens whatever is there.
        builder = tfds.builder(name, data_dir=data_dir)
        if not builder.is_prepared() and importlib.util.find_spec("array_record"):
            builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
        return builder
    except tfds.core.registered.DatasetNotFoundError as error:
        names = tfds.list_builders(with_community_datasets=False)
        near = difflib.get_close_matches(name.split("/")[0].split(":")[0], names, 3, 0.5)
        advice = f"Did you mean {' or '.join(near)}?" if near else "Check the spelling."
        raise DataError(
            field="data",
            named="tfds:NAME",
            expected="must be a set that TFDS knows, or one in `data_dir`",
            received=name,
            advice=advice,
        ) from error
    except Exception as error:  # Builders raise anything on a wrong configuration or version.
        raise DataError(
            field="data",
            named="tfds:NAME/CONFIG:VERSION",
            expected="must be a set that TFDS can open",
            received=name,
            advice=f"TFDS says: {_first_line(error)}",
        ) from error


def prepare_tfds(data: str, data_dir: str | None) -> Any:
    """Opens a TFDS set, downloading and preparing it first where it is not on disk."""
    tfds = _import_builders()
    name = data.removeprefix("tfds:")
    if not name:
        raise DataError(
            field="data",
            named=data,
            expected="lacks a name",
            received=data,
            advice="Use `data` tfds:celeb_a.",
        )
    builder = _find_builder(name, None if data_dir is None else os.path.expanduser(data_dir))
    if builder.is_prepared():
        return builder
    logger.info("Preparing %s in %s", data, builder.data_dir)
    try:
        # Sets in the public bucket are copied as they are; here the format is chosen.
        with _bars_like_ours():
            builder.download_and_prepare(
                download_config=tfds.download.DownloadConfig(try_download_gcs=False)
            )
    except DataError:
        raise
    except Exception as error:  # Downloads and 300 different builders raise anything.
        manual = getattr(builder, "MANUAL_DOWNLOAD_INSTRUCTIONS", None)
        if manual and isinstance(error, AssertionError):
            raise DataError(
                field="data",
                named=data,
                expected="must be downloaded by hand first",
                received=_first_line(error),
                advice=" ".join(manual.split()),
            ) from error
        raise DataError(
            field="data",
            named=data,
            expected=f"could not be downloaded and prepared in {builder.data_dir}",
            received=f"{type(error).__name__}: {_first_line(error)}",
            advice="Check the network and the disk, or copy a prepared set there from another "
            "machine.",
        ) from error
    return builder


@contextlib.contextmanager
def _bars_like_ours() -> Iterator[None]:
    """Lets tensorflow-datasets show its downloads as other work is shown, in logs too."""
    from tensorflow_datasets.core.utils import tqdm_utils

    before, tqdm_utils.tqdm_lib = tqdm_utils.tqdm_lib, types.SimpleNamespace(tqdm=Progress)
    try:
        yield
    finally:
        tqdm_utils.tqdm_lib = before


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _flatten_features(feature: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(key, feature) of everything in nested dictionaries, keys joined with slashes."""
    import tensorflow_datasets as tfds

    # Exactly this class: sub-classes such as Translation are features of their own.
    if type(feature) is tfds.features.FeaturesDict:
        for key, inner in feature.items():
            yield from _flatten_features(inner, f"{prefix}/{key}" if prefix else key)
    else:
        yield prefix, feature


def _nest(flat: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        *outer, last = key.split("/")
        inner = nested
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return nested


def _pick(example: Any, key: str) -> Any:
    for part in key.split("/"):
        example = example[part]
    return example


def _choose_image(name: str, features: dict[str, Any], image_key: str | None) -> str:
    import tensorflow_datasets as tfds

    # Images of float32 are depth maps in TFDS, and labelled ones are segmentations.
    keys = [
        key
        for key, feature in features.items()
        if isinstance(feature, tfds.features.Image)
        and not isinstance(feature, tfds.features.LabeledImage)
        and feature.np_dtype in (np.uint8, np.uint16)
    ]
    if image_key is not None:
        if image_key in keys:
            return image_key
        raise DataError(
            field="image_key",
            expected=f"must be a feature of {name} that holds pictures",
            received=image_key,
            advice=f"Use one of: {list_names(keys)}." if keys else "It has none; use another set.",
        )
    if not keys:
        raise DataError(
            field="data",
            named=name,
            expected="must have a feature that holds pictures",
            received=f"features {list_names(sorted(features))}",
            advice="Use another set.",
        )
    if len(keys) > 1 and "image" not in keys:
        raise DataError(
            field="data",
            named=name,
            expected="has several features that hold pictures",
            received="no `image_key`",
            advice=f"Use `image_key` with one of: {list_names(keys)}.",
        )
    return keys[0] if len(keys) == 1 else "image"
