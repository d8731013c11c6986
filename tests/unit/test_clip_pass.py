"""One CLIP pass serves aesthetics, safety, duplicates and text match; each rule as its owners publish it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dropletvideo import media
from dropletvideo.curate.recipe import Recipe
from dropletvideo.errors import WeightsError
from dropletvideo.perception.aesthetic import V2_LAYERS, affine_of
from dropletvideo.perception.clip_backbone import ClipImage, pixels_of
from dropletvideo.perception.clip_embedding import packed, unpacked
from dropletvideo.perception.embedding_groups import group
from dropletvideo.perception.nsfw import Concepts, load_concepts, verdict_of
from dropletvideo.perception.text_match import text_embeddings
from dropletvideo.tables.plan import _backbone, watch_video
from dropletvideo.tables.runner import run
from dropletvideo.tables.views import query

LEARNED = ("clip_embedding", "aesthetic_v1", "aesthetic_v2", "nsfw")


@pytest.fixture(scope="module", autouse=True)
def _weights(toy_weights):
    _backbone.cache_clear()


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """3 seconds of noise that changes."""
    path = tmp_path_factory.mktemp("clip") / "v.mp4"
    rng = np.random.default_rng(5)
    frames = [media.resize(rng.integers(0, 255, (9, 16, 3), dtype=np.uint8), size=(90, 160)) for _ in range(24)]
    media.write_video(path, np.stack(frames), playback_fps=8)
    return path


def test_each_frame_goes_through_clip_once_for_all_who_ask(video, monkeypatch):
    seen = []
    real = ClipImage.__call__
    monkeypatch.setattr(ClipImage, "__call__", lambda s, state, c: seen.extend(c.indices.tolist()) or real(s, state, c))
    judges = [stage.judge for stage in Recipe(stages={name: {"rate": 2.0} for name in LEARNED}).build()]
    (found,) = watch_video(video, judges, spans=[(0, 24)]).outcomes
    assert seen == [0, 4, 8, 12, 16, 20]
    assert set(found) == set(LEARNED)
    other = Recipe(stages={"aesthetic_v1": {"rate": 2.0}, "nsfw": {"rate": 1.0}}).build()
    seen.clear()
    watch_video(video, [stage.judge for stage in other], spans=[(0, 24)])
    assert len(seen) == 9, "another rate is a pass of its own"


def test_a_dataset_gets_every_column_in_one_decode_and_later_stages_touch_no_video(video, tmp_path):
    root = tmp_path / "d"
    names = {
        "segment": {"min_seconds": 0.2},
        **{name: {"rate": 2.0} for name in LEARNED},
        "embedding_duplicates": {},
        "phash": {},
    }
    copy = tmp_path / "copy.mp4"
    media.write_video(copy, media.read_video(video).frames, playback_fps=8, crf=30)
    summary = run(root, [video, copy], Recipe(stages=names).build(), timeout_seconds=None)
    assert (summary.failures, summary.decodes, summary.skipped) == (0, 2, [])
    rows = query(root, "select * from clips")
    assert all(row["aesthetic_v1_min"] <= row["aesthetic_v1_mean"] for row in rows)
    assert sum(row["embedding_duplicate_of"] is not None for row in rows) == len(rows) // 2
    later = {**names, "text_match": {"text": "phash"}}
    summary = run(root, [video, copy], Recipe(stages=later).build(), timeout_seconds=None)
    assert summary.decodes == 0
    scores = [row["text_match"] for row in query(root, "select text_match from clips")]
    assert all(-1 <= score <= 1 for score in scores)


def test_the_mean_embedding_gives_the_mean_of_the_frames_cosines(video, toy_weights):
    backbone = ClipImage()
    from dropletvideo.perception.judge import Chunk

    run_of = media.read_video(video, rate=2.0, short_side=224)
    frames = backbone(None, Chunk(frames=run_of.frames, times=run_of.times, indices=run_of.indices))
    assert np.linalg.norm(frames, axis=1) == pytest.approx(np.ones(len(frames)), abs=1e-5)
    text = text_embeddings(["a hat", "another"], toy_weights / "clip-vit-l-14")
    assert not np.allclose(text[0], text[1])
    kept = unpacked([packed(frames.mean(axis=0))])[0]
    assert float(kept @ text[0]) == pytest.approx(float((frames @ text[0]).mean()), abs=2e-3)


def test_pixels_are_the_middle_square_normalised_as_clip_s():
    frames = np.zeros((1, 32, 64, 3), np.uint8)
    frames[:, :, 16:48] = 255
    pixels = pixels_of(frames, 32)
    white = (1 - np.array((0.48145466, 0.4578275, 0.40821073))) / np.array((0.26862954, 0.26130258, 0.27577711))
    assert pixels.shape == (1, 3, 32, 32)
    assert np.allclose(pixels.transpose(0, 2, 3, 1), white, atol=1e-5), "the black sides are cut off"


def test_the_head_of_five_layers_is_what_its_layers_give(toy_weights):
    path = toy_weights / "sac+logos+ava1-l14-linearMSE.pth"
    layers = torch.load(path, weights_only=True)
    x = torch.randn(5, 16, generator=torch.Generator().manual_seed(1))
    expected = x
    for number in (0, 2, 4, 6, 7):
        expected = torch.nn.functional.linear(
            expected, layers[f"layers.{number}.weight"], layers[f"layers.{number}.bias"]
        )
    weight, bias = affine_of(str(path), V2_LAYERS)
    assert x.numpy() @ weight + bias == pytest.approx(expected[:, 0].numpy(), abs=1e-5)
    with pytest.raises(WeightsError, match="not this head"):
        affine_of(str(path), ("",))


def one_hot(*places):
    return np.eye(4)[list(places)]


def test_the_safety_rule_protects_specially_and_rounds_as_published():
    known = Concepts(one_hot(0, 1), np.array([0.5, 0.5]), one_hot(2, 3), np.array([0.2, 0.2]))
    plain = verdict_of(np.array([0.5004, 0.1, 0.1, 0.1], np.float32), known)
    assert (plain.score, plain.is_flagged, plain.is_special) == (0.0, False, False)
    assert verdict_of(np.array([0.5006, 0, 0, 0], np.float32), known).is_flagged
    special = verdict_of(np.array([0.495, 0, 0.25, 0], np.float32), known)
    assert special.is_special
    assert special.is_flagged, "0.01 is added to every concept near a special one"
    assert special.score == 0.005
    second = verdict_of(np.array([0, 0, 0.25, 0.195], np.float32), known)
    assert second.is_special
    assert not verdict_of(np.array([0, 0, 0.195, 0.195], np.float32), known).is_special


def test_a_checker_of_another_clip_is_refused(toy_weights, tmp_path):
    clip = str(toy_weights / "clip-vit-l-14")
    assert load_concepts(str(toy_weights / "safety-checker"), clip).concepts.shape == (17, 16)
    tensors = torch.load(toy_weights / "safety-checker" / "pytorch_model.bin", weights_only=True)
    tensors["visual_projection.weight"] = tensors["visual_projection.weight"] * 1.1
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="another CLIP"):
        load_concepts(str(tmp_path), clip)


def test_groups_are_those_that_comparing_all_with_all_gives():
    rng = np.random.default_rng(2)
    base = rng.normal(size=(3000, 32)).astype(np.float32)
    copies = base[:40] + rng.normal(scale=0.02, size=(40, 32)).astype(np.float32)
    every = np.concatenate([base, copies])
    found = group(every, 0.97)
    unit = every / np.linalg.norm(every, axis=1, keepdims=True)
    assert ((unit @ unit.T > 0.97).sum() - len(every)) // 2 == 40, "the copies are the only near pairs"
    assert (found[:40] == found[3000:]).sum() >= 39
    assert len(np.unique(found)) == len(every) - (found[:40] == found[3000:]).sum()
    assert len(group(every[:0], 0.97)) == 0


def test_missing_weights_are_named_one_by_one(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPLET_WEIGHTS", str(tmp_path))
    (stage,) = Recipe(stages={"nsfw": {}}).build()
    assert "fetch clip-vit-l-14" in stage.lacks
    assert "fetch safety-checker" in stage.lacks
