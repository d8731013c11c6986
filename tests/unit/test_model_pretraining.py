"""Protects: the recipes of nano's codec and text encoder run, go on from a checkpoint to the same weights, and ship."""

from importlib import resources

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from dropletvideo.errors import WeightsError
from dropletvideo.model.folder import load_model_folder, shipped_folder
from dropletvideo.model.parts import load_text_encoder, load_tokenizer, load_vae
from dropletvideo.model.text import encode_prompt
from dropletvideo.moves import MOVES
from dropletvideo.train import codec, text
from dropletvideo.train.codec_windows import PixelWindows
from dropletvideo.train.text_prompts import NEVER_TRAINED, Facts, draw_facts, write_prompt

MIB = 2**20
FIELDS = {
    "encoder_width": 8,
    "encoder_layers": 1,
    "token_width": 8,
    "token_layers": 1,
    "pixel_width": 4,
    "pixel_layers": 1,
}


@pytest.fixture
def noise_windows(monkeypatch):
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (6, 17, 4, 4, 3), dtype=np.uint8).repeat(8, axis=2).repeat(8, axis=3)
    windows = PixelWindows(coarse, np.array([4.0, 6.0, 8.0, 12.0, 20.0, 32.0]))
    monkeypatch.setattr(codec, "pixel_windows", lambda *_args, **_kwargs: windows)


def _codec_config(steps):
    loop = {"batch_size": 2, "max_steps": 4, "log_every": 1, "test_every": 2}
    config = codec.Config(codec=FIELDS, loop=loop, windows={"height": 32, "width": 32})
    return (
        config
        if steps == 4
        else config.model_copy(update={"loop": config.loop.model_copy(update={"max_steps": steps})})
    )


def test_codec_run_goes_on_to_the_same_weights(noise_windows, tmp_path, monkeypatch):
    whole = codec.run(_codec_config(4), tmp_path / "whole")
    assert whole.status == "finished"
    _stop_after(monkeypatch, 2)
    assert codec.run(_codec_config(4), tmp_path / "parts").status == "stopped"
    monkeypatch.undo()
    monkeypatch.setattr(codec, "pixel_windows", lambda *_args, **_kwargs: _same_windows())
    assert codec.run(_codec_config(4), tmp_path / "parts").status == "finished"
    weights = [
        load_file(tmp_path / name / "vae" / "diffusion_pytorch_model.safetensors") for name in ("whole", "parts")
    ]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    steps = [row["step"] for row in map(yaml.safe_load, (tmp_path / "parts" / "log.jsonl").read_text().splitlines())]
    assert steps == [0, 1, 2, 3, 4]
    load_vae(tmp_path / "parts" / "vae")
    changed = _codec_config(4).model_copy(update={"seed": 1})
    with pytest.raises(WeightsError, match="another recipe"):
        codec.run(changed, tmp_path / "parts")


def _same_windows():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (6, 17, 4, 4, 3), dtype=np.uint8).repeat(8, axis=2).repeat(8, axis=3)
    return PixelWindows(coarse, np.array([4.0, 6.0, 8.0, 12.0, 20.0, 32.0]))


def _stop_after(monkeypatch, steps):
    """Ask the loop to stop as a signal would, after so many steps."""
    from contextlib import contextmanager
    from types import SimpleNamespace

    from dropletvideo.train import pretrain

    stop = SimpleNamespace(asked=False)
    report = pretrain.Pretraining._report

    def reported(self, figures, test):
        report(self, figures, test)
        stop.asked = self.step >= steps

    @contextmanager
    def requests():
        yield stop

    monkeypatch.setattr(pretrain, "stop_requests", requests)
    monkeypatch.setattr(pretrain.Pretraining, "_report", reported)


