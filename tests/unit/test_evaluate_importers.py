"""Importers and exports of published formats: nothing is lost, and what is missing is a row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dropletvideo.errors import RequestError
from dropletvideo.evaluate.importers import VBenchSource, mirabench_rows, vbench_rows
from dropletvideo.evaluate.manifest import read_manifest, write_manifest

DATA = Path(__file__).parents[2].parent / "shared" / "data"
LIST = [
    {"prompt_en": "a red ball", "dimension": ["i2v_subject"], "image_type": "other", "image_name": "a red ball.jpg"},
    {
        "prompt_en": "a room, camera pans left",
        "dimension": ["camera_motion"],
        "image_type": "indoor",
        "image_name": "a room.jpg",
    },
]


@pytest.fixture
def source(tmp_path) -> VBenchSource:
    info = tmp_path / "list.json"
    info.write_text(json.dumps(LIST))
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("a red ball-0", "a red ball-1", "a room, camera pans left-0"):
        (folder / f"{name}.mp4").write_bytes(b"x")
    return VBenchSource(folder=folder, info=info, samples=2)


def test_a_vbench_folder_becomes_rows_with_dimensions_image_and_asked_camera(source, tmp_path):
    rows = vbench_rows(source)
    assert [row.id for row in rows] == [
        "a red ball-0",
        "a red ball-1",
        *(f"a room, camera pans left-{k}" for k in (0, 1)),
    ]
    assert rows[0].dimensions == ("i2v_subject",)
    assert rows[0].camera is None
    assert rows[2].moves == ("pan_left",)
    assert [row.video.is_file() for row in rows] == [True, True, True, False], "a missing video is a row all the same"
    assert rows[0].cluster == rows[1].cluster != rows[2].cluster
    write_manifest(tmp_path / "m.jsonl", rows)
    assert read_manifest(tmp_path / "m.jsonl") == rows


def test_dense_prompts_replace_the_list_s_and_may_name_the_videos(source, tmp_path):
    prompts = tmp_path / "dense.json"
    prompts.write_text(json.dumps({"a red ball": "A small red ball rests on sand while the camera stays still."}))
    (source.folder / "A small red ball rests on sand while the camera stays still.-1.mp4").write_bytes(b"y")
    rows = vbench_rows(VBenchSource(folder=source.folder, info=source.info, prompts=prompts, samples=2))
    assert rows[0].prompt.startswith("A small red ball")
    assert rows[0].prompt_original == "a red ball"
    assert rows[0].video.name == "a red ball-0.mp4"
    assert rows[1].video.name.startswith("A small red ball")


def test_a_folder_without_any_listed_video_and_a_wrong_list_are_refused(source, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError, match=r"a red ball-0\.mp4"):
        vbench_rows(VBenchSource(folder=tmp_path / "empty", info=source.info))
    (tmp_path / "wrong.json").write_text('[{"prompt": "a"}]')
    with pytest.raises(RequestError, match="prompt_en"):
        vbench_rows(VBenchSource(folder=source.folder, info=tmp_path / "wrong.json"))
    with pytest.raises(RequestError, match="cannot be read"):
        vbench_rows(VBenchSource(folder=source.folder, info=tmp_path / "none.json"))
    (tmp_path / "nulls.json").write_text('[{"prompt_en": null, "dimension": null, "image_name": null}]')
    with pytest.raises(RequestError, match="is not VBench's I2V list"):
        vbench_rows(VBenchSource(folder=source.folder, info=tmp_path / "nulls.json"))
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    with pytest.raises(RequestError, match="not UTF-8"):
        vbench_rows(VBenchSource(folder=source.folder, info=tmp_path / "bytes.json"))
    with pytest.raises(RequestError, match="list's images"):
        vbench_rows(VBenchSource(folder=source.folder, info=source.info, images=tmp_path / "none"))


def test_dense_prompts_of_another_list_are_refused_and_not_dropped_silently(source, tmp_path):
    prompts = tmp_path / "dense.json"
    prompts.write_text(json.dumps({"a red ball": "dense", "a blue ball": "dense"}))
    with pytest.raises(RequestError, match=r"1 of 2 prompts are not in the list .* 'a blue ball'"):
        vbench_rows(VBenchSource(folder=source.folder, info=source.info, prompts=prompts))


@pytest.mark.skipif(not (DATA / "dropletvideo_release_prompts.json").is_file(), reason="the release is not here")
@pytest.mark.parametrize("language", ["English", "Chinese"])
def test_prompts_as_dense_as_the_release_s_pass_through_the_manifest(tmp_path, language):
    """Hundreds of words with line ends and quotes, far beyond a file name: the video goes by the list's prompt."""
    told = json.loads((DATA / "dropletvideo_release_prompts.json").read_text(encoding="utf-8"))
    texts = [each[language] for each in told if each.get(language)][:5]
    listed = json.loads((DATA / "vbench_i2v_full_info.json").read_text(encoding="utf-8"))
    entries = [each for each in listed if "camera_motion" in each["dimension"]][: len(texts)]
    dense = {entry["prompt_en"]: text for entry, text in zip(entries, texts, strict=True)}
    assert any(len(text.encode()) > 255 and "\n" in text for text in texts)
    (tmp_path / "list.json").write_text(json.dumps(entries))
    (tmp_path / "dense.json").write_text(json.dumps(dense, ensure_ascii=False), encoding="utf-8")
    for entry in entries:
        (tmp_path / f"{entry['prompt_en']}-0.mp4").write_bytes(b"x")
    source = VBenchSource(folder=tmp_path, info=tmp_path / "list.json", prompts=tmp_path / "dense.json", samples=1)
    rows = vbench_rows(source)
    write_manifest(tmp_path / "m.jsonl", rows)
    back = read_manifest(tmp_path / "m.jsonl")
    assert back == rows
    assert [row.prompt for row in back] == texts
    assert [row.prompt_original for row in back] == [entry["prompt_en"] for entry in entries]
    assert all(row.video.is_file() and row.moves for row in back)  # the camera asked is that of the list


