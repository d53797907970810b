"""What an export says of itself."""

import subprocess

from export.manifest import ABOUT, digest_of, manifest
from export.report import Result

FACTS = {"signatures": {"part": {"in_tflite": True}, "whole": {"in_tflite": False}}}


def test_the_digest_of_a_folder_is_what_the_command_in_the_manifest_prints(tmp_path):
    folder = tmp_path / "1"
    (folder / "variables").mkdir(parents=True)
    # In the order of bytes the capital comes first, and the dash before the slash.
    for name in ("variables/b", "variables-a", "a.pb", "Z"):
        (folder / name).write_text(name)
    command = ABOUT["sha256"].partition("folder: ")[2]
    printed = subprocess.check_output(["bash", "-c", command], cwd=folder, text=True)
    assert digest_of(folder) == printed.split()[0]
    (folder / "a.pb").rename(folder / "b.pb")
    assert digest_of(folder) != printed.split()[0]


def test_each_form_says_what_it_holds_and_how_it_was_judged():
    served = Result(
        "saved-model",
        "saved_model/1",
        "good",
        None,
        100.0,
        ms_per_picture={"2": 3.0},
        timed_signature="part",
    )
    poor = Result(
        "int8",
        "int8.tflite",
        "poor",
        "too far",
        32.0,
        psnr_db=30.0,
        ms_per_picture={"1": 5.0, "2": 4.0},
        timed_signature="part",
    )
    failed = Result("float16", "float16.tflite", "failed", "it broke", 60.0)
    said = manifest(FACTS, "whole", [served, poor, failed], None)
    first, second, third = said["forms"]
    assert (first["signatures"], first["default_signature"]) == (["part", "whole"], "whole")
    assert (second["signatures"], second["default_signature"]) == (["part"], None)
    assert (first["batch_size"], second["batch_size"]) == (None, 1)
    assert (first["psnr_db"], first["equal_to_keras"]) == (None, True)
    assert (second["psnr_db"], second["equal_to_keras"]) == (30.0, False)
    assert (second["status"], second["floor_db"], second["reason"]) == ("poor", 32.0, "too far")
    timed = ("ms_per_picture", "timed_signature", "timed_threads")
    assert [second[key] for key in timed] == [4.0, "part", 2]
    # A form that failed has no file, and nothing that was measured.
    assert (third["form"], third["status"], third["reason"]) == ("float16", "failed", "it broke")
    names = ("path", "bytes", "sha256", "psnr_db", "worst_psnr_db", *timed)
    assert [third[key] for key in names] == [None] * len(names)
    assert third["equal_to_keras"] is False
    # What is explained is there.
    assert set(said["about"]) <= {
        *first,
        "signatures",
        "ways_to_pictures",
        "panels",
        "style_levels",
    }
