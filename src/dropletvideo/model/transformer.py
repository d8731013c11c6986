"""The diffusion transformer: diffusers' CogVideoX transformer with the motion condition of DropletVideo.

Shape letters: B batch, F latent frames, C channels, H, W latent height and width, L video tokens, S text tokens,
N heads, K head size, D width. Order of the sequence is [S text | L video].
"""

# ruff: noqa: ARG002  diffusers registers the constructor's fields; the parent reads them

from __future__ import annotations

import inspect
from typing import Any

import torch
from diffusers import CogVideoXTransformer3DModel
from diffusers.configuration_utils import FrozenDict, register_to_config
from diffusers.models.attention_processor import Attention
from diffusers.models.embeddings import CogVideoXPatchEmbed, TimestepEmbedding, Timesteps
from torch import Tensor, nn

from dropletvideo.errors import ConfigError
from dropletvideo.model.attention import DropletAttnProcessor
from dropletvideo.model.sharing import SHARING_PLAN, check_shares, own_share, resolve_on_cpu
from dropletvideo.model.sinusoidal import SinusoidalPatchEmbed

LATENT_CHANNELS = 16
CONDITION_CHANNELS = 1 + LATENT_CHANNELS


class DropletVideoTransformer3DModel(CogVideoXTransformer3DModel):
    """CogVideoX transformer whose every adaptive norm also hears M, the number of model frames per source second.

    A second sinusoid-and-MLP embeds M (any real number; low M, fast motion) and is added to that of the timestep.
    In weight files its layers are called `fps_embedding`, as released. Source: DropletVideo section 3 and its
    released configuration; every field keeps the released name, default and meaning.
    """

    _repeated_blocks = ("CogVideoXBlock",)
    _cp_plan = SHARING_PLAN
    current_timestep: int = 0
    """Timestep of the running call, for the step caches that ask; see `Denoiser`."""
    # The two small conditions stay in full precision too: a rounded M is another M.
    _skip_layerwise_casting_patterns = ("patch_embed", "norm", "time_embedding", "fps_embedding")

    @register_to_config
    def __init__(  # noqa: PLR0913, PLR0917 - the fields of the released configuration file
        self,
        num_attention_heads: int = 30,
        attention_head_dim: int = 64,
        in_channels: int = 16,
        out_channels: int = 16,
        flip_sin_to_cos: bool = True,
        freq_shift: int = 0,
        time_embed_dim: int = 512,
        text_embed_dim: int = 4096,
        num_layers: int = 30,
        dropout: float = 0.0,
        attention_bias: bool = True,
        sample_width: int = 90,
        sample_height: int = 60,
        sample_frames: int = 49,
        patch_size: int = 2,
        temporal_compression_ratio: int = 4,
        max_text_seq_length: int = 226,
        activation_fn: str = "gelu-approximate",
        timestep_activation_fn: str = "silu",
        norm_elementwise_affine: bool = True,
        norm_eps: float = 1e-5,
        spatial_interpolation_scale: float = 1.875,
        temporal_interpolation_scale: float = 1.0,
        use_rotary_positional_embeddings: bool = False,
        add_noise_in_inpaint_model: bool = False,
        patch_size_t: int | None = None,
    ) -> None:
        if patch_size_t is not None:
            raise ConfigError(
                f"patch_size_t={patch_size_t} is not supported: patches of several latent frames (CogVideoX 1.5) need "
                "another position grid; use weights of the 1.0 or 1.1 family"
            )
        own_fields: dict[str, Any] = FrozenDict(self.config)
        fields = {name: value for name, value in own_fields.items() if _is_parent_field(name)}
        # The parent's own sinusoidal positions differ from the released ones; see `sinusoidal`.
        super().__init__(**fields | {"use_rotary_positional_embeddings": True})
        # The parent registers its own fields too; the file keeps those of the released layout alone.
        self._internal_dict = own_fields
        width = num_attention_heads * attention_head_dim
        if not use_rotary_positional_embeddings:
            shared = set(inspect.signature(CogVideoXPatchEmbed).parameters) & set(fields)
            patch_fields = {name: fields[name] for name in shared - {"patch_size_t"}}
            self.patch_embed = SinusoidalPatchEmbed(embed_dim=width, **patch_fields)
        self.fps_proj = Timesteps(width, flip_sin_to_cos, freq_shift)
        self.fps_embedding = TimestepEmbedding(width, time_embed_dim, timestep_activation_fn)
        self.set_attn_processor(DropletAttnProcessor())

    # The parent's forward adds `ofs_embedding(ofs_proj(ofs))` to the timestep embedding where they exist; answering
    # to these names by property keeps the released key names in every state dict, shard and LoRA file.
    @property
    def ofs_proj(self) -> nn.Module | None:
        """The sinusoid of M, under the name that the parent's forward asks for."""
        return self._layer("fps_proj")

    @ofs_proj.setter
    def ofs_proj(self, value: None) -> None:
        assert value is None, "the parent sets its own offset path"

    @property
    def ofs_embedding(self) -> nn.Module | None:
        """The MLP of M, under the name that the parent's forward asks for."""
        return self._layer("fps_embedding")

    @ofs_embedding.setter
    def ofs_embedding(self, value: None) -> None:
        assert value is None, "the parent sets its own offset path"

    def _layer(self, name: str) -> nn.Module | None:
        layer: nn.Module | None = self._modules.get(name)
        return layer

    def forward(
        self,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        timestep: Tensor,
        motion: Tensor,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
        attention_kwargs: dict[str, Any] | None = None,
        return_dict: bool = True,
    ) -> Any:
        """Predict the velocity of each noisy latent.

        Args:
            hidden_states: B,F,33,H,W: 16 noisy latents, 1 mask channel, 16 latents of the masked video (see
                `image_condition`).
            encoder_hidden_states: B,S,text width.
            timestep: B integers in [0, 1000).
            motion: M as floats, shape B, or 1 for the whole batch.
            image_rotary_emb: cosine and sine tables L,K from `rope.rotary_tables`.
            attention_kwargs: passed to the attention processor; `scale` is the LoRA scale.
            return_dict: give diffusers' output object (`.sample`) rather than a tuple.

        Returns:
            B,F,16,H,W.
        """
        sharing = getattr(self._parallel_config, "context_parallel_config", None)
        if sharing is not None:
            tokens = hidden_states[0, :, 0].numel() // self.config.patch_size**2
            check_shares(sharing, text_tokens=encoder_hidden_states.shape[1], video_tokens=tokens)
            image_rotary_emb = own_share(sharing, image_rotary_emb)
        return super().forward(
            hidden_states=hidden_states,
            encoder_hidden_states=encoder_hidden_states,
            timestep=timestep,
            ofs=motion,
            image_rotary_emb=image_rotary_emb,
            attention_kwargs=attention_kwargs,
            return_dict=return_dict,
        )

    def _resolve_parallel_config(self, config: Any) -> Any:
        """Called by diffusers' `enable_parallelism`."""
        if torch.accelerator.is_available():
            return super()._resolve_parallel_config(config)
        self._parallel_config = resolve_on_cpu(config)
        return self._parallel_config

    def compile_repeated_blocks(self, *args: Any, **kwargs: Any) -> None:
        """Compile the block, once for all of them; arguments are those of `torch.compile`.

        The first block alone is given views of the joint sequence; their strides would have it compiled a second time.
        """
        super().compile_repeated_blocks(*args, **kwargs)
        first = self.transformer_blocks[0]
        compiled = first._compiled_call_impl

        def on_whole_tensors(*given: Any, **named: Any) -> Any:
            return compiled(*map(_contiguous, given), **{name: _contiguous(value) for name, value in named.items()})

        first._compiled_call_impl = on_whole_tensors

    def fuse_qkv_projections(self) -> None:
        """Project query, key and value of each block by one matrix product.

        diffusers' own way swaps in a processor that ignores the attention backend; ours serves both.
        """
        for module in self.modules():
            if isinstance(module, Attention):
                module.fuse_projections(fuse=True)

    def unfuse_qkv_projections(self) -> None:
        """Undo `fuse_qkv_projections`; needed before saving, so that the released names come back."""
        for module in self.modules():
            if isinstance(module, Attention) and module.fused_projections:
                module.fused_projections = False
                del module.to_qkv

    def start_from_nothing(self) -> None:
        """Set the weights of a transformer that is trained from scratch: adaptive norms and output start at zero.

        Every block then starts as the identity (adaLN-zero, arXiv 2212.09748 section 3.2).
        """
        for block in self.transformer_blocks:
            for norm in (block.norm1, block.norm2):
                nn.init.zeros_(norm.linear.weight)
                nn.init.zeros_(norm.linear.bias)
        for layer in (self.norm_out.linear, self.proj_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def start_motion_at_zero(self) -> None:
        """Make M count for nothing at first: for weights of a model that never had it (CogVideoX-Fun InP)."""
        nn.init.zeros_(self.fps_embedding.linear_2.weight)
        nn.init.zeros_(self.fps_embedding.linear_2.bias)


def _contiguous(value: Any) -> Any:
    return value.contiguous() if isinstance(value, Tensor) else value


def _is_parent_field(name: str) -> bool:
    return not name.startswith("_") and name != "add_noise_in_inpaint_model"
