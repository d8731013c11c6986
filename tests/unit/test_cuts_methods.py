"""The other two shot detectors: PySceneDetect's content rule, equal to the package, and TransNetV2's reading."""

from __future__ import annotations

import json
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch

from dropletvideo import media
from dropletvideo.curate.stages import segment
from dropletvideo.errors import WeightsError
from dropletvideo.perception.content_cuts import ContentCuts, ContentCutsConfig
from dropletvideo.perception.judge import Chunk
from dropletvideo.perception.transnet_cuts import TransNetCuts
from dropletvideo.tables.plan import watch_video
from dropletvideo.tables.runner import run
from toy_weights import write_transnet

RATE = 25.0


def shots(lengths, seed=0, size=(72, 128)):
    """Still shots of strongly different pictures."""
    rng = np.random.default_rng(seed)
    pictures = [media.resize(rng.integers(0, 255, (4, 6, 3), dtype=np.uint8), size=size) for _ in lengths]
    return np.concatenate([np.repeat(one[None], n, axis=0) for one, n in zip(pictures, lengths, strict=True)])


def judged(judge, frames, size=9, rate=RATE):
    state, told = judge.start({}), []
    for at in range(0, len(frames), size):
        index = np.arange(at, min(at + size, len(frames)))
        judge.update(state, Chunk(frames=frames[index], times=index / rate, indices=index))
        told.append(judge.settled(state))
    return judge.finish(state)["boundaries"], told


def keeps_its_word(final, told):
    """What was settled is what comes out, and the settled frame never falls."""
    assert all(before[1] <= after[1] for before, after in pairwise(told))
    for boundaries, frame in told:
        assert [one.frame for one in boundaries] == [one["frame"] for one in final if one["frame"] < frame]


@pytest.mark.parametrize("seed", range(4))
def test_content_cuts_are_those_of_the_package(seed):
    pytest.importorskip("scenedetect", reason="PySceneDetect is not installed: pip install --no-deps scenedetect")
    from scenedetect.common import FrameTimecode
    from scenedetect.detectors import ContentDetector

    rng = np.random.default_rng(seed)
    frames = shots(rng.integers(1, 40, 24), seed)
    frames = np.clip(frames + rng.normal(0, 6, frames.shape), 0, 255).astype(np.uint8)
    package, theirs = ContentDetector(threshold=26.0, min_scene_len=0.6), []
    for number, frame in enumerate(frames):
        found = package.process_frame(FrameTimecode(number, RATE), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        theirs += [one.frame_num for one in found]
    ours, told = judged(ContentCuts(), frames)
    assert [one["frame"] for one in ours] == theirs
    assert len(theirs) >= 5
    keeps_its_word(ours, told)


def test_content_cuts_draw_quick_ones_together_at_the_last():
    frames = shots((30, 30, 5, 5, 5, 40))
    found, told = judged(ContentCuts(), frames)
    assert [one["frame"] for one in found] == [30, 60], "three within 0.6 s of the last; too short a burst is no shot"
    keeps_its_word(found, told)
    apart, _ = judged(ContentCuts(ContentCutsConfig(min_scene_seconds=0.0)), frames)
    assert [one["frame"] for one in apart] == [30, 60, 65, 70, 75]


def test_a_threshold_above_the_change_finds_nothing():
    frames = shots((30, 30))
    [cut] = judged(ContentCuts(), frames)[0]
    quiet = ContentCuts(ContentCutsConfig(threshold=255 * cut["score"] + 1))
    assert judged(quiet, frames)[0] == []


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return write_transnet(tmp_path_factory.mktemp("program") / "transnetv2.pt2")


@pytest.mark.parametrize("length", [3, 49, 50, 51, 130, 251])
def test_transnet_sees_every_frame_once_and_the_cut_lies_behind_the_last_of_the_shot(program, length):
    frames = np.full((length, 27, 48, 3), 40, np.uint8)
    at = length // 2
    frames[at:] = 200
    found, told = judged(TransNetCuts(program), frames)
    assert [(one["frame"], one["end_frame"], one["kind"]) for one in found] == [(at, at, "cut")]
    keeps_its_word(found, told)


def test_a_run_of_high_chances_is_one_gradual_boundary(program):
    frames = np.full((180, 27, 48, 3), 40, np.uint8)
    frames[90:100] = np.arange(55, 205, 15)[:, None, None, None]
    frames[100:] = 200
    [found], _ = judged(TransNetCuts(program), frames)[0], None
    assert (found["frame"], found["end_frame"], found["kind"]) == (90, 99, "dissolve")
    assert found["score"] > 0.9
    assert judged(TransNetCuts(program, threshold=0.999), frames)[0] == []


def test_a_program_with_another_output_is_named(tmp_path):
    class Wrong(torch.nn.Module):
        def forward(self, frames: torch.Tensor) -> torch.Tensor:
            return frames.float().mean(dim=(2, 3, 4))

    path = write_transnet(tmp_path / "wrong.pt2", Wrong())
    with pytest.raises(WeightsError, match=r"\(1, 100\).*must give \(1, 100, 2\)"):
        judged(TransNetCuts(path), np.zeros((120, 27, 48, 3), np.uint8))


def test_a_run_with_transnet_and_no_program_says_what_is_missing_and_cuts_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPLET_WEIGHTS", str(tmp_path / "none"))
    stage = segment.build(segment.Config(method="transnet"))
    assert "transnetv2" in stage.lacks
    with pytest.raises(WeightsError, match="transnetv2"):
        run(tmp_path / "set", [], [stage])
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("method", ["content", "transnet"])
def test_each_method_cuts_in_one_decode(tmp_path, program, method):
    media.write_video(tmp_path / "cut.mp4", shots((40, 50, 45)), playback_fps=25)
    config = segment.Config.model_validate({"method": method, "transnet": {"program": str(program)}})
    stage = segment.build(config)
    assert not stage.lacks
    watched = watch_video(tmp_path / "cut.mp4", [], detector=stage.judge, rule=stage.function)
    assert [(clip["start_frame"], clip["end_frame"]) for clip in watched.clips] == [(0, 40), (40, 90), (90, 135)]
    assert watched.decodes == 1


def test_methods_have_fingerprints_of_their_own(program):
    ways = [{}, {"method": "content"}, {"method": "content", "content": {"threshold": 27.0}}]
    ways.append({"method": "transnet", "transnet": {"program": str(program)}})
    params = [json.dumps(dict(segment.build(segment.Config.model_validate(way)).params)) for way in ways]
    assert len(set(params)) == 4
