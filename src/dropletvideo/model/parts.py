"""Loading and saving each part of a model folder: class by the name in its configuration, tensors checked first."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Literal

import diffusers
import torch
from diffusers import AutoencoderKLCogVideoX
from diffusers.models.embeddings import TimestepEmbedding
from tokenizers import Tokenizer
from transformers import AutoConfig, T5EncoderModel, T5Tokenizer

from dropletvideo.errors import WeightsError
from dropletvideo.model.patch_codec import PatchCodec
from dropletvideo.model.tensors import check_tensors, read_tensors
from dropletvideo.model.transformer import DropletVideoTransformer3DModel

RELEASED_VAE = "AutoencoderKLDropletVideo"
RELEASED_BLOCKS, DIFFUSERS_BLOCKS = "DropletVideo", "CogVideoX"
ENCODE_CHUNK_FRAMES = 4
MOTION_PREFIX = "fps_embedding."


def load_transformer(folder: Path, *, without_motion: bool = False) -> DropletVideoTransformer3DModel:
    """The transformer of a folder; `without_motion` accepts weights that lack the motion layers and zeroes them."""
    model: DropletVideoTransformer3DModel = empty_part(folder, "transformer")
    expected = model.state_dict()
    motion_keys = frozenset(name for name in expected if name.startswith(MOTION_PREFIX))
    check_tensors(folder, expected, optional=motion_keys if without_motion else frozenset())
    tensors = read_tensors(folder)
    if not motion_keys & set(tensors):
        model.fps_embedding = TimestepEmbedding(
            model.fps_proj.num_channels, model.config.time_embed_dim, model.config.timestep_activation_fn
        )
        model.start_motion_at_zero()
    model.load_state_dict(tensors, strict=False, assign=True)
    return model


def load_vae(folder: Path) -> Any:
    """The codec of a folder: `PatchCodec`, or diffusers' class for its own and the released name."""
    vae = empty_part(folder, "vae")
    check_tensors(folder, vae.state_dict())
    vae.load_state_dict(read_tensors(folder), assign=True)
    if not isinstance(vae, PatchCodec):
        # Its group norms see a chunk at a time: another chunk length gives other latents. The published code of this
        # family of models reads 4 frames at a time, diffusers 8.
        vae.num_sample_frames_batch_size = ENCODE_CHUNK_FRAMES
    return vae


def empty_part(folder: Path, name: Literal["transformer", "vae", "text_encoder"]) -> Any:
    """A network of a folder without storage (meta device), from its configuration alone.

    Raises:
        WeightsError: the configuration is missing, damaged or of a class that is not known.
    """
    config = read_config(folder)
    with torch.device("meta"):
        if name == "transformer":
            return DropletVideoTransformer3DModel.from_config(config)
        if name == "text_encoder":
            return T5EncoderModel(AutoConfig.from_pretrained(folder))
        return _empty_vae(folder, config)


def _empty_vae(folder: Path, config: dict[str, Any]) -> Any:
    name = config.get("_class_name")
    if name not in ("PatchCodec", "AutoencoderKLCogVideoX", RELEASED_VAE):
        raise WeightsError(
            f"{folder}: codec class {name!r} is unknown: PatchCodec, AutoencoderKLCogVideoX, {RELEASED_VAE}"
        )
    if name == RELEASED_VAE:
        config = _rename_blocks(config, RELEASED_BLOCKS, DIFFUSERS_BLOCKS)
    return (PatchCodec if name == "PatchCodec" else AutoencoderKLCogVideoX).from_config(config)


def load_text_encoder(folder: Path) -> T5EncoderModel:
    """The T5 encoder of a folder; its token table stands in the file under one name or two."""
    encoder: T5EncoderModel = empty_part(folder, "text_encoder")
    table, copy = "shared.weight", "encoder.embed_tokens.weight"
    check_tensors(folder, encoder.state_dict(), aliases={copy: table, table: copy})
    tensors = read_tensors(folder)
    found = tensors.get(table, tensors.get(copy))
    encoder.load_state_dict(tensors | {table: found, copy: found}, assign=True)
    encoder.tie_weights()
    return encoder.eval()


def load_tokenizer(folder: Path) -> T5Tokenizer:
    """The SentencePiece tokenizer of a folder, with byte fallback where its pieces have bytes.

    transformers drops that switch when it reads a SentencePiece file; unknown letters would all be one token.
    """
    tokenizer = T5Tokenizer.from_pretrained(folder)
    if tokenizer.convert_tokens_to_ids("<0x00>") != tokenizer.unk_token_id:
        content = json.loads(tokenizer.backend_tokenizer.to_str())
        content["model"]["byte_fallback"] = True
        tokenizer._tokenizer = Tokenizer.from_str(json.dumps(content))
    return tokenizer


def load_scheduler(folder: Path) -> Any:
    """The sampler of a folder: any diffusers scheduler, by the name in its configuration."""
    name = read_config(folder, "scheduler_config.json").get("_class_name", "DDIMScheduler")
    scheduler_class = getattr(diffusers, str(name), None)
    if scheduler_class is None:
        raise WeightsError(f"{folder}: scheduler class {name!r} is not in diffusers {diffusers.__version__}")
    return scheduler_class.from_pretrained(folder)


def save(part: Any, name: str, folder: Path, *, stored_as: Any, source: Path | None) -> list[str]:
    """Write one part and give its entry of `model_index.json`, as it was where the part came with one.

    A tokenizer is copied from where it was loaded: the released code reads SentencePiece files that newer
    transformers versions no longer write.

    Raises:
        WeightsError: the part carries layers that the released layout does not have.
    """
    if getattr(part, "peft_config", None) or any(".to_qkv." in key for key in _names(part)):
        raise WeightsError(
            f"{name}: carries LoRA layers or fused projections, which the released layout has no names for; call "
            "unload_lora_weights() and unfuse_qkv_projections() first"
        )
    if name == "tokenizer" and source is not None and source.is_dir():
        shutil.copytree(source, folder)
    else:
        part.save_pretrained(folder)
    if stored_as and stored_as[1] == RELEASED_VAE:
        config = _rename_blocks(read_config(folder), DIFFUSERS_BLOCKS, RELEASED_BLOCKS) | {"_class_name": RELEASED_VAE}
        (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    return list(stored_as) if stored_as else [type(part).__module__.split(".")[0], type(part).__name__]


def _names(part: Any) -> list[str]:
    return list(part.state_dict()) if isinstance(part, torch.nn.Module) else []


def read_config(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """The configuration file of a part."""
    path = folder / name
    try:
        config: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: is missing; copy it there") from error
    except (OSError, json.JSONDecodeError) as error:
        raise WeightsError(f"{path}: cannot be read as JSON ({error})") from error
    return config


def _rename_blocks(config: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    blocks = {
        key: [block.replace(old, new) for block in config[key]]
        for key in ("down_block_types", "up_block_types")
        if key in config
    }
    # diffusers does not know these two fields of older codecs and would warn at every load
    known = {key: value for key, value in config.items() if key not in ("_class_name", "_diffusers_version")}
    return known | blocks
