"""Batches of several label sets in turn."""

import numpy as np
import pytest
import tensorflow as tf

from tfgan.data.joint import JointPipeline, share_cache
from tfgan.data.labelled import open_labelled
from tfgan.data.pipeline import PipelineOptions
from tfgan.data.sources import DataError, DataOptions, Picture
from tfgan.label_sets import LabelSet, set_indices, vector_width

SIZE = 8
BATCH = 6
ATTRIBUTES = ("Hat", "Male", "Young")
CLASSES = ("angry", "happy", "neutral", "sad")


class Numbered:
    """Pictures of one colour: red is the set, green the index. Some may be broken."""

    def __init__(self, number, count, kind, broken=()):
        self.name = f"set{number}"
        self.number = number
        self.broken = broken
        self.class_names = ATTRIBUTES if kind == "attributes" else CLASSES
        index = np.arange(count)
        if kind == "attributes":
            self._labels = np.stack([index % 2, index % 3 == 0, index % 5 == 0], 1)
            self._labels = self._labels.astype(np.float32)
        else:
            self._labels = (index % len(CLASSES)).astype(np.int32)
        self.reads = 0

    def __len__(self):
        return len(self._labels)

    def describe(self, index):
        return f"{self.name}#{index}"

    def read(self, index):
        self.reads += 1
        if index in self.broken:
            raise ValueError("broken")
        pixels = np.zeros((SIZE, SIZE, 3), np.uint8)
        pixels[:, : SIZE // 2] = (self.number, index, 255)
        pixels[:, SIZE // 2 :] = (self.number, index, 0)
        label = self._labels[index]
        return Picture(pixels, label if label.ndim else int(label), self.describe(index))

    def labels(self):
        return self._labels

    def fingerprint(self):
        return self.name


def make_sets(kinds, counts, **sources):
    label_sets = [
        LabelSet(f"set{i}", kind, ATTRIBUTES if kind == "attributes" else CLASSES)
        for i, kind in enumerate(kinds)
    ]
    return [
        Numbered(i, count, kind, **sources)
        for i, (kind, count) in enumerate(zip(kinds, counts, strict=True))
    ], label_sets


KINDS = {
    "one of attributes": (("attributes",), (20,)),
    "one of classes": (("classes",), (20,)),
    "two": (("attributes", "classes"), (20, 11)),
    "three": (("classes", "attributes", "attributes"), (13, 40, 20)),
}


def make(kind="two", batch_size=BATCH, broken=(), **options):
    sources, label_sets = make_sets(*KINDS[kind], broken=broken)
    return JointPipeline(sources, label_sets, PipelineOptions(SIZE, batch_size, **options))


def shown(images):
    """Set and index of the pictures in a batch."""
    return images[:, 0, 0, 0].astype(int), images[:, 0, 0, 1].astype(int)


def expected_vectors(pipeline, sets, indices):
    """Label vectors, written out: labels of all sets, then the mask."""
    sources = [part.source for part in pipeline._pipelines]
    vectors = []
    for k, i in zip(sets, indices, strict=True):
        parts = []
        for j, source in enumerate(sources):
            own = np.zeros(len(source.class_names))
            if j == k and source.labels().ndim == 2:
                own = source.labels()[i]
            elif j == k:
                own[source.labels()[i]] = 1
            parts.append(own)
        if len(sources) > 1:
            parts.append([float(j == k) for j in range(len(sources))])
        vectors.append(np.concatenate(parts))
    return np.array(vectors)


def steps(pipeline, count, start=0):
    return [
        pipeline.batch(np.arange(s * BATCH, (s + 1) * BATCH)) for s in range(start, start + count)
    ]


# Batches


@pytest.mark.parametrize("kind", KINDS)
def test_each_step_shows_one_set_with_its_label_vectors(kind):
    pipeline = make(kind)
    count = len(KINDS[kind][0])
    for step, batch in enumerate(steps(pipeline, 7)):
        sets, indices = shown(batch["image"])
        assert set(sets) == {step % count}
        np.testing.assert_array_equal(batch["label"], expected_vectors(pipeline, sets, indices))
        assert batch["label"].dtype == np.float32
        assert batch["label"].shape == (BATCH, vector_width(pipeline.label_sets))
        np.testing.assert_array_equal(set_indices(pipeline.label_sets, batch["label"]), sets)


@pytest.mark.parametrize("kind", ["two", "three"])
def test_each_set_goes_through_epochs_of_its_own(kind):
    pipeline = make(kind)
    counts = KINDS[kind][1]
    turns = 2 * max(counts)
    seen = [[] for _ in counts]
    for step, batch in enumerate(steps(pipeline, turns * len(counts))):
        seen[step % len(counts)] += shown(batch["image"])[1].tolist()
    for count, indices in zip(counts, seen, strict=True):
        epochs = np.array(indices[: len(indices) // count * count]).reshape(-1, count)
        assert len(epochs) >= 12
        np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(count), (len(epochs), 1)))
        assert len({tuple(epoch) for epoch in epochs}) == len(epochs)


def test_sets_of_one_size_are_shuffled_and_mirrored_each_in_its_own_way():
    sources, label_sets = make_sets(("attributes", "attributes"), (20, 20))
    pipeline = JointPipeline(sources, label_sets, PipelineOptions(SIZE, 20))
    images = [pipeline.batch(np.arange(20 * s, 20 * s + 20))["image"] for s in range(2)]
    orders = [shown(part)[1].tolist() for part in images]
    assert orders[0] != orders[1]
    mirrored = [(part[:, 0, 0, 2] == 0).tolist() for part in images]
    assert mirrored[0] != mirrored[1]


@pytest.mark.parametrize("kind", KINDS)
def test_targets_are_the_labels_of_the_batch_permuted(kind):
    pipeline = make(kind)
    moved = 0
    for batch in steps(pipeline, 30):
        np.testing.assert_array_equal(
            np.array(sorted(batch["target"].tolist())), np.array(sorted(batch["label"].tolist()))
        )
        moved += np.sum(np.any(batch["target"] != batch["label"], axis=1))
    assert moved > 30 * BATCH / 3


def test_permutations_are_uniform_and_change_with_step_and_seed():
    sources, label_sets = make_sets(("classes",), (4,))
    # Four pictures of four classes: the targets of a step tell the permutation.
    pipeline = JointPipeline(sources, label_sets, PipelineOptions(SIZE, 4))
    other = JointPipeline(sources, label_sets, PipelineOptions(SIZE, 4, seed=1))
    counts, same = np.zeros((4, 4)), 0
    for step in range(2000):
        positions = np.arange(4 * step, 4 * step + 4)
        rows = np.argmax(pipeline.label_vectors(positions), axis=1)
        batch = pipeline.batch(positions)
        targets = np.argmax(batch["target"], axis=1)
        permutation = [rows.tolist().index(target) for target in targets]
        counts[np.arange(4), permutation] += 1
        if step < 200:
            same += np.array_equal(targets, np.argmax(other.batch(positions)["target"], axis=1))
    # Binomial with mean 500 and standard deviation 19.4; 5 of them.
    np.testing.assert_allclose(counts, 500, atol=97)
    # One in 24 by chance, 8.3; 5 standard deviations of 2.8 more.
    assert same < 23


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("total", [2, 3])
def test_replicas_together_see_what_one_sees(kind, total):
    expected = steps(make(kind), 4, start=5)
    elements = list(make(kind).dataset(5 * BATCH, replicas=total).take(4 * total))
    for step, whole in enumerate(expected):
        for key, values in whole.items():
            together = np.empty_like(values)
            for replica in range(total):
                together[replica::total] = elements[step * total + replica][key]
            np.testing.assert_array_equal(together, values)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("start", [1, 4])
def test_a_resumed_run_sees_what_an_undisturbed_one_saw(kind, start):
    undisturbed = list(make(kind).dataset(0).take(start + 3))[start:]
    resumed = list(make(kind).dataset(start * BATCH).take(3))
    for left, right in zip(undisturbed, resumed, strict=True):
        assert set(left) == {"image", "label", "target"}
        for key in left:
            np.testing.assert_array_equal(left[key], right[key])


def test_shapes_are_static():
    pipeline = make("three")
    width = vector_width(pipeline.label_sets)
    spec = pipeline.dataset(0, replicas=2).element_spec
    assert spec == {
        "image": tf.TensorSpec((BATCH // 2, SIZE, SIZE, 3), tf.uint8),
        "label": tf.TensorSpec((BATCH // 2, width), tf.float32),
        "target": tf.TensorSpec((BATCH // 2, width), tf.float32),
    }


def test_a_dataset_begins_where_a_step_does():
    with pytest.raises(DataError, match=r"must divide the 7 images seen so far.* Received: 6\."):
        make().dataset(7)


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_any_positions_come_in_their_order(kind):
    pipeline = make(kind)
    positions = np.random.default_rng(0).permutation(60)
    images, labels = pipeline.images(positions)
    all_images, all_labels = make(kind).images(np.arange(60))
    np.testing.assert_array_equal(images, all_images[positions])
    np.testing.assert_array_equal(labels, all_labels[positions])
    np.testing.assert_array_equal(pipeline.label_vectors(positions), labels)


# Broken pictures


def test_a_broken_picture_is_replaced_with_the_label_of_its_replacement():
    pipeline = make("two", broken=(3, 4))
    whole = make("two")
    for batch, expected in zip(steps(pipeline, 20), steps(whole, 20), strict=True):
        sets, indices = shown(batch["image"])
        assert not {3, 4} & set(indices)
        np.testing.assert_array_equal(batch["label"], expected_vectors(pipeline, sets, indices))
        # Of the pictures that were meant, so that it does not matter who has met a broken one.
        np.testing.assert_array_equal(batch["target"], expected["target"])
    assert sorted(name for name, _ in pipeline.broken) == [
        "set0#3",
        "set0#4",
        "set1#3",
        "set1#4",
    ]


def test_more_broken_pictures_than_allowed_stop_the_run():
    pipeline = make("two", broken=(3, 4), max_broken=1)
    with pytest.raises(DataError, match=r"`data` set\d cannot be read"), pipeline.plain_errors():
        list(pipeline.dataset(0).take(20))


def test_probing_reads_each_set():
    pipeline = make("three")
    pipeline.probe(5)
    assert [part.source.reads for part in pipeline._pipelines] == [5, 5, 5]


# Memory


def test_memory_is_shared_by_need():
    assert share_cache([1.0], 5.0) == [1.0]
    assert share_cache([3.0, 1.0, 8.0], 9.0) == [3.0, 1.0, 5.0]
    assert share_cache([4.0, 4.0], 6.0) == [3.0, 3.0]
    assert share_cache([8.0, 0.5, 8.0], 4.5) == [2.0, 0.5, 2.0]
    assert share_cache([1.0, 2.0], 0.0) == [0.0, 0.0]


def test_what_fits_into_memory_is_read_once():
    sources, label_sets = make_sets(("attributes", "classes"), (18, 6))
    picture = SIZE * SIZE * 3
    for room, rows in ((1000, [18, 6]), (20, [14, 6]), (8, [4, 4])):
        # Half a picture more, because bytes are rounded.
        options = PipelineOptions(SIZE, BATCH, cache_gb=(room + 0.5) * picture / 1e9)
        pipeline = JointPipeline(sources, label_sets, options)
        assert [len(part._cache) for part in pipeline._pipelines] == rows
        for source in sources:
            source.reads = 0
        steps(pipeline, 12)
        # Two epochs of the first and six of the second; each reads again what was not kept.
        first, second = (18 - rows[0]) * 2 + rows[0], (6 - rows[1]) * 6 + rows[1]
        assert [source.reads for source in sources] == [first, second]


# Mistakes


@pytest.mark.parametrize(("value", "word"), [(0.0, "false"), (1.0, "true")])
def test_an_attribute_that_never_changes_is_refused(value, word):
    sources, label_sets = make_sets(("classes", "attributes"), (8, 8))
    sources[1]._labels[:, 1] = value
    with pytest.raises(DataError) as raised:
        JointPipeline(sources, label_sets, PipelineOptions(SIZE, BATCH))
    assert str(raised.value) == (
        "`attributes` must be true of some pictures and false of others, or they cannot be "
        f"learned. Received: Male, always {word} in the 8 pictures of `data` set1. Choose others, "
        "or add pictures."
    )


def test_a_class_without_pictures_is_refused():
    sources, label_sets = make_sets(("classes",), (8,))
    sources[0]._labels %= 2
    with pytest.raises(DataError, match=r"none of neutral, sad among 8 pictures\."):
        JointPipeline(sources, label_sets, PipelineOptions(SIZE, BATCH))


def test_sources_and_label_sets_belong_together():
    sources, label_sets = make_sets(("classes", "attributes"), (8, 8))
    for wrong in (label_sets[:1], label_sets[::-1]):
        with pytest.raises(ValueError, match="must have the names of label_sets"):
            JointPipeline(sources, wrong, PipelineOptions(SIZE, BATCH))
    with pytest.raises(ValueError, match="one or more"):
        JointPipeline([], [], PipelineOptions(SIZE, BATCH))


# From end to end


def test_avatars_are_trained_on_with_two_kinds_of_labels(tmp_path):
    sources, label_sets = open_labelled(
        DataOptions(
            (
                "avatars:attributes",
                "avatars:expressions",
            ),
            resolution=16,
            data_dir=str(tmp_path),
            avatars_count=96,
        )
    )
    pipeline = JointPipeline(sources, label_sets, PipelineOptions(16, 4, flips=False))
    first, second = pipeline.dataset(0).take(2)
    assert first["label"].shape == (4, 5 + 8 + 2)
    np.testing.assert_array_equal(first["label"][:, 5:], [[0] * 8 + [1, 0]] * 4)
    np.testing.assert_array_equal(second["label"][:, :5], np.zeros((4, 5)))
    np.testing.assert_array_equal(np.sum(second["label"][:, 5:13], axis=1), np.ones(4))
    np.testing.assert_array_equal(second["label"][:, 13:], [[0, 1]] * 4)


def test_a_stage_of_another_size_is_refused():
    pipeline = make("two")
    size = pipeline.options.resolution
    assert pipeline.at(size, BATCH) is pipeline
    with pytest.raises(ValueError, match=f"Received: {BATCH} of {size // 2}"):
        pipeline.at(size // 2, BATCH)
