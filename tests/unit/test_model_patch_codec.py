"""Protects: the codec's interface, the first frame's independence, and that training really starts from components."""

import numpy as np
import pytest
import torch

from dropletvideo.errors import RequestError
from dropletvideo.model.patch_codec import PatchCodec
from dropletvideo.model.vae import decode_latents, encode_pixels
from dropletvideo.train.codec_fit import set_statistics, start_from_components
from dropletvideo.train.codec_windows import PixelWindows, as_pixels

SMALL = {"encoder_width": 8, "encoder_layers": 1, "token_width": 16, "token_layers": 1, "pixel_width": 4}


def _codec(**fields):
    torch.manual_seed(0)
    codec = PatchCodec(**SMALL | fields)
    for parameter in codec.parameters():  # layers that start at zero would hide what they look at
        torch.nn.init.normal_(parameter, std=0.05)
    return codec.eval()


def _smooth_windows(count=24):
    """Windows of drifting waves: a few components explain them."""
    rng = np.random.default_rng(0)
    time, rows, columns = np.meshgrid(np.arange(17), np.arange(32), np.arange(32), indexing="ij")
    frames = []
    for _ in range(count):
        speed, angle, phase = rng.uniform(0, 0.2), rng.uniform(0, 3), rng.uniform(0, 6, 3)
        wave = 0.15 * (np.cos(angle) * rows + np.sin(angle) * columns) + speed * time
        frames.append(np.stack([127 + 100 * np.sin(wave + shift) for shift in phase], axis=-1))
    return PixelWindows(np.array(frames).astype(np.uint8), np.full(count, 8.0))


@torch.no_grad()
@pytest.mark.parametrize(("frames", "height", "width"), [(17, 64, 64), (1, 64, 64), (5, 16, 48), (9, 80, 32)])
def test_shapes(frames, height, width):
    codec = _codec()
    latents = codec.encode(torch.rand(2, 3, frames, height, width)).latent_dist.mode()
    assert latents.shape == (2, 16, (frames - 1) // 4 + 1, height // 8, width // 8)
    assert codec.decode(latents).sample.shape == (2, 3, frames, height, width)


@torch.no_grad()
def test_a_first_frame_has_one_latent_whatever_follows_it():
    codec = _codec()
    pixels = torch.rand(2, 3, 17, 64, 64) * 2 - 1
    clip = codec.encode(pixels).latent_dist.mode()
    alone = codec.encode(pixels[:, :, :1]).latent_dist.mode()
    assert torch.equal(alone, clip[:, :, :1])


@torch.no_grad()
def test_decoding_sees_across_blocks_and_time():
    codec = _codec()
    latents = torch.zeros(1, 16, 5, 8, 8)
    changed = latents.clone()
    changed[:, :, 2, 4, 4] = 1
    touched = (codec.decode(changed).sample - codec.decode(latents).sample).abs()[0].amax(0) > 1e-6
    own = torch.zeros_like(touched)
    own[5:9, 32:40, 32:40] = True
    assert touched[own].all()
    assert touched[:, 24:32, 32:40].any(), "a neighbour block"
    assert touched[4].any(), "the frame before"


def test_odd_frame_counts_are_refused():
    with pytest.raises(RequestError, match="num_frames=16"):
        PatchCodec(**SMALL).encode(torch.zeros(1, 3, 16, 32, 32))


@torch.no_grad()
def test_components_restore_smooth_clips_and_latents_are_normalised():
    torch.manual_seed(0)
    codec, windows = PatchCodec(**SMALL), _smooth_windows()
    pixels = as_pixels(windows.frames)

    def error():
        return (decode_latents(codec, encode_pixels(codec, pixels)) - pixels).square().mean()

    start_from_components(codec, windows)
    restored = error()
    assert restored < 1e-3
    set_statistics(codec, windows, spread=0.0)
    assert error() == pytest.approx(float(restored), rel=1e-3)
    latents = encode_pixels(codec, pixels)
    for part in (latents[:, :1], latents[:, 1:]):
        assert part.mean(dim=(0, 1, 3, 4)).abs().max() < 1e-3
        assert (part.std(dim=(0, 1, 3, 4)) - 1).abs().max() < 1e-2


def test_saved_codec_loads_by_its_class_name(tmp_path):
    from dropletvideo.model.folder import ModelFolder, load_model_folder, save_model_folder
    from dropletvideo.model.presets import nano

    codec = _codec()
    save_model_folder(ModelFolder(defaults=nano().defaults, parts={"vae": codec}), tmp_path / "model")
    again = load_model_folder(tmp_path / "model").vae
    assert isinstance(again, PatchCodec)
    latents = torch.randn(1, 5, 16, 8, 8)
    assert torch.equal(decode_latents(again, latents), decode_latents(codec, latents))
