"""How well a text fits a clip, by CLIP's text tower and the embedding kept for the clip; needs `clip-vit-l-14`.

Unit: cosine, averaged over the clip's frames; range -1 to 1, in practice 0.1 to 0.4; direction: higher fits better.
Texts are cut after 77 tokens, as CLIP reads no more. No video is touched. Source: as `clip_backbone.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dropletvideo.perception.clip_backbone import Embeddings
from dropletvideo.perception.pretrained import load_network, load_tokenizer

BATCH = 64


def text_embeddings(texts: Sequence[str], path: str | Path) -> Embeddings:
    """N,C embeddings of length 1 of N texts.

    Args:
        texts: one or more.
        path: CLIP's folder, with its tokenizer.

    Raises:
        WeightsError: the folder lacks the text tower or its tokenizer.
    """
    import torch

    tokenizer, model, device = _tower(str(path))
    length = int(model.config.max_position_embeddings)
    found: list[Embeddings] = []
    for start in range(0, len(texts), BATCH):
        part = list(texts[start : start + BATCH])
        tokens = tokenizer(part, padding=True, truncation=True, max_length=length, return_tensors="pt").to(device)
        with torch.inference_mode():
            embeddings = model(**tokens).text_embeds.float()
        found.append(np.asarray(torch.nn.functional.normalize(embeddings, dim=-1).cpu().numpy(), np.float32))
    return np.concatenate(found)


def match(clips: Embeddings, texts: Embeddings) -> list[float]:
    """Mean cosine of each clip's frames to its text, row by row; `clips` as `clip_embedding.unpacked` gives them."""
    return [float(clip @ text) for clip, text in zip(clips, texts, strict=True)]


@lru_cache(maxsize=1)
def _tower(path: str) -> tuple[Any, Any, str]:
    from transformers import CLIPTextModelWithProjection, CLIPTokenizer

    return load_tokenizer(CLIPTokenizer, path, "CLIP"), *load_network(CLIPTextModelWithProjection, path, "CLIP")
