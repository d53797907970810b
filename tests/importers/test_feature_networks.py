"""Opening the networks of metrics, from published files and from those of ours."""

import numpy as np
import pytest

from tests.importers import saved
from tests.parity.published import Case
from tfgan.importers.__main__ import main
from tfgan.importers.feature_networks import load_inception, load_lpips
from tfgan.loading import weights_digest
from tfgan.terminal import UserError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Published files with drawn weights, and .keras files that the command made of them."""
    folder = tmp_path_factory.mktemp("published")
    whole = Case("lpips_alex").weights("network")
    trunk = {
        "features." + name.split(".", 2)[2]: value
        for name, value in whole.items()
        if name.startswith("net.")
    }
    saved.save_state(folder / "alexnet.pth", trunk)
    saved.save_state(
        folder / "alex.pth", {name: v for name, v in whole.items() if name.startswith("lin")}
    )
    saved.save_state(folder / "inception.pth", Case("inception_fid").weights("network"))
    saved.save_state(folder / "other.pth", {"main.0.weight": np.ones(3, np.float32)})
    for names in (["alexnet.pth", "alex.pth"], ["inception.pth"]):
        files = [str(folder / name) for name in names]
        assert main([*files, "-o", str(folder / names[0]).replace(".pth", ".keras")]) == 0
    return folder


def test_both_kinds_of_files_give_the_same_networks(folder):
    published = load_inception([folder / "inception.pth"])
    ours = load_inception([str(folder / "inception.keras")])
    assert ours.form == "2015-12-05"
    assert weights_digest(published) == weights_digest(ours)
    published = load_lpips("alex", [folder / "alexnet.pth", folder / "alex.pth"])
    ours = load_lpips("alex", [folder / "alexnet.keras"])
    assert weights_digest(published) == weights_digest(ours)


def test_the_command_says_what_it_found_and_left_out(folder, capsys, tmp_path):
    out = tmp_path / "lpips.keras"
    assert main([str(folder / "alexnet.pth"), str(folder / "alex.pth"), "-o", str(out)]) == 0
    told = capsys.readouterr().out
    assert "Found LPIPS" in told
    assert "2,470,848 parameters" in told  # 2,469,696 of AlexNet's convolutions, 1,152 linear ones
    assert main([str(folder / "alexnet.pth"), "-o", str(tmp_path / "half.keras")]) == 2
    assert "Give alex.pth of richzhang/PerceptualSimilarity" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["lpips.keras"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], "weights of InceptionV3 are needed. Received: no file. Give pt_inception-2015-12-05"),
        (["other.pth"], "weights of InceptionV3 are needed. Received: "),
        (["alexnet.keras"], "must hold InceptionV3. Received: LPIPS. Give pt_inception-2015-12-05"),
        (["none.pth"], "there is no such file"),
        (["none.keras"], "there is no file"),
    ],
)
def test_other_files_than_inception_are_told_with_what_to_get(names, told, folder):
    with pytest.raises(UserError) as caught:
        load_inception([folder / name for name in names])
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("network", "names", "told"),
    [
        ("vgg", ["alexnet.keras"], "the network 'vgg' is needed. Received: 'alex', in "),
        ("vgg", ["alexnet.pth", "alex.pth"], "Give vgg16-397923af.pth (https://download"),
        ("alex", ["inception.keras"], "must hold LPIPS. Received: InceptionV3. Give alexnet-owt"),
        ("alex", ["inception.pth"], "weights of LPIPS are needed. Received: "),
        ("alex", ["alexnet.pth"], "without the linear weights"),
    ],
)
def test_other_files_than_lpips_are_told_with_what_to_get(network, names, told, folder):
    with pytest.raises(UserError) as caught:
        load_lpips(network, [folder / name for name in names])
    assert told in str(caught.value)
