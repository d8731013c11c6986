"""Protects the flow of published benchmarks: RAFT itself, on random weights in its published file."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.models.optical_flow import raft_large

from dropletvideo.perception.dynamic_degree import largest_mean
from dropletvideo.perception.raft_things import ROUNDS, WEIGHTS, pair_measures
from dropletvideo.weights import weights_path


def test_the_largest_flows_of_the_padded_pair_after_twenty_refinements(toy_weights):
    path = str(weights_path(WEIGHTS))
    frames = np.random.default_rng(2).integers(0, 255, (2, 132, 130, 3), dtype=np.uint8)
    found = pair_measures(frames[0], frames[1], path)
    network = raft_large(weights=None)
    network.load_state_dict(torch.load(path, weights_only=True))
    padded = np.pad(frames, ((0, 0), (2, 2), (3, 3), (0, 0)), mode="edge")  # to 136 x 136, half on each side
    first, second = torch.from_numpy(padded).permute(0, 3, 1, 2).float().div(127.5).sub(1).split(1)
    with torch.inference_mode():
        flows = network.eval()(first.contiguous(), second.contiguous(), num_flow_updates=ROUNDS)
    assert len(flows) == ROUNDS == 20
    flow = flows[-1][0].permute(1, 2, 0).numpy()
    assert found.top_5 == pytest.approx(largest_mean(flow, 0.05), rel=1e-4)
    assert found.top_2 == pytest.approx(largest_mean(flow, 0.02), rel=1e-4)
    assert found.mean == pytest.approx(float(np.linalg.norm(flow, axis=-1).mean()), rel=1e-4)
