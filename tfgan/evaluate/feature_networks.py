"""The networks whose features are compared."""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from tfgan.evaluate.digests import make_key
from tfgan.evaluate.kinds import NETWORKS, EvaluationError, Request
from tfgan.importers.feature_networks import load_inception, load_lpips, load_vgg16
from tfgan.loading import weights_digest
from tfgan.models import inception, lpips, vgg

FEATURES = 2048  # of Inception-v3
SMALLEST = 32  # pixels along a side of what LPIPS takes


class FeatureNetwork(NamedTuple):
    """A network as metrics use it.

    Attributes:
        name: As results call it, with what tells its weights from others.
        key: Changes with its weights and its code.
        width: Number C of features.
        features: Pictures, uint8 tensor [B, H, W, 3] -> float32 [B, C].
        model: The Keras model.
    """

    name: str
    key: str
    width: int
    features: Callable[[Any], Any]
    model: Any


def open_inception(request: Request) -> FeatureNetwork:
    """The Inception network of a request, on its replicas.

    Raises:
        UserError: If its files hold something else.
    """
    with request.replicas.strategy.scope():
        model = load_inception(request.networks["inception"])
    name, key = _identify(model, inception, f"Inception-v3, {model.form}")
    return FeatureNetwork(name, key, FEATURES, model, model)


def open_vgg16(request: Request) -> FeatureNetwork:
    """The VGG16 of a request, on its replicas.

    Raises:
        UserError: If its files hold something else.
    """
    with request.replicas.strategy.scope():
        model = load_vgg16(request.networks["vgg16"])
    name, key = _identify(model, vgg, f"{NETWORKS['vgg16'].name}, fc7")
    return FeatureNetwork(name, key, model.width, model, model)


def open_lpips(request: Request, option: str) -> FeatureNetwork:
    """A network of LPIPS, `option` of `NETWORKS`; its features are lists of maps.

    Raises:
        EvaluationError: If pictures are too small for it.
        UserError: If its files hold something else.
    """
    if request.config.resolution < SMALLEST:
        raise EvaluationError(
            f"{NETWORKS[option].name} needs pictures of {SMALLEST} pixels or more. Received: a "
            f"model of {request.config.resolution}. Leave the metric out."
        )
    with request.replicas.strategy.scope():
        model = load_lpips(option.removeprefix("lpips_"), request.networks[option])
    name, key = _identify(model, lpips, NETWORKS[option].name)
    return FeatureNetwork(name, key, 0, model.features, model)


def _identify(model: Any, module: ModuleType, name: str) -> tuple[str, str]:
    """Name and key of a network: its weights and its code."""
    digest = weights_digest(model)
    return f"{name} (weights {digest})", make_key(digest, module)
