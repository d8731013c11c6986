"""Memory presets, and what a request will cost before any work: parameters, peak memory, time per step.

| preset | weights on an accelerator | codec |
|---|---|---|
| high | all parts stay there | whole pictures, whole batches |
| balanced | one part at a time: text encoder, transformer, codec | one video at a time, large tiles |
| low | the transformer block by block and the text encoder layer by layer, from main memory | small tiles |

On a CPU there is nowhere to move weights to; the presets then differ in the codec alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from dropletvideo.errors import ConfigError
from dropletvideo.generate.pipeline import DropletVideoPipeline
from dropletvideo.generate.request import Settings
from dropletvideo.model import footprint
from dropletvideo.model.denoise import Denoiser
from dropletvideo.model.folder import SHIPPED, shipped_folder
from dropletvideo.model.footprint import Work
from dropletvideo.model.parts import empty_part
from dropletvideo.model.tiling import Tiling
from dropletvideo.model.transformer import CONDITION_CHANNELS, LATENT_CHANNELS

MemoryPreset = Literal["high", "balanced", "low"]
MEMORY_PRESETS: tuple[MemoryPreset, ...] = ("high", "balanced", "low")
TILES: Mapping[str, Tiling] = {
    "balanced": Tiling(rows=30, columns=45, overlap=8),
    "low": Tiling(rows=16, columns=24, overlap=6),
}
NETWORKS = ("text_encoder", "transformer", "vae")
GIB = 2**30


def apply_memory_preset(
    pipeline: DropletVideoPipeline, preset: MemoryPreset, device: str | torch.device | None = None
) -> None:
    """Bring a pipeline to its device in the way that a preset says; see the table above.

    Args:
        pipeline: loaded on the CPU.
        preset: "high", "balanced" or "low".
        device: where it will run; an accelerator where there is one.

    Raises:
        ConfigError: the preset is unknown, or another one was applied before (load the pipeline again).
    """
    _check_preset(preset)
    target = torch.device(device) if device is not None else _default_device()
    before = getattr(pipeline, "memory_preset", None)
    if before is not None and before != preset:
        raise ConfigError(f"memory preset {before!r} is in use already: load the pipeline again for {preset!r}")
    if before == preset:
        return
    pipeline.memory_preset = preset
    _set_tiles(pipeline.vae, preset)
    if preset == "high" or target.type == "cpu":
        for name in NETWORKS:
            nn.Module.to(getattr(pipeline, name), target)
    elif preset == "balanced":
        pipeline.enable_model_cpu_offload(device=target)
    else:
        _stream_weights(pipeline, target)


def next_smaller(preset: MemoryPreset) -> MemoryPreset | None:
    """The preset to try when memory ran out."""
    place = MEMORY_PRESETS.index(preset) + 1
    return MEMORY_PRESETS[place] if place < len(MEMORY_PRESETS) else None


@dataclass(frozen=True)
class Estimate:
    """What a request will cost.

    Attributes:
        preset: memory preset it holds for.
        device: where it would run.
        parameters: weights by part.
        weights_bytes: bytes of these by part.
        phases_bytes: peak bytes on the device in each phase: text, encode, denoise, decode; weights included.
        peak_bytes: the greatest of these.
        available_bytes: free on the device now, None where it does not say.
        seconds_per_step: measured on one step, None if it was not asked for.
        num_steps: steps of the whole request, all chunks counted.
    """

    preset: MemoryPreset
    device: str
    parameters: dict[str, int]
    weights_bytes: dict[str, int]
    phases_bytes: dict[str, int]
    peak_bytes: int
    available_bytes: int | None
    seconds_per_step: float | None
    num_steps: int

    @property
    def seconds_sampling(self) -> float | None:
        """Seconds of all steps; encoding and decoding come on top."""
        return None if self.seconds_per_step is None else self.seconds_per_step * self.num_steps

    @property
    def fits(self) -> bool | None:
        """Whether the peak is within what is free; None where that is not known."""
        return None if self.available_bytes is None else self.peak_bytes <= self.available_bytes

    def facts(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {**asdict(self), "seconds_sampling": self.seconds_sampling, "fits": self.fits}

    def lines(self) -> list[str]:
        """The same for a person."""
        parts = ", ".join(f"{name} {count / 1e6:,.1f} M" for name, count in self.parameters.items())
        phases = ", ".join(f"{name} {size / GIB:.2f}" for name, size in self.phases_bytes.items())
        found = [
            f"parameters: {sum(self.parameters.values()) / 1e6:,.1f} M ({parts})",
            f"peak memory on {self.device}, preset {self.preset}: {self.peak_bytes / GIB:.2f} GiB ({phases})",
        ]
        if self.available_bytes is not None:
            smaller = next_smaller(self.preset)
            advice = "" if self.fits else f"; try --memory {smaller}" if smaller else "; try a smaller size"
            found.append(f"free there: {self.available_bytes / GIB:.2f} GiB{advice}")
        if self.seconds_per_step is not None:
            found.append(
                f"time: {self.seconds_per_step:.2f} s a step, {self.num_steps} steps, {self.seconds_sampling:.0f} s"
            )
        return found


def estimate(
    model: str | Path | DropletVideoPipeline,
    settings: Settings,
    preset: MemoryPreset = "high",
    *,
    videos: int = 1,
    num_steps: int | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> Estimate:
    """What a request will cost. Memory is summed by running the code without storage; nothing is computed for it.

    Activations are those of the code in eager mode with fused attention; an allocator's unused rest (some percent)
    and a library's workspaces are not in it.

    Args:
        model: a pipeline (then one step is run and timed), or a model folder (configurations alone are read).
        settings: of the request.
        preset: memory preset.
        videos: at once.
        num_steps: of the whole request, where it is made in chunks; else those of one chunk.
        device: where it would run; that of the pipeline, or an accelerator where there is one.
        dtype: of a folder's networks; a pipeline knows its own.

    Raises:
        ConfigError: the preset is unknown.
        WeightsError: the folder lacks a configuration.
    """
    _check_preset(preset)
    is_loaded = isinstance(model, DropletVideoPipeline)
    networks = _networks_of(model) if isinstance(model, DropletVideoPipeline) else _empty_networks(model, dtype)
    if isinstance(model, DropletVideoPipeline) and device is None:
        target = model.device_of_work
    else:
        target = torch.device(device) if device is not None else _default_device()
    work = Work(
        videos=videos,
        latent=settings.latent(min(settings.num_frames, settings.chunk_frames)),
        text_length=settings.text_length,
        is_guided=settings.guidance_scale != 1,
    )
    weights = {name: footprint.stored_bytes(network) for name, network in networks.items()}
    phases = _phases(networks, weights, work, preset, target)
    return Estimate(
        preset=preset,
        device=str(target),
        parameters={name: footprint.parameter_count(network) for name, network in networks.items()},
        weights_bytes=weights,
        phases_bytes=phases,
        peak_bytes=max(phases.values()),
        available_bytes=available_bytes(target, ours=sum(weights.values()) if is_loaded else 0),
        seconds_per_step=time_step(model, work) if isinstance(model, DropletVideoPipeline) else None,
        num_steps=num_steps or settings.num_inference_steps,
    )


@torch.no_grad()
def time_step(pipeline: DropletVideoPipeline, work: Work) -> float:
    """Seconds of one sampling step, of random inputs: the second of two, or the first where that took over 5 s."""
    device, config = pipeline.device_of_work, pipeline.transformer.config
    size, plane = (work.branches, work.latent.frames), (work.latent.height, work.latent.width)
    inputs = (
        torch.randn(*size, LATENT_CHANNELS, *plane, device=device),
        torch.full((work.branches,), 500, device=device),
        torch.randn(work.branches, work.text_length, config.text_embed_dim, device=device),
        torch.ones(1, device=device),
        torch.zeros(*size, CONDITION_CHANNELS, *plane, device=device),
    )
    denoise = Denoiser(pipeline.transformer)
    seconds = 0.0
    for _ in range(2):
        _wait_for(device)
        started = time.perf_counter()
        denoise(*inputs)
        _wait_for(device)
        seconds = time.perf_counter() - started
        if seconds > 5:
            break
    pipeline.maybe_free_model_hooks()
    return seconds


def available_bytes(device: torch.device, *, ours: int = 0) -> int | None:
    """Bytes that a run may use: free ones, and `ours`, which the loaded weights hold already."""
    if device.type == "cuda" and torch.cuda.is_available():
        return int(torch.cuda.mem_get_info(device)[0]) + torch.cuda.memory_allocated(device)
    if device.type == "cpu":
        free = _free_memory()
        return None if free is None else free + ours
    return None


def _free_memory() -> int | None:
    """MemAvailable of Linux."""
    listing = Path("/proc/meminfo")
    rows = listing.read_text(encoding="ascii").splitlines() if listing.is_file() else []
    found = [int(row.split()[1]) * 1024 for row in rows if row.startswith("MemAvailable:")]
    return found[0] if found else None


def _phases(
    networks: Mapping[str, nn.Module],
    weights: Mapping[str, int],
    work: Work,
    preset: MemoryPreset,
    device: torch.device,
) -> dict[str, int]:
    resident = _resident_bytes(networks, weights, preset, device)
    vae = networks["vae"]
    with _tiles_as(vae, preset):
        return {
            "text": resident["text_encoder"] + footprint.text_peak(networks["text_encoder"], work),
            "encode": resident["vae"] + footprint.encode_peak(vae, work),
            "denoise": resident["transformer"] + footprint.denoise_peak(networks["transformer"], work),
            "decode": resident["vae"] + footprint.decode_peak(vae, work),
        }


def _resident_bytes(
    networks: Mapping[str, nn.Module], weights: Mapping[str, int], preset: MemoryPreset, device: torch.device
) -> dict[str, int]:
    """Bytes of weights on the device while each part works."""
    if preset == "high" or device.type == "cpu":
        return dict.fromkeys(weights, sum(weights.values()))
    if preset == "balanced":
        return dict(weights)
    blocks = [footprint.stored_bytes(block) for block in networks["transformer"].transformer_blocks]  # type: ignore[union-attr]
    largest = max(parameter.numel() * parameter.element_size() for parameter in networks["text_encoder"].parameters())
    # one block works while the next arrives; what is no block, and the codec, stay
    streamed = weights["transformer"] - sum(blocks) + 2 * max(blocks)
    return {
        "text_encoder": weights["vae"] + 2 * largest,
        "transformer": weights["vae"] + streamed,
        "vae": weights["vae"],
    }


def _stream_weights(pipeline: DropletVideoPipeline, device: torch.device) -> None:
    from diffusers.hooks import apply_group_offloading

    options: dict[str, Any] = {
        "onload_device": device,
        "offload_device": torch.device("cpu"),
        "use_stream": device.type == "cuda",
    }
    apply_group_offloading(pipeline.transformer, offload_type="block_level", num_blocks_per_group=1, **options)
    apply_group_offloading(pipeline.text_encoder, offload_type="leaf_level", **options)
    nn.Module.to(pipeline.vae, device)


def _set_tiles(vae: Any, preset: MemoryPreset) -> None:
    """diffusers' own switches, which `model.vae.decode_latents` follows."""
    vae.use_tiling = vae.use_slicing = preset != "high"
    if preset == "high":
        return
    tiling = TILES[preset]
    vae.tile_latent_min_height, vae.tile_latent_min_width = tiling.rows, tiling.columns
    vae.tile_sample_min_height, vae.tile_sample_min_width = tiling.rows * 8, tiling.columns * 8
    vae.tile_overlap_factor_height = tiling.overlap / tiling.rows
    vae.tile_overlap_factor_width = tiling.overlap / tiling.columns


@contextmanager
def _tiles_as(vae: Any, preset: MemoryPreset) -> Iterator[None]:
    before = dict(vars(vae))
    _set_tiles(vae, preset)
    try:
        yield
    finally:
        for name in [name for name in vars(vae) if name.startswith(("use_", "tile_"))]:
            if name in before:
                setattr(vae, name, before[name])
            else:
                delattr(vae, name)


def _networks_of(pipeline: DropletVideoPipeline) -> dict[str, nn.Module]:
    return {name: getattr(pipeline, name) for name in NETWORKS}


def _empty_networks(model: str | Path, dtype: torch.dtype) -> dict[str, nn.Module]:
    folder = shipped_folder(str(model)) if str(model) in SHIPPED else Path(model).expanduser()
    return {
        name: nn.Module.to(empty_part(folder / name, name), dtype=dtype).eval()
        for name in ("text_encoder", "transformer", "vae")
    }


def _check_preset(preset: str) -> None:
    if preset not in MEMORY_PRESETS:
        raise ConfigError(f"memory preset {preset!r} is unknown: one of {', '.join(MEMORY_PRESETS)}")


def _default_device() -> torch.device:
    return torch.accelerator.current_accelerator() or torch.device("cpu")


def _wait_for(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