@pytest.mark.skipif(not (DATA / "vbench_i2v_full_info.json").is_file(), reason="the published list is not here")
def test_the_published_list_has_its_counts(tmp_path):
    (tmp_path / "a close up of a blue and orange liquid-0.mp4").write_bytes(b"x")
    rows = vbench_rows(VBenchSource(folder=tmp_path, info=DATA / "vbench_i2v_full_info.json", samples=1))
    assert len(rows) == 1118
    counts = {name: sum(name in (row.dimensions or ()) for row in rows) for name in ("camera_motion", "i2v_subject")}
    assert counts == {"camera_motion": 763, "i2v_subject": 246}
    asked = [row.moves for row in rows if row.camera]
    assert len(asked) == 763
    assert {moves[0] for moves in asked} == {
        "pan_left", "pan_right", "tilt_up", "tilt_down", "zoom_in", "zoom_out", "static"
    }  # fmt: skip


def test_a_mirabench_table_becomes_rows_of_each_caption_kind(tmp_path):
    table = tmp_path / "meta.csv"
    table.write_text(
        "video_idx,video_path,short_caption,dense_caption,main_object_caption,background_caption,style_caption,"
        'camera_caption\n7,seven.mp4,A dog.,"A dog runs,\nfast.",the dog,the lawn,plain,it pans\n,,,,,,,\n'
    )
    rows = {kind: mirabench_rows(table, videos=tmp_path, caption=kind) for kind in ("short", "dense", "structured")}
    assert all(len(found) == 1 for found in rows.values()), "an empty line is no row"
    assert rows["short"][0].prompt == "A dog."
    assert rows["dense"][0].prompt == "A dog runs,\nfast."
    assert rows["structured"][0].prompt == "the dog the lawn plain it pans"
    assert rows["dense"][0].extra["camera_caption"] == "it pans"
    assert rows["dense"][0].video == tmp_path.resolve() / "seven.mp4"
    with pytest.raises(RequestError, match="one of short"):
        mirabench_rows(table, videos=tmp_path, caption="long")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(RequestError, match="needs the columns"):
        mirabench_rows(tmp_path / "other.csv", videos=tmp_path)
