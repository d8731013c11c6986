"""Judge: ViCLIP, how well a video fits prompt and MiraBench's captions; needs the programs `viclip`, `clip-vit-l-14`.

`viclip_prompt`, and of the row's captions `viclip_camera`, `viclip_main_object`, `viclip_background`, `viclip_style`,
`viclip_overall` (the dense caption, else the short one): cosine of video and text; no unit, range -1 to 1, in practice
0.1 to 0.35, higher fits better. None without that text. Eight frames: the middle of each of eight equal parts (of 16
frames 0, 2, ..., 14), the last repeated in a video of fewer, resized as bytes without averaging. Source: Wang et al.,
"InternVid" (arXiv 2307.06942), as VBench and MiraBench call it. Fault: texts are cut after 32 tokens, about 25 words;
of a dense caption the rest is not read.

Two programs: `video.pt2` takes 1,8,3,224,224 float32 normalised as CLIP's, `text.pt2` 1,32 int64 tokens of CLIP's
vocabulary filled up with zeros; each gives 1,D. The vocabulary is read from CLIP's folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.frame_pixels import CLIP, Way
from dropletvideo.perception.judge import Chunk, Picked
from dropletvideo.perception.pretrained import load_tokenizer
from dropletvideo.perception.shaped_programs import shaped_program
from dropletvideo.weights import weights_path

WEIGHTS, VOCABULARY = "viclip", "clip-vit-l-14"
FRAMES, TOKENS, SIDE = 8, 32, 224
_WAY = Way(by="bytes", method="bicubic", norm=CLIP)
CAPTIONS: Mapping[str, tuple[str, ...]] = {
    "viclip_prompt": ("prompt",),
    "viclip_camera": ("camera_caption",),
    "viclip_main_object": ("main_object_caption",),
    "viclip_background": ("background_caption",),
    "viclip_style": ("style_caption",),
    "viclip_overall": ("dense_caption", "short_caption"),
}


def middle_frames(num_frames: int, count: int = FRAMES) -> list[int]:
    """The middle frame of each of `count` equal parts, numbers cut to whole ones; fewer frames repeat the last."""
    if num_frames < 1:
        return []
    edges = np.linspace(0, num_frames, min(count, num_frames) + 1).astype(int)
    found = [int((low + high - 1) // 2) for low, high in pairwise(edges)]
    return found + [found[-1]] * (count - len(found))


@dataclass
class _State:
    texts: dict[str, str]
    numbers: list[int]
    frames: dict[int, NDArray[np.uint8]] = field(default_factory=dict)


class ViClip:
    """See the module text.

    Args:
        path: the folder of programs. vocabulary: CLIP's folder. Both are looked for among the weights by default.
    """

    name = "viclip"
    version = 2
    reads = ("prompt", *(name for names in list(CAPTIONS.values())[1:] for name in names))
    weights = (WEIGHTS, VOCABULARY)
    needs = Picked()
    columns: Mapping[str, type] = dict.fromkeys(CAPTIONS, float)

    def __init__(self, path: str | Path | None = None, vocabulary: str | Path | None = None) -> None:
        self.path, self.vocabulary = path, vocabulary

    def pick(self, row: Mapping[str, Any]) -> Sequence[int]:
        """Eight frames, or as many as there are."""
        return sorted(set(self._numbers(row)))

    def _numbers(self, row: Mapping[str, Any]) -> list[int]:
        start = int(row.get("start_frame") or 0)
        return [start + number for number in middle_frames(int(row.get("end_frame") or 0) - start)]

    def start(self, row: Mapping[str, Any]) -> _State:
        """Take the texts that the row holds."""
        found = {name: next((row[key] for key in keys if row.get(key)), "") for name, keys in CAPTIONS.items()}
        return _State({name: text for name, text in found.items() if text}, self._numbers(row))

    def update(self, state: _State, chunk: Chunk) -> None:
        """Keep the picked frames."""
        for frame, index in zip(chunk.frames, chunk.indices, strict=True):
            if int(index) in state.numbers:
                state.frames[int(index)] = frame.copy()

    def finish(self, state: _State) -> dict[str, Any]:
        """One forward for the video, one for each text."""
        found: dict[str, Any] = dict.fromkeys(self.columns)
        if not state.texts or not state.frames:
            return found
        there = [state.frames[number] for number in state.numbers if number in state.frames]
        there += [there[-1]] * (FRAMES - len(there))
        pixels = _WAY(np.stack(there), SIDE)[None]
        video = self._run("video", pixels)
        for name, text in state.texts.items():
            found[name] = round(float(video @ self._run("text", self._tokens(text))), 6)
        return found

    def _run(self, part: str, given: Any) -> NDArray[np.float64]:
        import torch

        program, device = shaped_program(WEIGHTS, part, self.path)
        with torch.inference_mode():
            one = program(given.to(device))[0].double().cpu().numpy()
        return np.asarray(one / max(float(np.linalg.norm(one)), 1e-12))

    def _tokens(self, text: str) -> Any:
        import torch

        words = _vocabulary(str(self.vocabulary or weights_path(VOCABULARY)))(text, truncation=True, max_length=TOKENS)
        numbers = list(words["input_ids"])
        return torch.tensor([numbers + [0] * (TOKENS - len(numbers))], dtype=torch.int64)


@lru_cache(maxsize=1)
def _vocabulary(path: str) -> Any:
    from transformers import CLIPTokenizer

    return load_tokenizer(CLIPTokenizer, path, "CLIP")
