"""Half precision is for devices that do it well."""

import pytest

from training import half_precision
from training.config import ConfigError
from training.distribution import ALONE
from training.half_precision import SLOWER, fit_precision, slowdown
from training.systems import stylegan2


def test_float16_is_measured_to_be_slow_on_a_cpu_and_replaced(capsys):
    assert slowdown("float16") > SLOWER
    config = stylegan2.PRESETS["small-data"]()
    assert config.precision == "float16"
    assert fit_precision(config, "CPU", ALONE, resumed=False).precision == "float32"
    assert "--precision float32: float16 takes" in capsys.readouterr().err
    assert fit_precision(config, "GPU", ALONE, resumed=False) is config
    assert not capsys.readouterr().err


def test_a_precision_that_the_device_does_well_stays(monkeypatch, capsys):
    config = stylegan2.StyleGAN2Config(precision="bfloat16")
    monkeypatch.setattr(half_precision, "slowdown", {"bfloat16": 0.5}.get)
    assert fit_precision(config, "CPU", ALONE, resumed=False) is config
    assert not capsys.readouterr().err


def test_a_run_that_goes_on_is_not_given_another_precision_in_silence(monkeypatch):
    monkeypatch.setattr(half_precision, "slowdown", {"float16": 400.0}.get)
    words = "float16 takes 400 times as long on this CPU.*`precision` float32 `override`"
    with pytest.raises(ConfigError, match=words):
        fit_precision(stylegan2.PRESETS["small-data"](), "CPU", ALONE, resumed=True)
