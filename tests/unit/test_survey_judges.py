"""Protects the learned judges of the survey: published formats load, the right frames and texts reach the network."""

import cv2
import numpy as np
import pytest
import torch

from dropletvideo.errors import WeightsError
from dropletvideo.evaluate.metric import load_metric
from dropletvideo.evaluate.score import EvaluateConfig, evaluate_manifest
from dropletvideo.media import write_video
from dropletvideo.perception import inception
from dropletvideo.perception.blip import BlipScores
from dropletvideo.perception.clip_backbone import ClipImage
from dropletvideo.perception.clip_score import ClipScore
from dropletvideo.perception.dover_aesthetic import DoverAesthetic
from dropletvideo.perception.i3d import I3dLogits, whole_frames
from dropletvideo.perception.inception import InceptionFeatures
from dropletvideo.perception.judge import Chunk
from dropletvideo.perception.motion_windows import MotionWindows
from toy_set_weights import write_set_weights

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def folder(toy_weights):
    write_set_weights(toy_weights)
    return toy_weights


def frames_of(count, level=128):
    coarse = RANDOM.integers(0, 2 * level, (count, 6, 8, 3), np.uint8)
    return np.stack([cv2.resize(frame, (64, 48), interpolation=cv2.INTER_NEAREST) for frame in coarse])


def watched(judge, frames, row=None, features=None):
    state = judge.start(row or {})
    for first in range(0, len(frames), 5):
        part = frames[first : first + 5]
        indices = np.arange(first, first + len(part))
        judge.update(state, Chunk(part, indices / 8, indices, features(part) if features else {}))
    return judge.finish(state)


@pytest.mark.usefixtures("folder")
def test_inception_sees_sixteen_frames_and_its_package_agrees():
    from dropletvideo.perception.inception import _network
    from dropletvideo.weights import weights_path

    frames = frames_of(18)
    found = watched(InceptionFeatures(), frames[:3])
    assert found["inception_pool"].shape == (3, 2048)
    assert found["inception_logits"].shape == (3, 1008)
    network, _ = _network(str(weights_path("inception-fid")))
    with torch.inference_mode():
        expected = network(torch.from_numpy(frames[1]).permute(2, 0, 1)[None])[0][0].numpy()
    assert np.allclose(found["inception_pool"][1], expected, atol=1e-5)
    wrapped = watched(InceptionFeatures(wrapped=True), frames[:1])
    assert not np.allclose(wrapped["inception_wrapped_pool"][0], found["inception_pool"][0], atol=1e-3)
    assert watched(InceptionFeatures(), frames[:0]) == {"inception_pool": None, "inception_logits": None}


@pytest.mark.usefixtures("folder")
def test_i3d_takes_pieces_of_sixteen_frames_and_abstains_on_less(monkeypatch):
    seen = []
    monkeypatch.setattr(I3dLogits, "_logits", lambda _, frames: seen.append(len(frames)) or np.zeros(400, np.float32))
    assert watched(I3dLogits(), frames_of(35))["i3d_logits"].shape == (2, 400)
    assert watched(I3dLogits(), frames_of(15))["i3d_logits"] is None
    assert watched(I3dLogits(whole=True), frames_of(35))["i3d_whole_logits"].shape == (1, 400)
    assert seen == [16, 16, 35]


