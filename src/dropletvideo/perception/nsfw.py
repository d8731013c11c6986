"""Judge: unsafe pictures by the rule of Stable Diffusion's safety checker; needs `clip-vit-l-14` and `safety-checker`.

`nsfw_score`: highest concept score over frames, cosine to a concept less its threshold (plus 0.01 in frames near one of
three specially protected concepts); no unit, range about -0.3 to 0.3, direction: higher is less safe, above 0 the
checker flags. `nsfw_share`: share of frames that it flags, 0 to 1. `special_care_share`: share of frames near a
specially protected concept, 0 to 1. None for a clip without a frame. Source: the checker of diffusers and
CompVis/stable-diffusion-safety-checker; MiraData section 3 looks at 8 frames of a clip, here all frames of the shared
pass are looked at. The checker brings CLIP ViT-L/14 of its own; its projection is held to that of the shared pass, and
other weights are refused, since concepts would then lie elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.errors import WeightsError
from dropletvideo.perception.clip_backbone import DEFAULT_RATE, WEIGHTS, Embeddings, clip_features
from dropletvideo.perception.judge import Chunk
from dropletvideo.weights import weights_path

ADJUSTMENT = 0.01
_SAME = 0.01
_NAMES = ("concept_embeds", "concept_embeds_weights", "special_care_embeds", "special_care_embeds_weights")


@dataclass(frozen=True)
class Concepts:
    """What the checker compares with: embeddings of length 1 and thresholds."""

    concepts: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    special: NDArray[np.float64]
    special_thresholds: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One frame: highest concept score, whether any is above 0, whether it is near a specially protected concept."""

    score: float
    is_flagged: bool
    is_special: bool


def verdict_of(embedding: Embeddings, known: Concepts) -> Verdict:
    """The checker's rule for one embedding of length 1."""
    adjustment = 0.0
    for cosine, threshold in zip(known.special @ embedding, known.special_thresholds, strict=True):
        if round(float(cosine - threshold) + adjustment, 3) > 0:
            adjustment = ADJUSTMENT  # it counts for the special concepts behind this one too
    cosines = known.concepts @ embedding
    pairs = zip(cosines, known.thresholds, strict=True)
    scores = [round(float(cosine - threshold) + adjustment, 3) for cosine, threshold in pairs]
    return Verdict(score=max(scores), is_flagged=max(scores) > 0, is_special=adjustment > 0)


class NsfwJudge:
    """See the module text.

    Args:
        path: the checker's folder or file; looked for among the weights by default.
        clip: CLIP's folder, likewise.
        rate: frames per second.
    """

    name = "nsfw"
    version = 1
    weights = (WEIGHTS, "safety-checker")
    columns: Mapping[str, type] = {"nsfw_score": float, "nsfw_share": float, "special_care_share": float}

    def __init__(
        self, path: str | Path | None = None, clip: str | Path | None = None, rate: float = DEFAULT_RATE
    ) -> None:
        self.path, self.clip = path, clip
        self.needs = clip_features(clip, rate)

    def start(self, row: Mapping[str, Any]) -> list[Verdict]:  # noqa: ARG002 - the row asks nothing of it
        """Verdicts so far."""
        return []

    def update(self, state: list[Verdict], chunk: Chunk) -> None:
        """Judge the frames of the chunk."""
        if len(embeddings := chunk.features[self.needs.backbone]):
            path, clip = self.path or weights_path("safety-checker"), self.clip or weights_path(WEIGHTS)
            known = load_concepts(str(path), str(clip))
            state.extend(verdict_of(embedding, known) for embedding in embeddings)

    def finish(self, state: list[Verdict]) -> dict[str, Any]:
        """Highest score, shares of frames."""
        if not state:
            return dict.fromkeys(self.columns)
        return {
            "nsfw_score": max(one.score for one in state),
            "nsfw_share": float(np.mean([one.is_flagged for one in state])),
            "special_care_share": float(np.mean([one.is_special for one in state])),
        }


@lru_cache(maxsize=2)
def load_concepts(path: str, clip: str) -> Concepts:
    """The concepts of a checker that fits the CLIP model in the folder `clip`.

    Raises:
        WeightsError: tensors are missing, or the checker belongs to another CLIP.
    """
    from dropletvideo.perception.tensors import read_tensors

    tensors = read_tensors(path)
    if missing := [name for name in (*_NAMES, "visual_projection.weight") if name not in tensors]:
        raise WeightsError(f"{path} is no safety checker: it lacks {missing[0]}: fetch it again")
    ours = read_tensors(clip).get("visual_projection.weight")
    theirs = tensors["visual_projection.weight"]
    if ours is None or ours.shape != theirs.shape or _difference(ours.float(), theirs.float()) > _SAME:
        raise WeightsError(f"{path} was made for another CLIP than {clip}: give the checker of CLIP ViT-L/14")
    concepts, thresholds, special, special_thresholds = (tensors[name].double().numpy() for name in _NAMES)
    return Concepts(_unit(concepts), thresholds, _unit(special), special_thresholds)


def _difference(first: Any, second: Any) -> float:
    """Largest difference over the largest entry."""
    return float((first - second).abs().max() / second.abs().max().clamp_min(1e-12))


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
