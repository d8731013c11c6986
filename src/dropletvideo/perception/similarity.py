"""Judges: how alike frames are to their neighbours, to the first frame and to the asked image, by embeddings.

`FrameSimilarity`, for "subject" (DINO), "background" (CLIP B/32) and through Pillow for both: with f_t the embedding of
frame t, cos cut off below 0,

    subject_consistency     mean over t >= 1 of (cos(f_t-1, f_t) + cos(f_0, f_t)) / 2
    subject_adjacent        mean over t >= 1 of cos(f_t-1, f_t)
    subject_pairs           number of frames less one: VBench pools all frames of all videos by it

likewise with `background_`, `subject_picture_` and `background_picture_` (see `frame_embeddings.py` for the ways of
preparing frames). `ImageSimilarity`, for "subject" (DINO, square in the middle) and "background" (DreamSim), with r the
embedding of the asked image, a_t = cos(r, f_t) and c_t = cos(f_t-1, f_t), cut off below 0:

    image_subject           0.4 max_t a_t + 0.3 mean_t c_t + 0.3 min_t c_t
    image_subject_even      0.4 mean_t a_t + 0.3 mean_t c_t + 0.3 min_t c_t

All are without unit, range 0 to 1, higher is more alike; None for fewer than two frames, or without an image where one
is compared. Source: VBench (arXiv 2311.17982) and VBench++ (arXiv 2411.13503) with their code; MiraBench (arXiv
2407.06358). Faults: a frozen picture has 1 throughout. max_t a_t is reached by frame 0, which is the image, whatever
follows: `_even` takes the mean, so that leaving the subject costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from dropletvideo.media import Fit, fit_image
from dropletvideo.perception.frame_embeddings import WAYS, Embeddings, embeddings_of
from dropletvideo.perception.judge import Chunk, Features

Of = Literal["subject", "background", "subject_picture", "background_picture"]
_PASSES: Mapping[str, str] = {
    "subject": "dino_vbench",
    "background": "clip_b32_vbench",
    "subject_picture": "dino_picture",
    "background_picture": "clip_b32_picture",
}
_IMAGE_PASSES: Mapping[str, str] = {
    "subject": "dino_vbench_crop",
    "background": "dreamsim_vbench",
    "subject_picture": "dino_picture",
    "background_picture": "dreamsim_picture",
}
IMAGE, MEAN, LEAST = 0.4, 0.3, 0.3
DIGITS = 6
"""Figures kept: beyond that they hang on how frames are batched."""


def cosine(one: Embeddings, other: Embeddings) -> float:
    """max(0, cos) of two embeddings of length 1."""
    return max(0.0, float(np.dot(one.astype(np.float64), other.astype(np.float64))))


def consistency(to_previous: Sequence[float], to_first: Sequence[float]) -> float | None:
    """Mean over frames from the second on of the half sum."""
    if not to_previous:
        return None
    return float(np.mean((np.asarray(to_previous) + np.asarray(to_first)) / 2))


def image_score(to_image: Sequence[float], to_previous: Sequence[float], *, even: bool = False) -> float | None:
    """The weighted sum of the module text; `even` takes the mean over frames in place of the best frame."""
    if not to_image or not to_previous:
        return None
    near = np.mean(to_image) if even else max(to_image)
    return float(IMAGE * near + MEAN * np.mean(to_previous) + LEAST * min(to_previous))


@dataclass
class _Frames:
    first: Embeddings | None = None
    last: Embeddings | None = None
    to_first: list[float] = field(default_factory=list)
    to_previous: list[float] = field(default_factory=list)


class FrameSimilarity:
    """See the module text.

    Args:
        of: what is compared, and how frames are prepared.
    """

    version = 1
    columns: Mapping[str, type] = {}

    def __init__(self, of: Of = "subject") -> None:
        self.name = f"{of}_similarity"
        self.of = of
        self.needs: Features = embeddings_of(_PASSES[of])
        self.weights = (WAYS[_PASSES[of]][0],)
        self.columns = {
            f"{of}_consistency": float,
            f"{of}_adjacent": float,
            f"{of}_pairs": int,
        }

    def start(self, row: Mapping[str, Any]) -> _Frames:  # noqa: ARG002  asks nothing of the row
        """Nothing is known before the first frame."""
        return _Frames()

    def update(self, state: _Frames, chunk: Chunk) -> None:
        """Compare each new frame with the one before and with the first."""
        for embedding in chunk.features[self.needs.backbone]:
            if state.first is None or state.last is None:
                state.first = embedding
            else:
                state.to_previous.append(cosine(state.last, embedding))
                state.to_first.append(cosine(state.first, embedding))
            state.last = embedding

    def finish(self, state: _Frames) -> dict[str, Any]:
        """The means and their number."""
        together = consistency(state.to_previous, state.to_first)
        if together is None:
            return {f"{self.of}_consistency": None, f"{self.of}_adjacent": None, f"{self.of}_pairs": 0}
        return {
            f"{self.of}_consistency": round(together, DIGITS),
            f"{self.of}_adjacent": round(float(np.mean(state.to_previous)), DIGITS),
            f"{self.of}_pairs": len(state.to_previous),
        }


@dataclass
class _Asked:
    picture: Any
    fit: Fit
    image: Embeddings | None = None
    last: Embeddings | None = None
    to_image: list[float] = field(default_factory=list)
    to_previous: list[float] = field(default_factory=list)


class ImageSimilarity:
    """See the module text. Through Pillow the image is first brought to the video's shape, as it was generated.

    Args:
        of: what is compared, and how frames are prepared.
    """

    version = 1
    reads = ("image", "fit")
    columns: Mapping[str, type] = {}

    def __init__(self, of: Of = "subject") -> None:
        self.name = f"image_{of}_similarity"
        self.of = of
        self.needs: Features = embeddings_of(_IMAGE_PASSES[of])
        self.weights = (WAYS[_IMAGE_PASSES[of]][0],)
        self.columns = {f"image_{of}": float, f"image_{of}_even": float}

    def start(self, row: Mapping[str, Any]) -> _Asked:
        """Take the asked image."""
        return _Asked(picture=row.get("image_frame"), fit=row.get("fit") or "crop")

    def update(self, state: _Asked, chunk: Chunk) -> None:
        """Compare each new frame with the image and with the one before."""
        if state.picture is None or not len(chunk.frames):
            return
        if state.image is None:
            state.image = self._embedding(state.picture, chunk.frames.shape[1:3], state.fit)
        for embedding in chunk.features[self.needs.backbone]:
            state.to_image.append(cosine(state.image, embedding))
            if state.last is not None:
                state.to_previous.append(cosine(state.last, embedding))
            state.last = embedding

    def _embedding(self, picture: Any, size: tuple[int, ...], fit: Fit) -> Embeddings:
        from dropletvideo.perception import backbones

        embedding: Embeddings
        if self.of.endswith("_picture"):
            picture = fit_image(picture, size[0], size[1], fit)
        embedding = backbones.make(self.needs.backbone).of_picture(picture)
        return embedding

    def finish(self, state: _Asked) -> dict[str, Any]:
        """Both sums."""
        sums = [image_score(state.to_image, state.to_previous, even=even) for even in (False, True)]
        told = [None if each is None else round(each, DIGITS) for each in sums]
        return dict(zip(self.columns, told, strict=True))
