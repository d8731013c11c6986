"""A transformers model in process behind the same interface: a tiny one with random weights, built here."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from tables_footage import SPANS, segment, write_shots

from caption_server import PARTS
from dropletvideo.curate.stages import captions
from dropletvideo.errors import WeightsError
from dropletvideo.language.local_model import LocalModel
from dropletvideo.language.vlm import Question
from dropletvideo.media.images import jpeg_bytes
from dropletvideo.tables import views
from dropletvideo.tables.asking import AskingEnds
from dropletvideo.tables.runner import run

TEMPLATE = (
    "{% for m in messages %}{% for part in m['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A LLaVA of one layer that knows letters, as `save_pretrained` leaves it."""
    from tokenizers import Tokenizer, decoders, models
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    path = tmp_path_factory.mktemp("weights") / "tiny-seer"
    torch.manual_seed(0)
    words = ["<pad>", "<s>", "</s>", "<image>", "<unk>", *map(chr, range(32, 127))]
    letters = Tokenizer(models.BPE(vocab={w: i for i, w in enumerate(words)}, merges=[], unk_token="<unk>"))
    letters.decoder = decoders.Fuse()
    special = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=letters, additional_special_tokens=["<image>"], clean_up_tokenization_spaces=False, **special
    )
    size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = CLIPVisionConfig(**{**size, "num_hidden_layers": 2}, image_size=28, patch_size=14, projection_dim=16)
    text = LlamaConfig(**size, vocab_size=len(words), max_position_embeddings=8192, pad_token_id=0)
    LlavaForConditionalGeneration(
        LlavaConfig(vision_config=vision, text_config=text, image_token_index=3)
    ).save_pretrained(path)
    LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    ).save_pretrained(path)
    return path


@pytest.fixture
def model(folder):
    return LocalModel(folder, device="cpu", dtype="float32")


def picture(seed):
    return jpeg_bytes(np.random.default_rng(seed).integers(0, 255, (40, 60, 3), np.uint8))


def test_it_answers_with_token_counts_and_looks_at_the_pictures(model):
    first, again = (model.ask(Question(text="Say it", images=(picture(0), picture(1)), max_tokens=8)) for _ in range(2))
    assert first.text == again.text
    assert first.prompt_tokens == len("Say it") + 2 * 4, "two pictures of 2x2 patches"
    assert (first.completion_tokens, first.finish) == (8, "length")
    states = [last_state(model, picture(seed)) for seed in (0, 5)]
    assert not torch.equal(*states), "another picture, other states"


def last_state(model, image):
    seen = []
    hook = model._parts[0].lm_head.register_forward_hook(lambda _m, given, _out: seen.append(given[0]))
    model.ask(Question(text="Say it", images=(image,), max_tokens=1))
    hook.remove()
    return seen[0]


def test_a_temperature_samples(model):
    torch.manual_seed(1)
    said = {model.ask(Question(text="Say", max_tokens=6, temperature=5.0)).text for _ in range(3)}
    assert len(said) > 1


def test_a_stopped_model_begins_nothing(model):
    model.stop()
    with pytest.raises(AskingEnds):
        model.ask(Question(text="?", max_tokens=1))


def test_a_folder_that_is_no_such_model_says_so(tmp_path):
    with pytest.raises(WeightsError, match="put the whole repository of a model"):
        LocalModel(tmp_path / "none", device="cpu")
    for name in ("preprocessor_config.json", "tokenizer_config.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(WeightsError, match=r"has no config\.json"):
        LocalModel(tmp_path, device="cpu")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match="cannot be opened"):
        LocalModel(tmp_path, device="cpu").ask(Question(text="?", max_tokens=1))


def curate(tmp_path, folder, **changed):
    settings = {"tell_camera": False, "hold_to_camera": False, "short_side": 32, **changed}
    config = captions.Config(model_folder=folder, device="cpu", dtype="float32", **settings)
    video = write_shots(tmp_path / "four.mp4", 3)
    return run(tmp_path / "set", [video], [segment(), captions.build(config)], timeout_seconds=None)


def test_what_it_mumbles_is_no_caption(tmp_path, folder):
    summary = curate(tmp_path, folder, tries=1, max_tokens=16)
    rows = views.query(tmp_path / "set", "SELECT caption FROM clips")
    assert [row["caption"] for row in rows] == [None] * len(SPANS)
    reasons = views.query(tmp_path / "set", "SELECT reason FROM errors")
    assert len(reasons) == summary.failures == len(SPANS)
    assert all("no usable answer in 1 tries" in row["reason"] for row in reasons), reasons
    assert len(SPANS) <= summary.asked["captions"]["completion_tokens"] <= 16 * len(SPANS)


def test_what_it_says_well_becomes_a_caption(tmp_path, folder, monkeypatch):
    from transformers import LlavaForConditionalGeneration

    def say(self, input_ids, **_):
        spoken = [5 + ord(letter) - 32 for letter in json.dumps(PARTS)]
        return torch.cat([input_ids, torch.tensor([spoken])], dim=1)

    monkeypatch.setattr(LlavaForConditionalGeneration, "generate", say)
    summary = curate(tmp_path, folder, max_tokens=100_000)
    rows = views.query(tmp_path / "set", "SELECT caption, caption_model FROM clips")
    assert summary.failures == 0, views.query(tmp_path / "set", "SELECT reason FROM errors")
    assert {(row["caption"], row["caption_model"]) for row in rows} == {(PARTS["caption"], "tiny-seer")}
    assert summary.failures == 0