def test_text_run_gives_a_tokenizer_and_an_encoder(tmp_path):
    config = text.Config(
        vocabulary=900,
        encoder={"d_model": 16, "d_kv": 8, "num_heads": 2, "num_layers": 1, "d_ff": 16},
        world={"first_seed": 0, "shots": 3},
        held_out={"first_seed": 10, "shots": 2},
        masked_share=0.2,
        loop={"batch_size": 4, "max_steps": 2, "log_every": 1, "test_every": 0},
    )
    result = text.run(config, tmp_path)
    assert result.status == "finished"
    assert set(result.figures) >= {"captions_moves", "templates_things", "unseen_moves"}
    tokenizer, encoder = load_tokenizer(tmp_path / "tokenizer"), load_text_encoder(tmp_path / "text_encoder")
    states = encode_prompt("The camera pans left.", tokenizer=tokenizer, text_encoder=encoder, text_length=64)
    assert states.shape == (1, 64, 16)


def test_prompts_say_their_facts():
    rng = np.random.default_rng(0)
    prompts = [write_prompt(draw_facts(rng), rng) for _ in range(300)]
    assert {move for prompt in prompts for move in prompt.facts.moves} == set(MOVES)
    for prompt in prompts:
        for colour, noun in prompt.facts.things:
            assert (colour in prompt.text.lower() and noun in prompt.text.lower()) or "的" in prompt.text
    assert all(len(prompt.facts.moves) >= 1 and prompt.facts == Facts(prompt.facts.moves) for prompt in NEVER_TRAINED)


@pytest.mark.parametrize(("name", "module"), [("nano-codec", codec), ("nano-text", text)])
def test_shipped_recipes_are_valid(name, module):
    content = yaml.safe_load((resources.files("dropletvideo.recipes") / f"{name}.yaml").read_text())
    module.Config.model_validate(content)


def test_what_ships_is_small_and_has_a_card_and_logs():
    folder = shipped_folder("nano")
    parts = [folder / name for name in ("vae", "text_encoder", "tokenizer", "scheduler", "logs")]
    assert sum(path.stat().st_size for part in parts for path in part.rglob("*") if path.is_file()) <= 8 * MIB
    assert (folder / "card.md").is_file()
    assert (folder / "droplet.json").is_file()


@torch.no_grad()
def test_shipped_codec_restores_a_rendered_shot_without_seams():
    from dropletvideo.world.render import render_shot
    from dropletvideo.world.shot import draw_shot

    frames = render_shot(draw_shot(1_900_000), 64, 64, frame_indices=range(0, 68, 4)).frames
    vae = load_model_folder("nano", parts=["vae"]).vae
    pixels = torch.from_numpy(frames.copy()).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    latents = vae.encode(pixels).latent_dist.mode()
    assert torch.equal(vae.encode(pixels[:, :, :1]).latent_dist.mode(), latents[:, :, :1])
    error = vae.decode(latents).sample.clamp(-1, 1) - pixels
    assert 10 * torch.log10(4 / error.square().mean()) > 23
    # the error jumps no more across block borders than inside blocks
    jumps = error.diff(dim=-1).square().mean(dim=(0, 1, 2, 3))
    border = torch.arange(63) % 8 == 7
    assert jumps[border].mean() < 1.35 * jumps[~border].mean()


@pytest.mark.parametrize(
    ("first", "same", "other"),
    [
        ("The camera pans left.", "panning to the left", "The camera pans right."),
        ("The camera zooms in.", "slow zoom in", "The camera zooms out."),
        ("The camera tilts up.", "镜头向上摇", "The camera tilts down."),
    ],
)
def test_shipped_text_encoder_puts_one_meaning_near(first, same, other):
    model = load_model_folder("nano", parts=["tokenizer", "text_encoder"])
    states = encode_prompt(
        [first, same, other], tokenizer=model.tokenizer, text_encoder=model.text_encoder, text_length=64
    ).mean(dim=1)
    near, far = torch.nn.functional.cosine_similarity(states[:1], states[1:])
    assert near > far
