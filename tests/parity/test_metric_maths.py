"""FID, KID, precision and recall of given features against the published numbers."""

import numpy as np
import pytest

from tests.parity.published import Case
from tfgan.metrics.frechet import frechet_distance, moments
from tfgan.metrics.kernel import unbiased_mmd
from tfgan.metrics.precision_recall import precision_recall


@pytest.fixture(scope="module")
def case():
    return Case("metric_maths")


def test_the_frechet_distance_is_the_published_one(case):
    real, fake = (moments([case.arrays[name]]) for name in ("real", "fake"))
    # Of the parity data's README: the features were rounded after the numbers were computed.
    np.testing.assert_allclose(frechet_distance(real, fake), case.scalars["fid"], rtol=1e-4)


def test_the_kernel_distance_is_the_published_one(case):
    result = unbiased_mmd(case.arrays["real"], case.arrays["fake"])
    np.testing.assert_allclose(result, case.scalars["kid"], rtol=1e-4)  # as above


def test_precision_and_recall_are_the_published_ones(case):
    result = precision_recall(case.arrays["real"], case.arrays["fake"])
    # Shares of 450 and of 400: a picture more or less is 4e-3 of them.
    np.testing.assert_allclose(result.precision.value, case.scalars["precision"], rtol=1e-4)
    np.testing.assert_allclose(result.recall.value, case.scalars["recall"], rtol=1e-4)
