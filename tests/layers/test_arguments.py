"""Layers that give back what they were made with."""

import inspect

import keras
import pytest

from tfgan.layers.arguments import StoresArguments
from tfgan.layers.noise import Noise
from tfgan.models.stylegan2 import StyleGAN2Generator


class Scale(StoresArguments, keras.layers.Layer):
    def __init__(self, factor, names=(), offset=0.5, **kwargs):
        super().__init__(**kwargs)
        self.store(locals())


def test_arguments_become_attributes_and_configuration():
    layer = Scale(3, ["a", "b"], name="scale")
    assert (layer.factor, layer.names, layer.offset) == (3, ("a", "b"), 0.5)
    config = layer.get_config()
    assert {"factor": 3, "names": ["a", "b"], "offset": 0.5, "name": "scale"}.items() <= (
        config.items()
    )
    assert not {"self", "kwargs", "__class__"} & set(config)
    assert Scale.from_config(config).get_config() == config


@pytest.mark.parametrize("layer_class", [Noise, StyleGAN2Generator])
def test_defaults_stand_in_the_configuration_too(layer_class):
    # So that a file of today means the same after a default has changed.
    required = {"resolution": 8} if layer_class is StyleGAN2Generator else {}
    config = layer_class(**required).get_config()
    parameters = inspect.signature(layer_class.__init__).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    assert defaults
    for name, default in defaults.items():
        assert config[name] == (list(default) if isinstance(default, tuple) else default)
