"""One label file: read, written, joined, scored, and converted to two tools and back without them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dropletvideo import media
from dropletvideo.cli.label import app
from dropletvideo.curate import labelling
from dropletvideo.data.label_forms import from_fiftyone, from_label_studio, label_studio_config, to_fiftyone
from dropletvideo.data.label_forms import to_label_studio as to_studio
from dropletvideo.data.label_score import score_classes, wilson_interval
from dropletvideo.data.labels import Label, Labels, frames_in, merged, parse_labels, read_labels, write_labels
from dropletvideo.errors import ConfigError

SHARED = Path(__file__).parents[2].parent / "shared" / "clips" / "labels.json"


@pytest.fixture
def labels():
    """Spans, whole files, several classes, a note, fields of others, one clip without a class."""
    return parse_labels(
        {
            "about": "four clips",
            "clips": {
                "0a1b": {"video": "a/one.mp4", "start_frame": 0, "end_frame": 40, "classes": ["C2"]},
                "2c3d": {"video": "a/one.mp4", "start_frame": 40, "end_frame": 90, "classes": ["C1", "C4"]},
                "one.mp4": {"video": "b/one.mp4", "classes": ["C6"], "note": "a dissolve", "cuts": [12, 30]},
                "left.mp4": {"classes": []},
            },
        }
    )


def paths_of(labels):
    return {key: f"/videos/{label.video or key}" for key, label in labels.clips.items()}


def test_what_is_written_is_read(tmp_path, labels):
    path = write_labels(tmp_path / "labels.json", labels)
    assert read_labels(path) == labels
    assert json.loads(path.read_text())["format"] == "droplet-labels"
    assert [p.name for p in tmp_path.iterdir()] == ["labels.json"]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"classes": ["C7"]}, "clips.x.classes"),
        ({"start_frame": 5}, "stand together"),
        ({"start_frame": 5, "end_frame": 5}, "must lie behind"),
    ],
)
def test_a_fault_is_named_with_its_place(entry, told):
    with pytest.raises(ConfigError, match=told):
        parse_labels({"clips": {"x": entry}})


def test_no_file_tells_how_to_make_one(tmp_path):
    with pytest.raises(ConfigError, match="droplet label new"):
        read_labels(tmp_path / "none.json")


def test_labels_in_use_can_be_read():
    if not SHARED.is_file():
        pytest.skip(f"{SHARED} is not here")
    found = read_labels(SHARED)
    assert found.clips["great_wall_aerial.mp4"].classes == ("C1", "C4")
    assert len(found.given()) < len(found.clips)


def test_joining_keeps_older_labels_and_takes_newer_ones():
    old = Labels(clips={"a": Label(classes=("C1",), note="sure"), "b": Label(classes=("C2",))})
    new = Labels(clips={"a": Label(video="a.mp4"), "b": Label(classes=("C3",)), "c": Label()})
    both = merged(old, new).clips
    assert both["a"] == Label(video="a.mp4", classes=("C1",), note="sure")
    assert both["b"].classes == ("C3",)
    assert set(both) == {"a", "b", "c"}


def test_fiftyone_and_back(labels):
    files = json.loads(json.dumps(to_fiftyone(labels, paths_of(labels), lambda _: 77)))
    names, content = files["data.json"], files["labels.json"]
    assert names == {"one": "/videos/a/one.mp4", "one-2": "/videos/b/one.mp4", "left": "/videos/left.mp4"}
    assert content["labels"]["left"] is None
    assert [found["support"] for found in content["labels"]["one"]] == [[1, 40], [41, 90], [41, 90]]
    assert content["labels"]["one-2"][0]["support"] == [1, 77]
    back = from_fiftyone(content, names, lambda _: 1 / 0)
    assert dict(back.clips) == labels.given()


def test_detections_that_the_tool_made_are_read():
    content = {
        "classes": ["C5 static", "C2 local pan"],
        "labels": {
            "walk": [
                {"label": 1, "support": [1, 50]},
                {"label": 0, "timestamps": [2.0, 4.5], "confidence": 0.9},
            ],
            "rest": None,
        },
    }
    clips = from_fiftyone(content, {"walk": "/data/walk.mp4"}, lambda path: {"/data/walk.mp4": 10.0}[path]).clips
    assert clips["walk.mp4@0-50"] == Label(video="/data/walk.mp4", start_frame=0, end_frame=50, classes=("C2",))
    assert clips["walk.mp4@20-45"].classes == ("C5",)
    assert len(clips) == 2
    with pytest.raises(ConfigError, match="'dolly' is none of C1"):
        from_fiftyone({"labels": {"walk": [{"label": "dolly", "support": [1, 2]}]}}, {}, lambda _: 1.0)


def test_label_studio_and_back(labels):
    tasks = json.loads(json.dumps(to_studio(labels, paths_of(labels), "/data/local-files/?d=")))
    assert tasks[0]["data"]["video"] == "/data/local-files/?d=/videos/a/one.mp4"
    (result,) = tasks[1]["annotations"][0]["result"]
    config = label_studio_config()
    assert f'name="{result["from_name"]}" toName="{result["to_name"]}"' in config
    assert all(f'value="{choice}"' in config for choice in result["value"]["choices"])
    assert from_label_studio(tasks).clips == labels.clips


def test_tasks_that_the_tool_exported_are_read():
    def answer(choice, **more):
        result = {"type": "choices", "from_name": "camera_class", "to_name": "video", "value": {"choices": [choice]}}
        return {"id": 3, "result": [result], **more}

    spans = {"type": "timelinelabels", "value": {"ranges": [{"start": 11, "end": 20}], "timelinelabels": ["C4"]}}
    tasks = [
        {
            "data": {"video": "/data/upload/2/0f3e2d1c-a%20walk.mp4"},
            "annotations": [answer("C1"), answer("C3", was_cancelled=True)],
            "predictions": [answer("C5")],
        },
        {"data": {"video": "/data/local-files/?d=raw/long.mp4"}, "annotations": [{"result": [spans]}]},
        {"id": 9, "video": "https://example.com/rest.mp4", "camera_class": "C5", "lead_time": 2.0},
        {"id": 10, "video": "both.mp4", "camera_class": {"choices": ["C1", "C4"]}},
    ]
    clips = from_label_studio(tasks).clips
    assert clips["a walk.mp4"].classes == ("C1",)
    assert clips["long.mp4@10-20"] == Label(video="long.mp4", start_frame=10, end_frame=20, classes=("C4",))
    assert clips["rest.mp4"].classes == ("C5",)
    assert clips["both.mp4"].classes == ("C1", "C4")
    with pytest.raises(ConfigError, match="no list of tasks"):
        from_label_studio({"tasks": []})


def test_a_score_counts_accepted_classes_and_what_was_not_told():
    score = score_classes([(("C1", "C4"), "C4"), (("C2",), "C4"), (("C2",), "C2"), (("C5",), None)])
    assert score.accuracy == 0.5
    assert score.confusion == {"C2": {"C2": 1, "C4": 1}, "C4": {"C4": 1}, "C5": {"none": 1}}
    assert score.recall == {"C2": 0.5, "C4": 1.0, "C5": 0.0}
    assert (score.majority_class, score.majority_accuracy) == ("C2", 0.5)
    assert score_classes([]).accuracy is None


def test_the_interval_is_wilsons():
    low, high = wilson_interval(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)


def test_labels_meet_the_clips_of_a_dataset(monkeypatch, tmp_path):
    rows = [
        {"clip_id": "k1", "video_path": "/v/a.mp4", "start_frame": 0, "end_frame": 50, "camera_class": "C2"},
        {"clip_id": "k2", "video_path": "/v/a.mp4", "start_frame": 50, "end_frame": 90, "camera_class": None},
        {"clip_id": "k3", "video_path": "/v/b.mp4", "start_frame": 0, "end_frame": 30, "camera_class": "C5"},
    ]
    monkeypatch.setattr(labelling.views, "read_clips", lambda *_: rows)
    given = {
        "k1": {"classes": ["C2"]},
        "x": {"video": "a.mp4", "start_frame": 52, "end_frame": 90, "classes": ["C4"]},
        "b.mp4": {"classes": ["C1", "C5"]},
        "a.mp4": {"classes": ["C6"]},
        "gone.mp4": {"classes": ["C6"]},
    }
    found = labelling.score_dataset(tmp_path, parse_labels({"clips": given}), "camera_class")
    assert found.unmatched == ("a.mp4", "gone.mp4"), "a file that was cut in two has no clip that is the whole of it"
    assert found.score.confusion == {"C2": {"C2": 1}, "C4": {"none": 1}, "C5": {"C5": 1}}
    with pytest.raises(ConfigError, match="camera_class"):
        labelling.score_dataset(tmp_path, parse_labels({"clips": given}), "camera_klass")


def test_a_folder_becomes_labels_a_page_and_tasks(tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in ("a.mp4", "b c.mp4"):
        media.write_video(videos / name, np.zeros((6, 32, 32, 3), np.uint8), playback_fps=6)
    run = CliRunner().invoke
    target = tmp_path / "labels.json"
    assert run(app, ["new", str(videos), "--out", str(target)]).exit_code == 0
    found = read_labels(target)
    assert {key: label.video for key, label in found.clips.items()} == {
        "a.mp4": "videos/a.mp4",
        "b c.mp4": "videos/b c.mp4",
    }
    span = Label(video="videos/a.mp4", start_frame=3, end_frame=6, note="</script><b>")
    write_labels(target, found.model_copy(update={"clips": {**found.clips, "part": span}}))
    assert run(app, ["page", str(target)]).exit_code == 0
    page = (tmp_path / "labels.html").read_text()
    data = json.loads(page.split('id="labels">')[1].split("</script>")[0])
    assert data["places"]["b c.mp4"] == {"src": "videos/b%20c.mp4", "start": 0.0, "end": None}
    assert data["places"]["part"] == {"src": "videos/a.mp4", "start": 0.5, "end": 1.0}
    assert data["labels"]["clips"]["part"]["note"] == "</script><b>"
    assert all(f'data-class="C{number}"' in page for number in range(1, 7))
    assert "http" not in page, "the page needs nothing from outside"
    assert run(app, ["new", str(videos), "--out", str(target)]).exit_code == 0
    assert read_labels(target).clips["part"] == span, "made anew, the file keeps what stood in it"


def test_frames_of_a_file_are_counted(tmp_path):
    media.write_video(tmp_path / "a.mp4", np.zeros((7, 32, 32, 3), np.uint8), playback_fps=6)
    assert frames_in(tmp_path / "a.mp4") == 7
