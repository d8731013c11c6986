"""Sample strips while a model trains: the same first frames and noise at every step, so that strips compare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dropletvideo.data.bank import HeldOut
from dropletvideo.generate.pipeline import DropletVideoPipeline, to_uint8
from dropletvideo.media import write_image, write_video
from dropletvideo.model.folder import ModelFolder

STRIP_FRAMES = 9
GAP = 2


def write_previews(
    folder: ModelFolder,
    windows: Sequence[HeldOut],
    path: Path,
    *,
    motions: Sequence[float] = (4.0, 16.0),
    num_inference_steps: int = 12,
) -> None:
    """Write `PATH.png` (frames of each video as a row) and `PATH.mp4` (all videos side by side).

    For every held-out window: the real frames first, then one video per M, all from the window's own first frame and
    caption.
    """
    videos = generated_windows(folder, windows, motions, num_inference_steps)
    rows = [video for window, own in zip(windows, videos, strict=True) for video in [window.frames.numpy(), *own]]
    write_image(path.with_suffix(".png"), strip_of(rows))
    write_video(path.with_suffix(".mp4"), _grid(rows, columns=len(motions) + 1), playback_fps=8)


def generated_windows(
    folder: ModelFolder, windows: Sequence[HeldOut], motions: Sequence[float], num_inference_steps: int
) -> list[list[NDArray[np.uint8]]]:
    """For each window its videos F,H,W,3, one per M; noise depends on the window's place alone."""
    pipeline = DropletVideoPipeline.from_folder(folder)
    pipeline.set_progress_bar_config(disable=True)
    images = [window.frames[0].numpy() for window in windows]
    frames = pipeline(
        image=[image for image in images for _ in motions],
        prompt=[window.caption for window in windows for _ in motions],
        motion=[motion for _ in windows for motion in motions],
        generator=[torch.Generator().manual_seed(place) for place in range(len(windows)) for _ in motions],
        num_inference_steps=num_inference_steps,
        output_type="np",
    ).frames
    videos = to_uint8(frames)
    return [list(videos[at : at + len(motions)]) for at in range(0, len(videos), len(motions))]


def strip_of(videos: Sequence[NDArray[np.uint8]], *, num_frames: int = STRIP_FRAMES) -> NDArray[np.uint8]:
    """One picture: a row of evenly spaced frames per video, F,H,W,3 of one size."""
    rows = []
    for video in videos:
        places = np.linspace(0, len(video) - 1, min(num_frames, len(video))).round().astype(int)
        rows.append(_joined([video[place] for place in places], axis=1))
    return _joined(rows, axis=0)


def _grid(videos: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Videos of one length laid out row by row, F,H,W,3."""
    rows = [
        _joined([np.moveaxis(video, 0, 2) for video in videos[at : at + columns]], axis=1)
        for at in range(0, len(videos), columns)
    ]
    return np.ascontiguousarray(np.moveaxis(_joined(rows, axis=0), 2, 0))


def _joined(parts: Sequence[NDArray[Any]], axis: int) -> NDArray[np.uint8]:
    """Arrays in a line with a white gap between them."""
    gap_shape = list(parts[0].shape)
    gap_shape[axis] = GAP
    gap = np.full(gap_shape, 255, np.uint8)
    pieces = [piece for part in parts for piece in (part, gap)][:-1]
    return np.concatenate(pieces, axis=axis)
