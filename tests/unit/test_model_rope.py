"""Protects: the released grid is diffusers' own, the train grid is that of the CogVideoX-Fun training code, and where
the two differ is known."""

import itertools

import numpy as np
import pytest
import torch
from diffusers.models.embeddings import get_1d_rotary_pos_embed, get_3d_rotary_pos_embed

from dropletvideo.errors import RequestError
from dropletvideo.model.presets import droplet_5b
from dropletvideo.model.rope import rotary_tables
from dropletvideo.model.transformer import DropletVideoTransformer3DModel

# height and width in pixels; corners of the part of the base grid (30 x 45 patches) that has the clip's aspect
CROPS = {(384, 672): ((2, 0), (28, 45)), (480, 720): ((0, 0), (30, 45)), (672, 384): ((0, 14), (30, 31))}


@pytest.fixture(scope="module")
def config():
    with torch.device("meta"):
        return DropletVideoTransformer3DModel(**droplet_5b().transformer | {"num_layers": 1}).config


def tables(config, height, width, grid):
    return rotary_tables(config, latent_frames=3, latent_height=height // 8, latent_width=width // 8, grid=grid)


@pytest.mark.parametrize("size", CROPS)
def test_released_is_the_grid_of_diffusers(config, size):
    height, width = size
    expected = get_3d_rotary_pos_embed(
        64, CROPS[size], (height // 16, width // 16), temporal_size=3, device=torch.device("cpu")
    )
    for ours, theirs in zip(tables(config, height, width, "released"), expected, strict=True):
        assert (ours - theirs).abs().max() < 1e-6


@pytest.mark.parametrize("size", CROPS)
def test_train_is_spread_as_numpy_spreads_without_the_end(config, size):
    height, width = size
    (top, left), (bottom, right) = CROPS[size]
    rows = np.linspace(top, bottom, height // 16, endpoint=False, dtype=np.float32)
    columns = np.linspace(left, right, width // 16, endpoint=False, dtype=np.float32)
    axes = [get_1d_rotary_pos_embed(size_, at, use_real=True)[0] for size_, at in ((24, rows), (24, columns))]
    cos = tables(config, height, width, "train")[0].reshape(3, height // 16, width // 16, 64)
    assert (cos[0, :, 0, 16:40] - axes[0]).abs().max() < 1e-6
    assert (cos[0, 0, :, 40:] - axes[1]).abs().max() < 1e-6


def test_the_grids_differ_where_the_crop_starts_off_zero(config):
    for (height, width), is_equal in (((480, 720), True), ((384, 672), False), ((672, 384), False)):
        released, train = (tables(config, height, width, grid)[0] for grid in ("released", "train"))
        assert torch.allclose(released, train, atol=1e-5) == is_equal


def test_an_unknown_grid_is_refused(config):
    with pytest.raises(RequestError, match="released, train"):
        tables(config, 480, 720, "training")


def test_tables_are_of_every_size(config):
    for frames, rows, columns in itertools.product((1, 5), (2, 10), (2, 14)):
        cos, sin = rotary_tables(config, latent_frames=frames, latent_height=rows, latent_width=columns)
        assert cos.shape == sin.shape == (frames * (rows // 2) * (columns // 2), 64)
