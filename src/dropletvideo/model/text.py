"""Prompt to text condition: T5 encoder states of a fixed number of tokens."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

LONGEST_CUT = 400
"""Letters of a cut-off end that a warning shows."""


def full_prompt(prompt: str, suffix: str) -> str:
    """The prompt as the model was trained to read it: the user's words, one space, the model's suffix."""
    return f"{prompt} {suffix}" if suffix else prompt


@torch.no_grad()
def encode_prompt(
    prompts: str | Sequence[str],
    *,
    tokenizer: Any,
    text_encoder: Any,
    text_length: int,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Encoder states of shape (batch, `text_length`, text width).

    Shorter prompts are padded and **the pads are attended**, by the encoder and by the transformer, as in the
    released model: states of one length are no prefix of those of another. Longer prompts lose their end, with a
    warning that says how much.

    Args:
        prompts: one text or a batch.
        tokenizer: T5 tokenizer of the model folder.
        text_encoder: T5 encoder of the model folder; its device is used.
        text_length: number of tokens (released 400, nano 64).
        dtype: of the result; the encoder's own by default.
    """
    texts = [prompts] if isinstance(prompts, str) else list(prompts)
    token_ids = [tokenizer(text, add_special_tokens=True).input_ids for text in texts]
    for text, ids in zip(texts, token_ids, strict=True):
        if len(ids) > text_length:
            cut = tokenizer.decode(ids[text_length - 1 : -1], skip_special_tokens=True)  # the end mark keeps its place
            words = cut if len(cut) <= LONGEST_CUT else f"{cut[: LONGEST_CUT // 2]} ... {cut[-LONGEST_CUT // 2 :]}"
            logger.warning(
                "prompt %r has %d tokens and %d are read; cut off: %r", text[:40], len(ids), text_length, words
            )
    batch = tokenizer(
        texts,
        padding="max_length",
        max_length=text_length,
        truncation=True,
        add_special_tokens=True,
        return_tensors="pt",
    )
    states: Tensor = text_encoder(batch.input_ids.to(text_encoder.device))[0]
    return states.to(dtype or states.dtype)
