"""Protects: every switch of the transformer has its effect: backend, shared sequence, positions, storage, compilation,
checkpointing, offloading; and the released size is the released size."""

import copy
import os
import socket
import warnings

import pytest
import torch
from diffusers import ContextParallelConfig
from diffusers.models.embeddings import get_3d_sincos_pos_embed
from torch.nn import functional as F

from dropletvideo.errors import RequestError
from dropletvideo.model import attention
from dropletvideo.model.presets import droplet_5b
from dropletvideo.model.rope import rotary_tables
from dropletvideo.model.sharing import check_shares
from dropletvideo.model.transformer import DropletVideoTransformer3DModel

FIELDS = {
    "num_attention_heads": 4,
    "attention_head_dim": 16,
    "in_channels": 33,
    "time_embed_dim": 32,
    "text_embed_dim": 32,
    "num_layers": 3,
    "use_rotary_positional_embeddings": True,
}


def toy(**changes):
    torch.manual_seed(0)
    return DropletVideoTransformer3DModel(**FIELDS | changes).eval()


def call(transformer, frames=3, height=4, width=4, text=6):
    torch.manual_seed(1)
    tables = None
    if transformer.config.use_rotary_positional_embeddings:
        tables = rotary_tables(transformer.config, latent_frames=frames, latent_height=height, latent_width=width)
    return {
        "hidden_states": torch.randn(2, frames, 33, height, width),
        "encoder_hidden_states": torch.randn(2, text, 32),
        "timestep": torch.tensor([500, 500]),
        "motion": torch.tensor([8.0]),
        "image_rotary_emb": tables,
    }


@torch.no_grad()
def output_of(transformer, **size):
    return transformer(**call(transformer, **size)).sample


def test_the_backend_named_is_the_one_called(monkeypatch):
    from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry

    transformer = toy()
    called = []
    backends = _AttentionBackendRegistry._backends
    for name in (AttentionBackendName.NATIVE, AttentionBackendName._NATIVE_MATH):
        backend = backends[name]
        monkeypatch.setitem(
            backends,
            name,
            lambda *args, _name=name, _backend=backend, **kwargs: (
                called.append(_name.value) or _backend(*args, **kwargs)
            ),
        )
        monkeypatch.setitem(
            _AttentionBackendRegistry._supported_arg_names,
            backends[name],
            _AttentionBackendRegistry._supported_arg_names[name],
        )
    native = output_of(transformer)
    transformer.set_attention_backend("_native_math")
    other = output_of(transformer)
    assert called == ["native"] * 3 + ["_native_math"] * 3
    assert torch.allclose(native, other, atol=1e-5)


def test_fused_projections_are_one_product_and_keep_the_backend(monkeypatch):
    transformer = toy()
    before, names = output_of(transformer), set(transformer.state_dict())
    transformer.fuse_qkv_projections()
    products, dispatched = [], []
    for block in transformer.transformer_blocks:
        block.attn1.to_qkv.register_forward_hook(lambda *_: products.append(1))
        block.attn1.to_q.register_forward_hook(lambda *_: products.append("apart"))
    dispatch = attention.dispatch_attention_fn
    monkeypatch.setattr(
        attention, "dispatch_attention_fn", lambda *args, **kwargs: dispatched.append(1) or dispatch(*args, **kwargs)
    )
    assert torch.allclose(output_of(transformer), before, atol=1e-5)
    assert products == [1, 1, 1]
    assert dispatched == [1, 1, 1]
    transformer.unfuse_qkv_projections()
    assert set(transformer.state_dict()) == names
    assert torch.equal(output_of(transformer), before)


def _one_of_two(rank, port, results):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK=str(rank), WORLD_SIZE="2")
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    transformer = toy()
    alone = output_of(transformer)
    transformer.enable_parallelism(config=ContextParallelConfig(ulysses_degree=2))
    tokens = []
    transformer.transformer_blocks[1].register_forward_pre_hook(
        lambda _module, _args, kwargs: tokens.append(kwargs["hidden_states"].shape[1]), with_kwargs=True
    )
    shared = output_of(transformer)
    torch.save({"error": float((alone - shared).abs().max()), "tokens": tokens}, f"{results}/{rank}.pt")
    torch.distributed.barrier()  # a rank that leaves first takes the other's connections with it
    torch.distributed.destroy_process_group()


