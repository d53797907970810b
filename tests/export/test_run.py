"""The export command: what it refuses, what it keeps, what its help says."""

import numpy as np
import pytest

from export import run, signatures
from export.saved_model import Runner
from tests.export.small import stargan, stargan_v2, stylegan2
from tfgan.models.stylegan2 import StyleGAN2Discriminator


def test_a_file_that_differs_is_not_kept(tmp_path, monkeypatch, capsys):
    stylegan2().save(tmp_path / "face.keras")
    black = {"images": np.zeros((3, 16, 16, 3), np.float32)}
    wrong = run.Format(
        "",
        "wrong.bin",
        lambda exportable, path: path.write_bytes(b"x"),
        lambda path: Runner(["generate"], lambda signature, inputs: black),
    )
    monkeypatch.setitem(run.FORMATS, "float32", wrong)
    assert run.main([str(tmp_path / "face.keras"), "--formats", "float32"]) == 1
    assert "generate of float32 differs from Keras" in capsys.readouterr().err
    assert list((tmp_path / "face-export").iterdir()) == []


def test_a_second_export_replaces_the_first(tmp_path):
    new, old = tmp_path / "new", tmp_path / "old"
    for folder in (new, old):
        folder.mkdir()
        (folder / folder.name).touch()
    run._replace(new, old)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert [path.name for path in old.iterdir()] == ["new"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.keras"], "there is no file"),
        (
            ["{tmp}/scores.keras"],
            "StyleGAN2Generator, StarGAN, StarGANv2 can be exported. Received: ",
        ),
        (["{tmp}/scores.keras"], "holds a StyleGAN2Discriminator"),
        (["{tmp}/broken.keras"], "not a .keras file"),
        (["{tmp}/scores.keras", "-o", "/proc/none"], "cannot be written"),
    ],
)
def test_a_mistake_gives_one_message(tmp_path, capsys, arguments, words):
    model = StyleGAN2Discriminator(16, channel_base=128, channel_max=16)
    model.build()
    model.save(tmp_path / "scores.keras")
    (tmp_path / "broken.keras").write_bytes((tmp_path / "scores.keras").read_bytes()[:500])
    assert run.main([argument.format(tmp=tmp_path) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.keras", "scores.keras"]


def test_an_unknown_format_is_named(capsys):
    with pytest.raises(SystemExit) as stopped:
        run.main(["face.keras", "--formats", "int3"])
    assert stopped.value.code == 2
    assert "int3" in capsys.readouterr().err


def test_help_names_every_kind_of_model_and_its_signatures(capsys):
    with pytest.raises(SystemExit):
        run.main(["--help"])
    shown = capsys.readouterr().out
    for model in (stylegan2(), stargan(), stargan_v2()):
        kind = signatures.KINDS[type(model).__name__]
        assert type(model).__name__ in shown
        for name in kind.describe(model).signatures:
            assert name in shown


def test_every_signature_has_an_example_of_the_types_that_it_names():
    for model in (stylegan2(), stylegan2(("a", "b")), stargan(), stargan_v2()):
        described = signatures.KINDS[type(model).__name__].describe(model)
        assert {name for name, _ in described.examples} == set(described.signatures)
        for name, inputs in described.examples:
            specs = described.signatures[name].inputs
            assert set(inputs) == set(specs)
            for key, (shape, dtype) in specs.items():
                assert inputs[key].dtype == dtype
                assert inputs[key].shape == tuple(3 if size is None else size for size in shape)
