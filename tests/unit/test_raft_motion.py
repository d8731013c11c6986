"""RAFT's flow is torchvision's, its numbers are in the units said, and other files are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dropletvideo.curate.recipe import Recipe
from dropletvideo.errors import WeightsError
from dropletvideo.perception import raft_motion
from dropletvideo.perception.judge import Chunk
from dropletvideo.perception.raft_motion import RaftMotionJudge, raft_flow
from dropletvideo.weights import WEIGHTS


def test_flow_is_that_of_torchvisions_network_with_the_pads_cut_off(toy_weights):
    from torchvision.models.optical_flow import raft_small

    path = toy_weights / WEIGHTS["raft-small"].file
    rng = np.random.default_rng(0)
    pair = [rng.integers(0, 255, (128, 132, 3), dtype=np.uint8) for _ in range(2)]
    model = raft_small(weights=None)
    model.load_state_dict(torch.load(path, weights_only=True))
    inputs = [
        np.pad(frame, ((0, 0), (0, 4), (0, 0)), mode="edge").transpose(2, 0, 1)[None] / 127.5 - 1 for frame in pair
    ]
    with torch.no_grad():
        expected = model.eval()(*(torch.from_numpy(one).float() for one in inputs))[-1][0, :, :, :132]
    found = raft_flow(*pair, str(path), "small")
    assert found.shape == (128, 132, 2)
    assert np.abs(found.transpose(2, 0, 1) - expected.numpy()).max() < 1e-3


def test_numbers_are_pixels_per_pair_and_diagonals_per_second(short_raft):
    judge = RaftMotionJudge("any")
    frames = np.zeros((5, 30, 40, 3), np.uint8)
    state = judge.start({})
    judge.update(state, Chunk(frames=frames, times=np.arange(5) / 2, indices=np.arange(5) * 12))
    assert judge.finish(state) == {
        "raft_flow_2fps_px": pytest.approx(1.0),
        "raft_motion_score": pytest.approx(2.0 / 50.0),
    }


def test_another_file_is_refused(toy_weights):
    with pytest.raises(WeightsError, match="not RAFT large"):
        raft_motion._model(str(toy_weights / WEIGHTS["raft-small"].file), "large")


def test_without_weights_or_torchvision_the_stage_says_what_it_lacks(toy_weights, tmp_path, monkeypatch):
    assert Recipe(stages={"motion_raft": {}}).build()[0].lacks == ""
    monkeypatch.setenv("DROPLET_WEIGHTS", str(tmp_path))
    (stage,) = Recipe(stages={"motion_raft": {"size": "small"}}).build()
    assert "droplet weights fetch raft-small" in stage.lacks
