"""Protects MiraBench: released and written formulas on given measures, a balanced prompt set, results by caption."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from typer.testing import CliRunner

from dropletvideo import media
from dropletvideo.cli.__main__ import application
from dropletvideo.curate.run import curate
from dropletvideo.errors import ConfigError
from dropletvideo.evaluate.caption_subjects import subject_of
from dropletvideo.evaluate.manifest import ManifestRow, read_manifest, write_manifest
from dropletvideo.evaluate.metric import ScoredRow, load_metric, load_metrics, metric_names
from dropletvideo.evaluate.mirabench_set import PromptSet, choose, write_prompt_set
from dropletvideo.evaluate.score import EvaluateConfig, evaluate_manifest
from dropletvideo.evaluate.suite import load_suite
from dropletvideo.evaluate.suites.mirabench import COMPAT, PAPER
from dropletvideo.generate.batch import read_requests
from dropletvideo.perception.judge import Chunk
from dropletvideo.perception.matched_geometry import MatchedGeometry

ROW = ManifestRow(id="a", video="a.mp4")
MEASURES = {
    "raft_top_px": 9.0,
    "raft_mean_px": 2.0,
    "tracking_strength": 4.0,
    "tracking_strength_online": 3.0,
    "subject_picture_consistency": 0.9,
    "subject_picture_adjacent": 0.95,
    "background_picture_consistency": 0.8,
    "background_picture_adjacent": 0.85,
    "motion_smoothness": 0.99,
    "frame_aesthetic_picture": 5.5,
    "imaging_quality": 61.0,
}


def scored(measures):
    found = {}
    for name in metric_names():
        if name.startswith("mira_") and name not in ("mira_fid", "mira_fvd"):
            found |= load_metric(name).score(ROW, measures)
    return found


def test_every_one_of_the_17_has_a_metric_and_its_published_name():
    columns = {column.name: column for metric in load_metrics() for column in metric.columns}
    assert len(COMPAT) == 17
    assert set(load_suite("mirabench").columns) <= set(columns)
    assert all(columns[name].official for name in COMPAT)
    assert all(columns[name].flavour == "paper" for name in PAPER)


def test_released_and_written_formulas_differ_as_the_documents_do():
    found = scored(MEASURES)
    assert found["mira_dynamic_degree"] == 9.0
    assert found["mira_dynamic_degree_paper"] == 2.0
    assert found["mira_tracking_strength"] == 3.0
    assert found["mira_tracking_strength_paper"] == 4.0
    assert found["mira_dino"] == 0.9
    assert found["mira_dino_paper"] == pytest.approx(0.95 * 4)
    assert found["mira_clip_paper"] == pytest.approx(0.85 * 4)
    assert found["mira_smoothness"] == 0.99
    assert found["mira_smoothness_paper"] == pytest.approx(0.99 * 4)
    assert found["mira_aesthetic"] == 5.5
    assert found["mira_imaging"] == 61.0


def test_a_frozen_picture_has_nothing_where_the_paper_multiplies_and_all_where_the_code_does_not():
    found = scored(MEASURES | {"tracking_strength": 0.0, "subject_picture_consistency": 1.0})
    assert found["mira_dino_paper"] == 0.0
    assert found["mira_dino"] == 1.0


def test_a_part_that_is_not_there_makes_the_product_none():
    found = scored({name: value for name, value in MEASURES.items() if name != "tracking_strength"})
    assert found["mira_dino_paper"] is None
    assert found["mira_dino"] == 0.9


def test_a_pair_that_cannot_be_matched_leaves_the_video_without_the_released_number_and_with_the_mended_one():
    measures = {"geometry_mae_px": 0.5, "geometry_rmse_px": 0.6, "geometry_pairs": 4, "geometry_pairs_asked": 5}
    score = load_metric("mira_geometry").score
    found = score(ROW, measures)
    assert (found["mira_geometry_mae"], found["mira_geometry_rmse"]) == (None, None)
    assert (found["mira_geometry_mae_fixed"], found["mira_geometry_rmse_fixed"]) == (0.5, 0.6)
    whole = score(ROW, measures | {"geometry_pairs": 5})
    assert (whole["mira_geometry_mae"], whole["mira_geometry_rmse"]) == (0.5, 0.6)


def test_means_by_kind_of_caption():
    metric = load_metric("mira_imaging")
    rows = []
    for number, (kind, value) in enumerate([("short", 60.0), ("short", 70.0), ("dense", 50.0), ("dense", None)]):
        row = ManifestRow(id=str(number), video="a.mp4", group=str(number), extra={"caption_kind": kind})
        rows.append(ScoredRow(row=row, measures={}, scores=metric.score(row, {"imaging_quality": value})))
    found = metric.tables(rows)["by_caption"]
    assert found["short"]["mira_imaging"]["value"] == 65.0
    assert found["dense"]["mira_imaging"]["value"] == 50.0
    assert found["dense"]["mira_imaging"]["missing"] == 1
    assert metric.tables([ScoredRow(row=ROW, measures={}, scores={"mira_imaging": 1.0})]) == {}


@pytest.mark.parametrize(
    ("captions", "subject"),
    [
        ({"main_object_caption": "The main object is a woman in a red coat beside her dog."}, "human"),
        ({"main_object_caption": "A brown dog runs after a ball."}, "animal"),
        ({"main_object_caption": "A red car drives up a mountain road."}, "object"),
        ({"main_object_caption": "The main subject is a contraption of brass."}, "object"),
        ({"short_caption": "Mist over a valley at sunrise; a hiker rests."}, "landscape"),
        ({"short_caption": "Something unheard of."}, None),
    ],
)
def test_the_first_word_that_tells_decides(captions, subject):
    assert subject_of(captions) == subject


def test_subjects_take_turns_and_videos_come_once_before_any_comes_twice():
    clips = [
        {"clip_id": f"{subject}{number}", "video_id": f"{subject}{number // 2}", "subject": subject}
        for subject, count in (("human", 30), ("animal", 4), ("object", 30), ("landscape", 30))
        for number in range(count)
    ]
    chosen = choose(clips, 50)
    assert Counter(clip["subject"] for clip in chosen) == {"human": 16, "animal": 4, "object": 15, "landscape": 15}
    first = [clip["video_id"] for clip in chosen if clip["subject"] == "human"][:15]
    assert len(set(first)) == 15
    assert choose(list(reversed(clips)), 50) == chosen
    assert choose(clips, 50, seed=1) != chosen


PARTS = {
    "background_caption": "A grey wall.",
    "style_caption": "Documentary.",
    "camera_caption": "The camera pans left.",
}
THINGS = ("A woman walks.", "A dog barks.", "A red car turns.", "A valley in mist.")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Four captioned clips, one of each subject, and one without a structured caption, of a published list."""
    folder = tmp_path_factory.mktemp("mira")
    rows = []
    for number in range(5):
        noise = np.random.default_rng(number).integers(0, 255, (8, 24, 3), np.uint8)
        wide = media.resize(noise, size=(64, 192))
        frames = np.stack([wide[:, 2 * k : 2 * k + 96] for k in range(24)])
        media.write_video(folder / f"{number}.mp4", frames, playback_fps=12)
        told = {"short_caption": "Noise moves.", "dense_caption": "Noise moves to the left without an end."}
        told |= {"main_object_caption": THINGS[number], **PARTS} if number < 4 else {}
        rows.append({"path": f"{number}.mp4", "start_frame": 4, "end_frame": 24, **told})
    (folder / "clips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "r.yaml").write_text("kind: curate\nstages:\n  listed: {}\n  origin: {}\n")
    source, root = [folder / "clips.jsonl"], folder / "set"
    assert curate(source, root, recipe=str(folder / "r.yaml"), in_process=True, with_report=False).failures == 0
    return root


def test_a_data_set_becomes_requests_that_generation_takes(dataset, tmp_path):
    out = tmp_path / "bench"
    outcome = CliRunner().invoke(application, ["mirabench", "build", str(dataset), "--out", str(out), "--seconds", "1"])
    assert outcome.exit_code == 0, outcome.output
    assert "4 clips (1 human, 1 animal, 1 object, 1 landscape)" in outcome.output
    assert "1 clips left out: no structured caption" in outcome.output
    assert "fewer than the 50" in outcome.output
    lines = [json.loads(line) for line in (out / "requests.jsonl").read_text().splitlines()]
    assert len(lines) == 12
    assert Counter(line["caption_kind"] for line in lines) == {"short": 4, "dense": 4, "structured": 4}
    told = next(line for line in lines if line["caption_kind"] == "structured" and line["category"] == "animal")
    assert told["prompt"] == "A dog barks. A grey wall. Documentary. The camera pans left."
    reference = media.read_video(out / told["reference_video"])
    assert len(reference) == 12
    source = media.read_frames(dataset.parent / "1.mp4", [4])[0]
    assert np.array_equal(media.read_image(out / told["image"]), source)
    requests, failures = read_requests(out / "requests.jsonl", {})
    assert len(requests) == 12
    assert not failures


def test_the_same_data_set_gives_the_same_requests(dataset, tmp_path):
    asked = PromptSet(clips=2, seconds=0.5, short_side=32)
    texts = [write_prompt_set(dataset, tmp_path / name, asked).path.read_bytes() for name in ("a", "b")]
    assert texts[0] == texts[1]
    assert media.read_image(next((tmp_path / "a" / "images").iterdir())).shape[0] == 32


def test_a_data_set_without_captions_is_told_what_to_do(dataset, tmp_path):
    with pytest.raises(ConfigError, match="stage captions"):
        write_prompt_set(dataset, tmp_path, PromptSet(where="num_frames > 1000"))


def test_answers_are_scored_and_shown_by_kind_of_caption(dataset, tmp_path):
    asked = write_prompt_set(dataset, tmp_path / "bench", PromptSet(clips=2, seconds=1))
    answers = []
    for line in asked.path.read_text().splitlines():
        told = json.loads(line)
        told["video"] = tmp_path / "bench" / told.pop("reference_video")
        told["image"] = tmp_path / "bench" / told["image"]
        known = {key: told.pop(key) for key in ("id", "video", "prompt", "image", "group", "seed")}
        answers.append(ManifestRow(**known, extra=told))
    write_manifest(tmp_path / "manifest.jsonl", answers)
    assert read_manifest(tmp_path / "manifest.jsonl")[0].extra["caption_kind"] == "short"
    config = EvaluateConfig(metrics=("mira_geometry",), baselines=(), timeout_seconds=None)
    evaluate_manifest(tmp_path / "manifest.jsonl", tmp_path / "evaluation", config)
    outcome = CliRunner().invoke(application, ["mirabench", "table", str(tmp_path / "evaluation"), "--json"])
    assert outcome.exit_code == 0, outcome.output
    found = json.loads(outcome.output)
    assert set(found) == {"short", "dense", "structured"}
    assert found["short"]["mira_geometry_mae"]["value"] is None  # 12 frames hold no pair, and that is no zero
    assert found["short"]["mira_geometry_mae"]["missing"] == 2


def test_geometry_of_a_rigid_pan_keeps_its_matches_and_black_frames_give_none():
    noise = np.random.default_rng(3).integers(0, 255, (36, 100, 3), dtype=np.uint8)
    wide = media.resize(noise, size=(144, 400))
    pan = np.stack([wide[:, 2 * k : 2 * k + 256] for k in range(15)])
    judge = MatchedGeometry()

    def run(frames):
        row = {"start_frame": 0, "end_frame": len(frames)}
        state = judge.start(row)
        picked = judge.pick(row)
        numbers = np.array(picked)
        judge.update(state, Chunk(frames=frames[numbers], times=numbers / 8.0, indices=numbers))
        return judge.finish(state)

    found = run(pan)
    assert found["geometry_pairs"] == found["geometry_pairs_asked"] == 5
    assert found["geometry_mae_px"] < 1.0
    assert found["geometry_keep_ratio"] > 0.8
    black = run(np.zeros_like(pan))
    assert black["geometry_mae_px"] is None
    assert black["geometry_pairs"] == 0
