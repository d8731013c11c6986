"""The manifest: what is read is what was written, and every complaint names line, value and next step."""

from __future__ import annotations

import json

import pytest

from dropletvideo.errors import RequestError
from dropletvideo.evaluate.manifest import ManifestRow, read_manifest, write_manifest

GOOD = {"id": "a", "video": "clips/a.mp4", "prompt": "x" * 600 + " 苹果", "motion": 4, "image": "a.png"}


def write(path, *records) -> None:
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_paths_are_relative_to_the_manifest_and_unknown_keys_survive(tmp_path):
    path = tmp_path / "manifest.jsonl"
    write(path, GOOD | {"steps": 20, "camera": [{"move": "pan_left", "amount": 20}, {"move": "zoom_in"}]})
    (row,) = read_manifest(path)
    assert row.video == tmp_path / "clips/a.mp4"
    assert row.moves == ("pan_left", "zoom_in")
    assert row.extra == {"steps": 20}
    write_manifest(tmp_path / "again.jsonl", [row])
    written = json.loads((tmp_path / "again.jsonl").read_text(encoding="utf-8"))
    assert written["video"] == "clips/a.mp4"
    assert written["steps"] == 20
    assert read_manifest(tmp_path / "again.jsonl") == [row]


def test_asking_nothing_is_not_asking_for_a_static_camera(tmp_path):
    path = tmp_path / "manifest.jsonl"
    write(path, GOOD, GOOD | {"id": "b", "camera": []}, GOOD | {"id": "c", "camera": [{"move": "static"}]})
    assert [row.moves for row in read_manifest(path)] == [None, (), ("static",)]


def test_rows_of_one_image_are_one_cluster():
    row = ManifestRow(id="a", video="a.mp4", image="i.png", prompt="p")
    assert row.cluster == "i.png"
    assert row.model_copy(update={"group": "g"}).cluster == "g"
    assert ManifestRow(id="a", video="a.mp4").cluster == "a"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{broken", "not JSON"),
        ("[1]", "expected a JSON object, got list"),
        ({"id": "b"}, "video: Field required"),
        (GOOD | {"id": "b", "moton": 4}, "did you mean 'motion'"),
        (GOOD | {"id": "b", "motion": 0}, "got 0"),
        (GOOD | {"id": "b", "camera": [{"move": "pan_lef"}]}, "did you mean pan_left"),
        (GOOD | {"id": "b", "fit": "wide"}, "got 'wide'"),
        (GOOD, "already on line 1"),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path, line, complaint):
    path = tmp_path / "manifest.jsonl"
    write(path, GOOD, "", line)
    with pytest.raises(RequestError, match=r"manifest\.jsonl:3: ") as caught:
        read_manifest(path)
    assert complaint in str(caught.value)


def test_missing_and_empty_manifests_are_refused(tmp_path):
    with pytest.raises(RequestError, match="not a file"):
        read_manifest(tmp_path / "none.jsonl")
    (tmp_path / "manifest.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RequestError, match=r"not a file: give .*manifest\.jsonl"):
        read_manifest(tmp_path)
    with pytest.raises(RequestError, match="not UTF-8"):
        read_manifest(tmp_path / "manifest.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(RequestError, match="no rows"):
        read_manifest(tmp_path / "empty.jsonl")
