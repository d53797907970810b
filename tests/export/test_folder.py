"""The folder of an export: what it refuses to replace, and what it removes."""

import json

import pytest

from export.folder import find_earlier, swap
from tests.export.small import earlier_export
from tfgan.loading import OutputError


def test_nothing_behind_a_link_is_taken_for_an_earlier_export(tmp_path):
    out, other = tmp_path / "out", tmp_path / "other"
    (other / "1").mkdir(parents=True)
    earlier_export(out, "float32.tflite")
    forms = [{"path": path} for path in ("saved_model/1", "../other", "/etc", None, 3)]
    manifest = {"provenance": {"tfgan": "0"}, "forms": forms}
    (out / "manifest.json").write_text(json.dumps(manifest))
    (out / "float32.tflite").unlink()
    (out / "saved_model").symlink_to(other)
    with pytest.raises(OutputError, match="with saved_model, which no export"):
        find_earlier(out, ["float32"])
    (out / "saved_model").unlink()
    assert find_earlier(out, ["float32"]) == ["manifest.json", "report.html", "report.json"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", '{"manifest_version": 3, "name": "PWA"}'),
        ("report.html", ""),
        ("dynamic.tflite", ""),
        ("saved_model/1/other.pb", ""),
        ("saved_model", ""),
    ],
)
def test_a_file_that_no_export_wrote_is_never_replaced(tmp_path, name, content):
    out = tmp_path / "out"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text(content)
    with pytest.raises(OutputError, match="which no export of this program wrote") as refused:
        find_earlier(out, ["saved-model", "dynamic"])
    assert name.removesuffix("/other.pb") in str(refused.value)
    assert (out / name).read_text() == content
    assert find_earlier(tmp_path / "none", ["saved-model"]) == []


def test_all_is_moved_or_nothing(tmp_path):
    out, partial = tmp_path / "out", tmp_path / "partial"
    old, new = ["b", "saved_model/1"], ["a", "saved_model/1", "b", "none"]
    for folder, names in ((out, old), (partial, new)):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(folder.name)
    before = sorted(tmp_path.rglob("*"))
    (partial / "none").unlink()
    with pytest.raises(FileNotFoundError):
        swap(out, old, partial, new)
    assert {(out / name).read_text() for name in old} == {"out"}
    assert sorted(path.name for path in out.iterdir()) == ["b", "saved_model"]
    (partial / "none").touch()
    assert [path for path in before if not path.exists()] == []
    swap(out, old, partial, new[:1])
    assert [path.name for path in out.iterdir()] == ["a"]
    assert (out / "a").read_text() == "partial"
