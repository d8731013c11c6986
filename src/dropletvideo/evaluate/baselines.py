"""What every score stands beside: videos that need no model, made from the manifest's own images and references.

    frozen     the asked image, repeated
    ken_burns  the asked image under a steady central zoom to 1.2
    shuffled   the scored video's own frames in a random order
    reversed   the scored video's own frames from the last to the first
    real       the reference: as it is where it answers the request already, else its frames at M per second
    codec      `real`, begun with the asked image (else `frozen`), through a model's codec and back: the ceiling of a
               model in its latents

Each has the scored video's frame count, size and playback rate and is written the same way, so that what the file
costs is equal. A baseline that cannot be made (no reference, or one too short for the M asked) is left out with its
reason, never replaced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo import media
from dropletvideo.errors import MediaError, RequestError
from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.reference import Asked, real_frames

BaselineKind = Literal["frozen", "ken_burns", "shuffled", "reversed", "real", "codec"]
KINDS: tuple[BaselineKind, ...] = ("frozen", "ken_burns", "shuffled", "reversed", "real", "codec")
TRIVIAL_KINDS: tuple[BaselineKind, ...] = ("frozen", "ken_burns", "shuffled", "reversed")
KEN_BURNS_ZOOM = 1.2
Frames = NDArray[np.uint8]
Reconstruct = Callable[[Frames], Frames]
"""Frames FHWC through a codec and back, same shape."""


def write_baselines(
    row: ManifestRow, folder: Path, kinds: Sequence[BaselineKind], reconstruct: Reconstruct | None = None
) -> tuple[dict[BaselineKind, ManifestRow], dict[BaselineKind, str]]:
    """Write the baselines of one row as `folder/KIND/DIGEST.mp4`; files that exist are kept.

    Returns:
        The manifest row of each baseline made, and the reason for each that could not be made.

    Raises:
        MediaError: the scored video cannot be read, so nothing can copy its shape.
    """
    own = media.read_video(row.video)
    num_frames, height, width = own.frames.shape[:3]
    asked = Asked(num_frames, height, width, media.probe(row.video).source_fps)
    made: dict[BaselineKind, ManifestRow] = {}
    reasons: dict[BaselineKind, str] = {}
    for kind in kinds:
        try:
            made[kind] = _write_one(kind, row, own.frames, asked, folder, reconstruct)
        except (RequestError, MediaError) as error:
            reasons[kind] = str(error)
    return made, reasons


def _write_one(
    kind: BaselineKind, row: ManifestRow, own: Frames, asked: Asked, folder: Path, reconstruct: Reconstruct | None
) -> ManifestRow:
    frames, only = _frames_of(kind, row, own, asked, reconstruct)
    digest = hashlib.blake2b(frames.tobytes(), digest_size=8)
    digest.update(repr((frames.shape, round(asked.playback_fps, 6))).encode())
    path = folder / kind / f"{digest.hexdigest()}.mp4"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        media.write_video(path, frames, playback_fps=asked.playback_fps, metadata={"baseline": kind})
    extra = {**row.extra, "baseline": kind, **({"only": only} if only else {})}
    return row.model_copy(update={"video": path.resolve(), "extra": extra})


def _frames_of(
    kind: BaselineKind, row: ManifestRow, own: Frames, asked: Asked, reconstruct: Reconstruct | None
) -> tuple[Frames, list[str]]:
    """The frames of a baseline, and the metrics that alone are asked of it (empty: all)."""
    made: dict[str, Callable[[], Frames]] = {
        "frozen": lambda: np.repeat(first_image(row, own, asked)[None], asked.num_frames, axis=0),
        "ken_burns": lambda: ken_burns(first_image(row, own, asked), asked.num_frames),
        "shuffled": lambda: shuffled(own, seed=row.id),
        "reversed": lambda: np.ascontiguousarray(own[::-1]),
        "real": lambda: real_frames(row, asked),
    }
    if kind in made:
        return made[kind](), []
    if reconstruct is None:
        raise RequestError("no codec was given: name a model folder with --codec")
    if row.reference_video is not None:
        real = real_frames(row, asked)
        real[0] = first_image(row, real, asked)  # a model is given the image itself, not the reference file's copy
        return reconstruct(real), []
    return reconstruct(made["frozen"]()), ["first_frame"]


def first_image(row: ManifestRow, own: Frames, asked: Asked) -> Frames:
    """The asked image at the video's size; the video's own frame 0 where the row names no image."""
    if row.image is None:
        own_first: Frames = own[0]
        return own_first
    return media.fit_image(media.read_image(row.image), asked.height, asked.width, row.fit)


def ken_burns(image: Frames, num_frames: int, zoom: float = KEN_BURNS_ZOOM) -> Frames:
    """A central zoom from 1 to `zoom` in equal ratios per frame, FHWC."""
    height, width = image.shape[:2]
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    frames = []
    for scale in np.geomspace(1.0, zoom, num_frames) if num_frames > 1 else np.ones(1):
        matrix = np.array([[scale, 0, centre_x * (1 - scale)], [0, scale, centre_y * (1 - scale)]])
        frames.append(
            cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        )
    return np.stack(frames).astype(np.uint8)


def shuffled(frames: Frames, seed: str) -> Frames:
    """The frames in an order drawn from `seed`, never the given one where there are two frames or more."""
    generator = np.random.default_rng(int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest(), "big"))
    order = generator.permutation(len(frames))
    if len(frames) > 1 and np.array_equal(order, np.arange(len(frames))):
        order = np.roll(order, 1)
    return frames[order]
