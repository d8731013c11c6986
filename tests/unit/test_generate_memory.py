"""Protects: an estimate is what the code really takes, a preset has its effect, and neither loads what it need not."""

import copy
import shutil

import pytest
import torch
from diffusers import AutoencoderKLCogVideoX
from torch import nn

from dropletvideo.errors import ConfigError
from dropletvideo.generate import memory
from dropletvideo.generate.memory import MEMORY_PRESETS, TILES, apply_memory_preset, estimate, next_smaller
from dropletvideo.generate.pipeline import DropletVideoPipeline
from dropletvideo.generate.request import settings_of
from dropletvideo.model.denoise import Denoiser
from dropletvideo.model.folder import shipped_folder
from dropletvideo.model.footprint import (
    PeakBytes,
    Work,
    decode_peak,
    denoise_peak,
    encode_peak,
    parameter_count,
    stored_bytes,
)
from dropletvideo.model.presets import ModelDefaults, droplet_5b
from dropletvideo.model.transformer import DropletVideoTransformer3DModel
from dropletvideo.model.vae import decode_latents, encode_pixels
from dropletvideo.shapes import LatentShape


@pytest.fixture
def pipeline():
    return DropletVideoPipeline.from_pretrained("nano")


def settings(pipeline, **asked):
    return settings_of(pipeline.defaults, **asked)


def test_the_peak_without_storage_is_the_peak_of_a_real_call(pipeline):
    work = Work(videos=2, latent=LatentShape(frames=3, height=8, width=12), text_length=20, is_guided=True)
    inputs = (
        torch.zeros(4, 3, 16, 8, 12),
        torch.zeros(4, dtype=torch.long),
        torch.zeros(4, 20, 128),
        torch.zeros(1),
        torch.zeros(4, 3, 17, 8, 12),
    )
    with torch.no_grad(), PeakBytes([pipeline.transformer]) as real:
        Denoiser(pipeline.transformer)(*inputs)
    given = sum(tensor.numel() * tensor.element_size() for tensor in inputs)
    # the call's inputs lie there before it, and are in the estimate
    assert denoise_peak(pipeline.transformer, work) == pytest.approx(real.peak, abs=given)
    assert denoise_peak(pipeline.transformer, work) > 10 * given


def test_peak_bytes_counts_what_is_alive_at_once():
    with PeakBytes() as memory_:
        for _ in range(5):
            block = torch.empty(1000, dtype=torch.float32)
            view = block.view(10, 100)
            del block, view
        assert memory_.live == 0
        kept = [torch.empty(250) for _ in range(2)]
    assert memory_.peak == 4000
    assert memory_.live == 2000
    del kept


def test_an_estimate_counts_and_times(pipeline):
    found = estimate(pipeline, settings(pipeline), videos=2)
    assert found.parameters["transformer"] == parameter_count(pipeline.transformer)
    assert sum(found.weights_bytes.values()) == sum(
        stored_bytes(getattr(pipeline, name)) for name in found.weights_bytes
    )
    assert found.peak_bytes == max(found.phases_bytes.values()) > sum(found.weights_bytes.values())
    assert 0 < found.seconds_per_step < 30
    assert found.seconds_sampling == found.seconds_per_step * pipeline.defaults.num_inference_steps
    assert found.fits in (True, None)
    assert "preset high" in "\n".join(found.lines())
    assert found.facts()["peak_bytes"] == found.peak_bytes


def test_a_codec_that_reads_chunks_is_measured_on_the_first_of_them():
    fields = {"block_out_channels": (8, 16, 16, 16), "layers_per_block": 1, "norm_num_groups": 8}
    vae = AutoencoderKLCogVideoX(**fields, latent_channels=16, scaling_factor=1.0)
    vae.num_sample_frames_batch_size = 4
    latents, plane = torch.randn(1, 15, 16, 6, 8), (6, 8)
    with torch.no_grad(), PeakBytes([vae]) as real:
        frames = (decode_latents(vae, latents).float() / 2 + 0.5).clamp(0, 1)
    del frames
    work = Work(videos=1, latent=LatentShape(frames=15, height=6, width=8), text_length=4, is_guided=True)
    assert decode_peak(vae, work) == pytest.approx(real.peak, rel=0.1)
    with torch.no_grad(), PeakBytes([vae]) as real:
        encode_pixels(vae, torch.zeros(1, 3, 57, *(8 * side for side in plane)))
    assert encode_peak(vae, work) == pytest.approx(real.peak, rel=0.1)


def test_more_videos_and_larger_ones_take_more(pipeline):
    small = estimate("nano", settings(pipeline)).phases_bytes
    for more in (
        estimate("nano", settings(pipeline), videos=4),
        estimate("nano", settings(pipeline, height=128, width=128)),
    ):
        assert more.phases_bytes["denoise"] > small["denoise"]
        assert more.phases_bytes["decode"] > small["decode"]
    chunked = estimate("nano", settings(pipeline, num_frames=161))
    assert chunked.phases_bytes == small, "a long video is made in chunks of one size"


