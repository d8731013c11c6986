"""Judge: BLIP's two scores of how well the frames of a video fit its prompt; needs `blip-itm-base-coco`.

`blip_itc`: cosine of image and text, range -1 to 1; `blip_itm`: probability that they belong together by the matching
head, range 0 to 1; no unit, mean over frames (one a second), higher fits better, None without a prompt or a frame. The
survey says "BLIP" alone: the first is what is comparable over prompts. Texts are cut after 35 tokens, frames are
squashed to the model's square (bicubic), as its owners do. Not EvalCrafter's BLIP-BLEU, which compares captions.
Source: Li et al., "BLIP" (2022); transformers' implementation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.judge import Chunk, Frames
from dropletvideo.perception.pretrained import load_network, load_tokenizer
from dropletvideo.weights import weights_path

WEIGHTS = "blip-itm-base-coco"
RATE, TOKENS = 1.0, 35
_MEAN = np.array((0.48145466, 0.4578275, 0.40821073), np.float32)
_SPREAD = np.array((0.26862954, 0.26130258, 0.27577711), np.float32)


@dataclass
class _State:
    prompt: str | None
    scores: list[tuple[float, float]] = field(default_factory=list)


class BlipScores:
    """See the module text.

    Args:
        path: the model folder; looked for among the weights by default.
    """

    name = "blip"
    version = 1
    reads = ("prompt",)
    weights = (WEIGHTS,)
    needs = Frames(rate=RATE, short_side=None)
    columns: Mapping[str, type] = {"blip_itc": float, "blip_itm": float}

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = path

    def start(self, row: Mapping[str, Any]) -> _State:
        """Take the prompt."""
        return _State(row.get("prompt") or None)

    def update(self, state: _State, chunk: Chunk) -> None:
        """Score each frame by both heads."""
        if state.prompt is not None:
            state.scores += [self._scores(frame, state.prompt) for frame in chunk.frames]

    def finish(self, state: _State) -> dict[str, Any]:
        """Means over the frames."""
        if not state.scores:
            return {"blip_itc": None, "blip_itm": None}
        itc, itm = np.mean(state.scores, axis=0)
        return {"blip_itc": float(itc), "blip_itm": float(itm)}

    def _scores(self, frame: NDArray[np.uint8], prompt: str) -> tuple[float, float]:
        import torch

        model, tokenizer, device = _model(str(self.path or weights_path(WEIGHTS)))
        text = tokenizer(prompt, truncation=True, max_length=TOKENS, return_tensors="pt").to(device)
        asked = {"input_ids": text["input_ids"], "attention_mask": text["attention_mask"]}
        pixels = torch.from_numpy(pixels_of(frame, model.config.vision_config.image_size)).to(device)
        with torch.inference_mode():
            cosine = model(pixel_values=pixels, use_itm_head=False, **asked)[0]
            match = model(pixel_values=pixels, use_itm_head=True, **asked)[0].softmax(dim=-1)[:, 1]
        return float(cosine), float(match)


def pixels_of(frame: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """H,W,3 uint8 to 1,3,side,side."""
    shrinks = min(frame.shape[:2]) > side
    square = cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    scaled = (square.astype(np.float32) / 255 - _MEAN) / _SPREAD
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None], np.float32)


@lru_cache(maxsize=1)
def _model(path: str) -> tuple[Any, Any, str]:
    from transformers import BertTokenizer, BlipForImageTextRetrieval

    tokenizer = load_tokenizer(BertTokenizer, path, "BLIP")
    model, device = load_network(BlipForImageTextRetrieval, path, "BLIP")
    return model, tokenizer, device