def test_a_whole_video_goes_in_from_its_first_frame_to_its_last(monkeypatch):
    """MiraBench takes int(k (N - 1) / 99) for k of 0 to 99, of up to 100 frames all."""
    levels = np.arange(199).clip(0, 198).astype(np.uint8)
    seen = []
    monkeypatch.setattr(I3dLogits, "_logits", lambda _, frames: seen.extend(frames) or np.zeros(400, np.float32))
    video = levels[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    watched(I3dLogits(whole=True), video, {"num_frames": 199})
    assert [round((float(frame[0, 0, 0]) + 1) * 127.5) for frame in seen] == list(range(0, 199, 2))
    assert whole_frames(101)[:3] + whole_frames(101)[-2:] == [0, 1, 2, 98, 100]
    assert whole_frames(100) == list(range(100))


@pytest.mark.usefixtures("folder")
def test_i3d_loads_the_published_format_and_answers_to_content():
    dark, bright = (watched(I3dLogits(), frames_of(16, level))["i3d_logits"][0] for level in (20, 128))
    assert dark.shape == (400,)
    assert np.isfinite(dark).all()
    assert not np.allclose(dark, bright)


@pytest.mark.usefixtures("folder")
def test_motion_windows_are_one_frame_apart_and_a_dark_video_stands_still():
    moving, still = (
        watched(MotionWindows(), frames_of(18)),
        watched(MotionWindows(), np.zeros((18, 48, 64, 3), np.uint8)),
    )
    assert moving["fvmd_fixed"].shape == moving["fvmd_compat"].shape == (3, 1024)
    assert moving["fvmd_fixed"][:, :512].sum() > 0
    assert still["fvmd_fixed"].sum() == 0
    assert watched(MotionWindows(), frames_of(15)) == {"fvmd_fixed": None, "fvmd_compat": None}


@pytest.mark.usefixtures("folder")
def test_the_aesthetic_branch_answers_to_the_frames():
    bright, dark = (
        watched(DoverAesthetic(), np.full((7, 48, 64, 3), level, np.uint8))["dover_aesthetic_raw"]
        for level in (220, 30)
    )
    assert bright > dark


@pytest.mark.usefixtures("folder")
def test_text_scores_answer_to_prompt_and_frames_and_abstain_without_a_prompt():
    frames = frames_of(4)
    backbone = ClipImage()
    for judge, features in (
        (
            ClipScore(),
            lambda part: {"clip_image": backbone(None, Chunk(part, np.zeros(len(part)), np.arange(len(part))))},
        ),
        (BlipScores(), None),
    ):
        texts = ("a red ball", "zebra", "it", "x")
        told = {text: watched(judge, frames, {"prompt": text}, features) for text in texts}
        name = judge.name if judge.name in judge.columns else "blip_itc"
        best = max(told, key=lambda text: told[text][name])
        assert set(told[best]) == set(judge.columns)
        assert all(value is not None and np.isfinite(value) for value in told[best].values())
        assert len({str(scores) for scores in told.values()}) > 1, "the text counts"
        assert told[best] != watched(judge, frames // 3, {"prompt": best}, features), "the frames count"
        assert set(watched(judge, frames, {}, features).values()) == {None}


def test_a_damaged_file_is_told(tmp_path):
    path = tmp_path / "i3d.pt"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="cannot be read as I3D"):
        watched(I3dLogits(path), frames_of(16))
    path.write_text("text")
    with pytest.raises(WeightsError, match="cannot be run as the program"):
        watched(MotionWindows(path), frames_of(16))


def test_equal_sets_have_no_distance_and_absent_weights_are_no_zero(folder, tmp_path, monkeypatch):
    lines = []
    for number in range(2):
        write_video(tmp_path / f"{number}.mp4", frames_of(17), playback_fps=8)
        name = f"{number}.mp4"
        lines.append(f'{{"id": "{number}", "video": "{name}", "reference_video": "{name}", "prompt": "a ball"}}')
    (tmp_path / "manifest.jsonl").write_text("\n".join(lines))
    monkeypatch.setattr(inception, "FRAMES", 3)
    config = EvaluateConfig(metrics=("fid", "fvmd"), baselines=("real", "frozen"), timeout_seconds=None)
    systems = evaluate_manifest(tmp_path / "manifest.jsonl", tmp_path / "out", config).summary["systems"]
    values = {name: {key: each["value"] for key, each in system["scores"].items()} for name, system in systems.items()}
    assert values["real"]["fid"] == pytest.approx(0, abs=1e-3)
    assert values["real"]["fvmd_fixed"] == pytest.approx(0, abs=1e-3)
    assert values["frozen"]["fid"] > values["model"]["fid"], "the model's videos are the real ones, coded once more"
    assert values["frozen"]["fvmd_fixed"] > values["model"]["fvmd_fixed"]
    monkeypatch.setenv("DROPLET_WEIGHTS", str(tmp_path / "nothing"))
    assert "droplet weights fetch inception-fid" in load_metric("fid").lacks()
    assert load_metric("dover").lacks("permissive").startswith("weights 'dover' are under")