def test_two_ranks_give_what_one_gives_each_holding_half(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(_one_of_two, args=(port, str(tmp_path)), nprocs=2)
    for rank in (0, 1):
        found = torch.load(tmp_path / f"{rank}.pt")
        assert found["error"] < 1e-4
        assert found["tokens"] == [3 * 2 * 2 // 2]


def test_a_sequence_that_cannot_be_shared_is_refused_with_its_numbers():
    config = ContextParallelConfig(ulysses_degree=4)
    check_shares(config, text_tokens=400, video_tokens=22176)
    with pytest.raises(RequestError, match="226 text tokens cannot be shared by 4 ranks: need a multiple of 4"):
        check_shares(config, text_tokens=226, video_tokens=22176)
    check_shares(ContextParallelConfig(ulysses_degree=4, ulysses_anything=True), text_tokens=226, video_tokens=5)


def test_sinusoidal_positions_are_the_base_grid_stretched():
    transformer = toy(use_rotary_positional_embeddings=False, sample_height=12, sample_width=16, sample_frames=13)
    patches = transformer.patch_embed
    base = get_3d_sincos_pos_embed(64, (8, 6), 4, 1.875, 1.0, output_type="pt").reshape(1, 4, 6, 8, 64)
    like = torch.zeros(())
    assert torch.allclose(patches.positions(4, 6, 8, like), base.flatten(1, 3)[0].float(), atol=1e-6)
    stretched = F.interpolate(
        base.permute(0, 4, 1, 2, 3).float(), size=(4, 9, 5), mode="trilinear", align_corners=False
    )
    expected = stretched.permute(0, 2, 3, 4, 1).reshape(4, 9 * 5, 64)[:3].flatten(0, 1)
    assert torch.allclose(patches.positions(3, 9, 5, like), expected, atol=1e-5)
    # any text length, any size; and positions count
    assert output_of(transformer, text=7, height=8, width=8).shape == (2, 3, 16, 8, 8)
    moved = call(transformer, height=8, width=8)
    moved["hidden_states"] = moved["hidden_states"].roll(4, dims=-1)
    with torch.no_grad():
        rolled = transformer(**moved).sample.roll(-4, dims=-1)
    assert (rolled - output_of(transformer, height=8, width=8)).abs().max() > 1e-3


def test_sinusoidal_weights_have_the_names_of_the_rotary_ones():
    assert set(toy(use_rotary_positional_embeddings=False).state_dict()) == set(toy().state_dict())


def test_the_released_size():
    with torch.device("meta"):
        transformer = DropletVideoTransformer3DModel(**droplet_5b().transformer)
    state = transformer.state_dict()
    assert len(state) == 1028
    assert sum(parameter.numel() for parameter in transformer.parameters()) // 1000 == 5_572_328
    assert state["fps_embedding.linear_1.weight"].shape == (512, 3072)
    assert state["patch_embed.proj.weight"].shape == (3072, 33, 2, 2)
    assert state["proj_out.weight"].shape == (64, 3072)


def test_fp8_storage_takes_one_byte_for_each_weight_of_the_blocks():
    transformer = torch.nn.Module.to(toy(), dtype=torch.bfloat16)
    patterns = ("patch_embed", "norm", "time_embedding", "fps_embedding", "proj_out")
    kept = {name: p for name, p in transformer.named_parameters() if any(pattern in name for pattern in patterns)}
    rest = {name: p for name, p in transformer.named_parameters() if name not in kept}
    assert any("fps_embedding" in name for name in kept)
    assert any("ff.net.0" in name for name in rest)
    before = _bfloat16_output(transformer)
    transformer.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.bfloat16)
    expected = sum(p.numel() * 2 for p in kept.values()) + sum(p.numel() for p in rest.values())
    assert sum(p.numel() * p.element_size() for p in transformer.parameters()) == expected
    error = (_bfloat16_output(transformer) - before).float().norm() / before.float().norm()
    assert 0 < error < 0.2


@torch.no_grad()
def _bfloat16_output(transformer):
    arguments = call(transformer)
    for name in ("hidden_states", "encoder_hidden_states"):
        arguments[name] = arguments[name].to(torch.bfloat16)
    return transformer(**arguments).sample


def test_the_repeated_blocks_are_compiled_once():
    transformer = toy()
    before = output_of(transformer)
    graphs = []

    def count(graph, _example):
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    transformer.compile_repeated_blocks(backend=count, fullgraph=True)
    compiled = output_of(transformer)
    torch._dynamo.reset()
    assert len(graphs) == 1
    assert torch.allclose(compiled, before, atol=1e-5)


def test_checkpointing_keeps_the_gradients():
    plain, checkpointed = toy(), toy()
    checkpointed.enable_gradient_checkpointing()
    runs = []
    for block in checkpointed.transformer_blocks:
        block.attn1.register_forward_hook(lambda *_: runs.append(1))
    for transformer in (plain, checkpointed):
        transformer.train()
        transformer(**call(transformer)).sample.square().mean().backward()
    assert len(runs) == 2 * 3
    pairs = zip(plain.named_parameters(), checkpointed.named_parameters(), strict=True)
    assert all(torch.allclose(one.grad, other.grad, atol=1e-7) for (_, one), (_, other) in pairs)


def test_offloaded_weights_are_away_between_calls():
    import accelerate

    transformer = toy()
    before = output_of(transformer)
    accelerate.cpu_offload(transformer, execution_device="cpu")
    present = []
    layers = [block.attn1.to_q for block in transformer.transformer_blocks]
    kernel = F.linear
    for layer in layers:
        layer._old_forward = lambda tokens, layer=layer: (
            present.append([other.weight.device.type for other in layers]) or kernel(tokens, layer.weight, layer.bias)
        )
    assert {parameter.device.type for parameter in transformer.parameters()} == {"meta"}
    assert torch.equal(output_of(transformer), before)
    assert present == [["cpu", "meta", "meta"], ["meta", "cpu", "meta"], ["meta", "meta", "cpu"]]
    assert {parameter.device.type for parameter in transformer.parameters()} == {"meta"}


def test_a_copy_is_independent():
    transformer = toy()
    twin = copy.deepcopy(transformer)
    with torch.no_grad():
        twin.fps_embedding.linear_2.bias += 1
    assert not torch.equal(output_of(twin), output_of(transformer))
