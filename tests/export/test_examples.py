"""Which examples there are, and which classes, domains and labels they ask for."""

import numpy as np
import pytest

from export.examples import examples_of, spread

COUNTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 17, 31, 32)


@pytest.mark.parametrize("count", COUNTS)
def test_comparison_and_calibration_meet_every_class(count):
    examples = examples_of(count)
    everything = set(range(count))
    assert set(spread(examples.calibrating, count)) == everything
    if count <= 16:
        assert set(spread(examples.compared, count)) == everything
    if count <= 8:
        assert set(spread(examples.searched, count)) == everything
    # No picture is compared that a choice was made by.
    numbers = [*examples.compared, *examples.searched, *examples.calibrating]
    assert numbers == list(range(examples.total))


@pytest.mark.parametrize("count", [100, 365, 1000])
def test_of_very_many_classes_examples_lie_all_over(count):
    examples = examples_of(count)
    for numbers in examples:
        places = np.sort(spread(numbers, count))
        assert len(set(places)) == len(places)
        gaps = np.diff([*places, places[0] + count]) / count
        # Even gaps are 1 / examples wide. In golden steps the widest is below 1.9 of that, and each
        # place is rounded.
        assert np.max(gaps) < 1.9 / len(places) + 1 / count


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_each_domain_meets_pictures_of_each_folder(count):
    examples = examples_of(count)
    pairs = {(i % count, int(spread([i], count)[0])) for i in examples.calibrating}
    assert len(pairs) == count**2