def test_a_folder_is_estimated_from_its_configurations_alone(pipeline, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(shipped_folder("nano"), bare, ignore=shutil.ignore_patterns("*.safetensors"))
    loaded = estimate(pipeline, settings(pipeline))
    found = estimate(bare, settings(pipeline), device="cpu")
    assert found.phases_bytes == loaded.phases_bytes
    assert found.seconds_per_step is None


def test_the_5b_at_its_released_size_by_preset(monkeypatch):
    """Weights as published (bf16); the numbers are the plan for a GPU, not measured on one."""
    networks = {
        "transformer": lambda: DropletVideoTransformer3DModel(**droplet_5b().transformer),
        "text_encoder": _t5_xxl,
        "vae": _released_vae,
    }

    def empty(_model, dtype):
        with torch.device("meta"):
            return {name: nn.Module.to(build(), dtype=dtype).eval() for name, build in networks.items()}

    monkeypatch.setattr(memory, "_empty_networks", empty)
    asked = settings_of(ModelDefaults())
    found = {
        preset: estimate("any", asked, preset, device="cuda", dtype=torch.bfloat16).peak_bytes / 2**30
        for preset in MEMORY_PRESETS
    }
    assert found["high"] > 25
    assert found["high"] > found["balanced"] > found["low"]
    assert found["balanced"] < 16, "one 16 GiB card short of the 40 GB that the published code states"
    assert found["low"] < 8


def _t5_xxl():
    from transformers import T5Config, T5EncoderModel

    fields = {"vocab_size": 32128, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64}
    return T5EncoderModel(T5Config(**fields, feed_forward_proj="gated-gelu"))


def _released_vae():
    vae = AutoencoderKLCogVideoX(block_out_channels=(128, 256, 256, 512), layers_per_block=3, latent_channels=16)
    vae.num_sample_frames_batch_size = 4
    return vae


def test_presets_switch_the_codec_and_bring_parts_to_the_device(pipeline):
    apply_memory_preset(pipeline, "balanced", "cpu")
    assert pipeline.vae.use_tiling
    assert pipeline.vae.use_slicing
    sizes, decode = [], pipeline.vae.decode
    pipeline.vae.decode = lambda part: sizes.append(tuple(part.shape)[::3]) or decode(part)
    latents = torch.randn(2, 2, 16, 34, 10)
    tiled = decode_latents(pipeline.vae, latents)
    assert {size[0] for size in sizes} == {1}
    assert max(size[1] for size in sizes) == TILES["balanced"].rows
    whole = decode_latents(pipeline.vae, latents, tiled=False, sliced=False)
    assert 0 < (tiled - whole).abs().max() < 1
    with pytest.raises(ConfigError, match="load the pipeline again"):
        apply_memory_preset(pipeline, "low", "cpu")


def test_smaller_presets_need_less_on_an_accelerator_and_leave_the_switches_alone(pipeline):
    before = copy.copy(vars(pipeline.vae))
    asked = settings(pipeline, height=512, width=512)
    peaks = [estimate("nano", asked, preset, device="cuda").phases_bytes for preset in MEMORY_PRESETS]
    assert peaks[0]["denoise"] > peaks[1]["denoise"] > peaks[2]["denoise"]
    assert peaks[0]["decode"] > peaks[1]["decode"]
    estimate(pipeline, asked.model_copy(update={"height": 64, "width": 64}), "low")
    assert vars(pipeline.vae) == before


def test_unknown_presets_are_refused_and_the_next_smaller_is_known(pipeline):
    with pytest.raises(ConfigError, match="high, balanced, low"):
        apply_memory_preset(pipeline, "tiny")
    assert [next_smaller(preset) for preset in MEMORY_PRESETS] == ["balanced", "low", None]


def test_estimates_say_what_to_try_when_it_does_not_fit(pipeline, monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda *_args, **_kwargs: 1000)
    found = estimate("nano", settings(pipeline), "balanced", device="cpu")
    assert found.fits is False
    assert any("try --memory low" in line for line in found.lines())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("preset", ["balanced", "low"])
def test_weights_wait_in_main_memory_and_frames_are_the_same(preset):
    def frames(chosen):
        pipeline = DropletVideoPipeline.from_pretrained("nano")
        apply_memory_preset(pipeline, chosen, "cuda")
        made = pipeline(prompt="a", num_inference_steps=2, generator=torch.Generator().manual_seed(0)).frames
        return made.cpu(), {parameter.device.type for parameter in pipeline.transformer.transformer_blocks.parameters()}

    high, places = frames("high")
    assert places == {"cuda"}
    other, places = frames(preset)
    assert places == {"cpu"}
    assert (high - other).abs().max() < 1e-2
