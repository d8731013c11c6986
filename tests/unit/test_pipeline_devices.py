"""Protects offloading: a codec whose weights lie elsewhere until it is called gets its tensors where it will work."""

import torch
from accelerate.hooks import CpuOffload, add_hook_to_module

from dropletvideo.model.patch_codec import PatchCodec
from dropletvideo.model.vae import decode_latents, encode_pixels, working_device


def test_a_codec_is_called_on_its_working_device():
    codec = PatchCodec(encoder_width=0, token_width=0)
    add_hook_to_module(codec, CpuOffload(torch.device("meta")))
    assert codec.device == torch.device("cpu")
    assert working_device(codec) == torch.device("meta")
    latents = encode_pixels(codec, torch.zeros(1, 3, 5, 32, 32))
    assert latents.device == torch.device("meta"), "the weights were brought, and the pixels with them"
    assert decode_latents(codec, latents.new_zeros(latents.shape)).device == torch.device("meta")


def test_without_offloading_a_part_works_where_it_lies():
    assert working_device(PatchCodec(encoder_width=0, token_width=0)) == torch.device("cpu")
