"""A call of the pipeline made ready: everything checked and every picture read, before the model does any work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dropletvideo.errors import RequestError
from dropletvideo.generate.chunks import Chunk, plan_chunks, seams_of
from dropletvideo.generate.given import GivenFrames, GivenVideo, given_frames
from dropletvideo.generate.request import (
    Settings,
    as_list,
    batch_size_of,
    motions_of,
    settings_of,
    size_note,
)
from dropletvideo.generate.timeline import Segment, read_timeline
from dropletvideo.model.motion import outside_range
from dropletvideo.model.presets import ModelDefaults
from dropletvideo.model.rope import RopeGrid
from dropletvideo.shapes import encodable_frames, pixel_frames

OutputType = Literal["pt", "np", "pil", "latent"]
OUTPUT_TYPES: tuple[OutputType, ...] = ("pt", "np", "pil", "latent")
Generators = torch.Generator | list[torch.Generator] | None
_LISTED = ("image", "last_image", "keyframes", "prompt", "motion", "generator", "seed")
_SPATIAL, _TIME, _ROWS, _COLUMNS = 8, 1, 3, 4


@dataclass(frozen=True)
class Part:
    """One entry of the time line for every video: `prompts` and `motions` of B each."""

    prompts: list[str]
    motions: list[float]


@dataclass(frozen=True, eq=False)
class Job:
    """What a call comes to.

    Attributes:
        settings: what all videos share.
        count: number of videos, B.
        parts: entries of the time line; one where there is none.
        chunks: runs of the model.
        given: per video the frames that images give, by number.
        videos: per video the one that is continued, or none.
        generator: one for all, or one per video.
        latents: starting noise B,f,16,h,w, or None to draw it.
        output_type: see `DropletVideoOutput`.
        rope_grid: see `model.rope`.
        notes: sentences for the user: sizes rounded, M out of range, number of chunks.
    """

    settings: Settings
    count: int
    parts: list[Part]
    chunks: list[Chunk]
    given: list[GivenFrames]
    videos: list[GivenVideo]
    generator: Generators
    latents: Tensor | None
    output_type: OutputType
    rope_grid: RopeGrid
    notes: list[str]

    @property
    def num_steps(self) -> int:
        """Sampling steps of all chunks together."""
        return len(self.chunks) * self.settings.num_inference_steps

    @property
    def seams(self) -> list[tuple[int, int]]:
        """Blended frames (first, end exclusive) between chunks."""
        return seams_of(self.chunks)

    @property
    def given_length(self) -> int:
        """Frames of the video that is continued."""
        return self.videos[0].num_frames if self.videos else 0


def job_of(defaults: ModelDefaults, **asked: Any) -> Job:
    """A call's arguments (those of `DropletVideoPipeline.__call__`) checked and made ready.

    Raises:
        RequestError: values that are out of range or do not go together.
        MediaError: an image or video that cannot be read.
    """
    count = _count(asked)
    parts, lengths = _parts(defaults, asked, count)
    settings = _settings(defaults, asked, lengths)
    videos = [GivenVideo(source, settings.height, settings.width, settings.fit) for source in _videos(asked["video"])]
    settings, lengths = _lengths(settings, lengths, videos, asked["num_frames"])
    chunks = plan_chunks(lengths, settings.chunk_frames, settings.overlap, given=videos[0].num_frames if videos else 0)
    _check_single_pass(settings, chunks, asked)
    rows = zip(*(as_list(asked[name], count, name) for name in ("image", "last_image", "keyframes")), strict=True)
    notes = [size_note(settings, asked["height"], asked["width"]), _length_note(settings, chunks, asked)]
    motions = sorted({motion for part in parts for motion in part.motions})
    notes += [outside_range(motion, defaults.motion_range) for motion in motions]
    return Job(
        settings=settings,
        count=count,
        parts=parts,
        chunks=chunks,
        given=[_of_row(settings, row, bool(videos)) for row in rows],
        videos=videos,
        generator=_generators(asked["generator"], asked["seed"], count),
        latents=asked["latents"],
        output_type=_known_output(asked["output_type"]),
        rope_grid=asked["rope_grid"],
        notes=[note for note in notes if note],
    )


def _count(asked: dict[str, Any]) -> int:
    latents, videos = asked["latents"], _videos(asked["video"])
    return max(
        batch_size_of(**{name: asked[name] for name in _LISTED}), 1 if latents is None else len(latents), len(videos)
    )


def _videos(video: Any) -> list[Any]:
    """Videos of a call: none, one (a path, an array, a list of images), or a list of paths or arrays of frames."""
    if video is None:
        return []
    if isinstance(video, np.ndarray) or not isinstance(video, list | tuple):
        return [video]
    many = all(isinstance(one, list | tuple) or (isinstance(one, np.ndarray) and one.ndim == 4) for one in video)
    return list(video) if video and (many or _are_video_files(video)) else [video]


def _are_video_files(entries: Sequence[Any]) -> bool:
    from pathlib import Path

    from dropletvideo.media import VIDEO_SUFFIXES

    return all(isinstance(one, str | Path) and Path(one).suffix.lower() in VIDEO_SUFFIXES for one in entries)


def _parts(defaults: ModelDefaults, asked: dict[str, Any], count: int) -> tuple[list[Part], list[int] | None]:
    """Entries of the time line and the frames that each adds; None where there is no time line."""
    motions = motions_of(asked["motion"], count, defaults.motion)
    if asked["prompts"] is None:
        prompts = [prompt or "" for prompt in as_list(asked["prompt"], count, "prompt")]
        return [Part(prompts, motions)], None
    if asked["prompt"] or asked["num_frames"] is not None:
        raise RequestError("prompts is given beside prompt or num_frames: a time line has its own prompts and lengths")
    segments: list[Segment] = read_timeline(asked["prompts"])
    parts = [
        Part([one.prompt] * count, motions if one.motion is None else motions_of(one.motion, count, defaults.motion))
        for one in segments
    ]
    return parts, [one.num_frames or defaults.num_frames for one in segments]


def _settings(defaults: ModelDefaults, asked: dict[str, Any], lengths: list[int] | None) -> Settings:
    """Settings, whose chunk holds the whole video where one pass is asked for without saying so."""
    asked = dict(asked)
    latents = asked["latents"]
    if latents is not None:
        if latents.ndim != 5:
            raise RequestError(f"latents are {tuple(latents.shape)}: need B,f,16,h,w")
        asked["num_frames"] = asked["num_frames"] or pixel_frames(latents.shape[_TIME])
        asked["height"] = asked["height"] or latents.shape[_ROWS] * _SPATIAL
        asked["width"] = asked["width"] or latents.shape[_COLUMNS] * _SPATIAL
    names = [name for name in Settings.model_fields if name in asked]
    given = {name: asked[name] for name in names} | {"text_length": asked["max_sequence_length"]}
    if lengths is not None:
        given["num_frames"] = sum(lengths)
    is_one_pass = latents is not None or asked["frame_fix"] == "legacy" or asked["output_type"] == "latent"
    if is_one_pass and given["chunk_frames"] is None:
        wanted = given["num_frames"] or defaults.num_frames
        given["chunk_frames"] = max(encodable_frames(wanted), 5) if wanted >= 1 else None
    return settings_of(defaults, **given)


def _lengths(
    settings: Settings, lengths: list[int] | None, videos: Sequence[GivenVideo], asked_frames: int | None
) -> tuple[Settings, list[int]]:
    """Frames that each entry of the time line adds; `num_frames` then counts the whole video, the given one too."""
    if not videos:
        return settings, lengths or [settings.num_frames]
    sizes = {video.num_frames for video in videos}
    if len(sizes) > 1:
        raise RequestError(
            f"videos have {sorted(sizes)} frames: videos of one call need one length; call once for each"
        )
    have = sizes.pop()
    if lengths is None:
        total = asked_frames or have + settings.chunk_frames - settings.overlap
        lengths = [total - have]
        if total <= have:
            raise RequestError(
                f"num_frames={total} is what the video of {have} frames has already: num_frames counts the given "
                f"frames too, so give {have + 1} or more"
            )
    return settings.model_copy(update={"num_frames": have + sum(lengths)}), lengths


def _check_single_pass(settings: Settings, chunks: Sequence[Chunk], asked: dict[str, Any]) -> None:
    """What cannot be put together from chunks is refused before any work."""
    if len(chunks) == 1 and not chunks[0].overlap:
        return
    wants = {
        "latents": asked["latents"] is not None,
        "output_type='latent'": asked["output_type"] == "latent",
        "frame_fix='legacy'": settings.frame_fix == "legacy",
    }
    if named := [name for name, is_asked in wants.items() if is_asked]:
        raise RequestError(
            f"{', '.join(named)} goes with a video made at once, not with {len(chunks)} chunks or a given video: leave "
            "out video, prompts and chunk_frames"
        )


def _length_note(settings: Settings, chunks: Sequence[Chunk], asked: dict[str, Any]) -> str | None:
    """Says that a video is made in chunks where that follows from its length alone."""
    if len(chunks) == 1 or any(asked[name] is not None for name in ("video", "prompts", "chunk_frames")):
        return None
    return (
        f"{settings.num_frames} frames are made in {len(chunks)} chunks of up to {settings.chunk_frames} with "
        f"{settings.overlap} in common; chunk_frames={encodable_frames(settings.num_frames)} makes them at once"
    )


def _of_row(settings: Settings, row: tuple[Any, ...], has_video: bool) -> GivenFrames:
    image, last_image, keyframes = row
    if has_video and image is not None:
        raise RequestError("image and video are both given: a video that is continued brings its first frames itself")
    return given_frames(settings, image, last_image, keyframes)


def _generators(generator: Any, seed: Any, count: int) -> Generators:
    if seed is None:
        return generator if isinstance(generator, torch.Generator | None) else _full(generator, count)
    if generator is not None:
        raise RequestError("seed and generator are both given: give one")
    return [torch.Generator().manual_seed(int(one or 0)) for one in as_list(seed, count, "seed")]


def _full(generators: Sequence[torch.Generator], count: int) -> list[torch.Generator]:
    if len(generators) != count:
        raise RequestError(f"generator has {len(generators)} entries for {count} videos: give one for each")
    return list(generators)


def _known_output(output_type: str) -> OutputType:
    for known in OUTPUT_TYPES:
        if output_type == known:
            return known
    raise RequestError(f"output_type={output_type!r} is unknown: one of {', '.join(OUTPUT_TYPES)}")


def to_uint8(frames: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Frames in [0, 1] to 0..255, rounded (the released code cut the fraction off)."""
    rounded: NDArray[np.uint8] = np.rint(np.clip(frames, 0, 1) * 255).astype(np.uint8)
    return rounded
