"""The codec as ceiling: frames in, frames out, nothing lost at the ends, sides that do not fit are refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dropletvideo.errors import RequestError, WeightsError
from dropletvideo.evaluate import codec


class BlockMean:
    """Stands for a VAE: 8x8 block means in space, one latent for the first frame and one for each four after it."""

    device, dtype = torch.device("cpu"), torch.float32
    config = SimpleNamespace(scaling_factor=0.5)

    def encode(self, pixels_BCFHW):
        assert pixels_BCFHW.min() >= -1
        assert pixels_BCFHW.max() <= 1
        pooled = torch.nn.functional.avg_pool3d(pixels_BCFHW, (1, 8, 8))
        rest = torch.nn.functional.avg_pool3d(pooled[:, :, 1:], (4, 1, 1)) if pooled.shape[2] > 1 else pooled[:, :, :0]
        latents = torch.cat([pooled[:, :, :1], rest], dim=2)
        return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: latents))

    def decode(self, latents_BCFHW):
        rest = latents_BCFHW[:, :, 1:].repeat_interleave(4, dim=2)
        wide = torch.cat([latents_BCFHW[:, :, :1], rest], dim=2)
        return SimpleNamespace(sample=wide.repeat_interleave(8, dim=3).repeat_interleave(8, dim=4))


@pytest.fixture
def reconstruct(monkeypatch):
    monkeypatch.setattr(codec, "load_model_folder", lambda *args, **kwargs: SimpleNamespace(vae=BlockMean()))
    return codec.load_codec("any")


@pytest.mark.parametrize("count", [1, 4, 9, 17])
def test_blocks_come_back_at_their_place_in_any_number_of_frames(reconstruct, count):
    levels = np.random.default_rng(0).integers(0, 256, (4, 6, 3))
    still = np.kron(levels, np.ones((8, 8, 1))).astype(np.uint8)
    frames = np.repeat(still[None], count, axis=0)
    back = reconstruct(frames)
    assert back.dtype == np.uint8
    assert np.abs(back.astype(int) - frames.astype(int)).max() <= 1


def test_the_loss_of_the_codec_is_seen(reconstruct):
    noise = np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3)).astype(np.uint8)
    assert np.abs(reconstruct(noise).astype(int) - noise.astype(int)).mean() > 30


def test_sides_that_cannot_be_encoded_are_refused(reconstruct):
    with pytest.raises(RequestError, match="height=36"):
        reconstruct(np.zeros((5, 36, 32, 3), np.uint8))


def test_a_folder_without_a_codec_is_named(tmp_path):
    with pytest.raises(WeightsError, match="no model folder"):
        codec.load_codec(tmp_path / "nothing")
