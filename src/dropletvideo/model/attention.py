"""Joint attention over [text | video] through diffusers' attention dispatcher.

Shape letters: B batch, L video tokens, S text tokens, N heads, K head size, D width.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.embeddings import apply_rotary_emb
from torch import Tensor


class DropletAttnProcessor:
    """Attention of one block; the backend and the split over ranks are diffusers' own.

    The processor that diffusers ships for CogVideoX calls PyTorch's attention itself, so `set_attention_backend` and
    `enable_parallelism` pass it over in silence. This one carries the two class attributes that they set.
    """

    _attention_backend: str | None = None
    _parallel_config: Any = None

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Attend; takes and gives `(video B,L,D, text B,S,D)`, returned as `(video, text)`."""
        text_length = encoder_hidden_states.shape[1]
        tokens_BLD = torch.cat([encoder_hidden_states, hidden_states], dim=1)
        batch, length, _ = tokens_BLD.shape
        query, key, value = (part.reshape(batch, length, attn.heads, -1) for part in _projections(attn, tokens_BLD))
        if attn.norm_q is not None:
            query = attn.norm_q(query)
        if attn.norm_k is not None:
            key = attn.norm_k(key)
        if image_rotary_emb is not None:
            query = _rotate_video(query, text_length, image_rotary_emb)
            key = _rotate_video(key, text_length, image_rotary_emb)
        attended = dispatch_attention_fn(
            query,
            key,
            value,
            attn_mask=attention_mask,
            backend=self._attention_backend,
            parallel_config=self._parallel_config,
        )
        attended = attn.to_out[1](attn.to_out[0](attended.flatten(2, 3).to(query.dtype)))
        return attended[:, text_length:], attended[:, :text_length]


def _projections(attn: Any, tokens_BLD: Tensor) -> tuple[Tensor, ...]:
    """Query, key and value; one matrix product where they were fused."""
    if attn.fused_projections:
        fused: tuple[Tensor, ...] = attn.to_qkv(tokens_BLD).chunk(3, dim=-1)
        return fused
    return attn.to_q(tokens_BLD), attn.to_k(tokens_BLD), attn.to_v(tokens_BLD)


def _rotate_video(heads_BLNK: Tensor, text_length: int, rotary: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the video part of queries or keys; text has no position."""
    rotated = apply_rotary_emb(heads_BLNK[:, text_length:], rotary, sequence_dim=1)
    return torch.cat([heads_BLNK[:, :text_length], rotated], dim=1)
