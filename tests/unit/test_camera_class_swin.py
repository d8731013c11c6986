"""The learned camera class: published format of its start, what the network is shown, and what it says."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import toy_weights
from dropletvideo import weights
from dropletvideo.curate.stages import camera_class_swin as stage
from dropletvideo.errors import WeightsError
from dropletvideo.perception import camera_class_swin as judge_file
from dropletvideo.perception.camera_class_network import (
    build_network,
    load_classifier,
    start_at_random,
    start_from_kinetics,
    write_classifier,
)
from dropletvideo.perception.camera_class_swin import CLASSES, SIZES, SwinCameraJudge, window_places
from dropletvideo.perception.judge import Chunk


def shapes(tensors):
    return {name: tuple(value.shape) for name, value in tensors.items()}


@pytest.fixture
def folder(tmp_path):
    toy_weights.write_camera_classifier(tmp_path / "classifier")
    return tmp_path / "classifier"


def frames(count=8, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (count, 32, 48, 3), np.uint8)


def judged(folder, shown, **row):
    judge = SwinCameraJudge(folder)
    state = judge.start({"start_frame": 0, "end_frame": len(shown), "source_fps": 8.0, **row})
    judge.update(state, Chunk(shown, np.arange(len(shown)) / 8, np.arange(len(shown))))
    return judge.finish(state)


def test_size_tiny_has_the_published_names_and_shapes(monkeypatch):
    """The list is written out from the facts on Video Swin-T; torchvision's own network is the witness."""
    from torchvision.models.video import swin3d_t

    monkeypatch.setattr(toy_weights, "random", lambda *shape, **_: torch.empty(shape, device="meta"))
    with torch.device("meta"):
        published = toy_weights.swin_tensors(400, 96, (2, 2, 6, 2), (3, 6, 12, 24), (8, 7, 7))
        ours = build_network(SIZES["tiny"]).state_dict()
        witness = swin3d_t(weights=None).state_dict()
    assert shapes(witness) == shapes(published)
    same = {name: shape for name, shape in shapes(published).items() if not name.startswith("head.")}
    assert {name: shape for name, shape in shapes(ours).items() if not name.startswith("head.")} == same
    assert ours["head.weight"].shape == (6, 768)


def test_kinetics_starts_all_but_the_head(tmp_path, folder):
    path = tmp_path / "swin3d_t.pth"
    toy_weights.write_swin(path)
    network = build_network(judge_file.read_config(folder))
    head = network.get_parameter("head.weight").clone()
    start_from_kinetics(network, path)
    stored = torch.load(path)
    assert torch.equal(network.get_parameter("features.2.0.mlp.3.weight"), stored["features.2.0.mlp.3.weight"])
    assert torch.equal(network.get_parameter("head.weight"), head)
    with pytest.raises(WeightsError, match="tensors differ, the first is features"):
        start_from_kinetics(build_network(SIZES["toy"]), path)


def test_a_folder_is_read_as_it_was_written(tmp_path, folder):
    network, config = load_classifier(folder)
    again, same = load_classifier(write_classifier(tmp_path / "copy", network, config))
    assert same == config
    for name, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)


def test_a_foreign_folder_is_refused(tmp_path, folder):
    with pytest.raises(WeightsError, match="train-classifier"):
        load_classifier(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    save_file({name: value for name, value in tensors.items() if name != "norm.weight"}, folder / "model.safetensors")
    with pytest.raises(WeightsError, match="first is norm"):
        load_classifier(folder)


@pytest.mark.parametrize("number", [0, 2, 5])
def test_the_class_is_the_networks(folder, number):
    """A head whose bias names a class makes the judge name it; the shares are those of the logits."""
    tensors = load_file(folder / "model.safetensors")
    tensors["head.weight"] *= 0
    tensors["head.bias"] = torch.nn.functional.one_hot(torch.tensor(number), 6).float() * 3
    save_file(tensors, folder / "model.safetensors")
    judge_file._network.cache_clear()
    found = judged(folder, frames())
    assert found["camera_class_learned"] == CLASSES[number]
    assert found["camera_class_learned_confidence"] == pytest.approx(np.exp(3) / (np.exp(3) + 5), abs=1e-5)
    assert sum(found["camera_class_learned_shares"].values()) == pytest.approx(1, abs=1e-5)


def test_the_network_sees_the_middle_of_frames_over_the_whole_clip(folder):
    judge_file._network.cache_clear()
    shown, (network, _) = frames(10), load_classifier(folder)
    cut = shown[[0, 3, 6, 9]][:, :, 8:40].astype(np.float32) / 255
    pixels = (cut - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    logits = network(torch.from_numpy(pixels.astype(np.float32)).permute(3, 0, 1, 2)[None])[0]
    shares = judged(folder, shown)["camera_class_learned_shares"]
    assert list(shares.values()) == pytest.approx(logits.softmax(0).tolist(), abs=1e-5)


def test_one_frame_says_nothing(folder):
    assert set(judged(folder, frames(1)).values()) == {None}


def test_windows_lie_evenly_and_short_clips_are_spread():
    assert window_places(300, 2.0, 32, 4)[0][:3] == [0, 2, 4]
    assert window_places(300, 2.0, 32, 4)[-1][-1] == 299
    assert [window[0] for window in window_places(300, 2.0, 32, 4)] == [0, 79, 158, 237]
    assert window_places(9, 2.0, 5, 4) == [[0, 2, 4, 6, 8]]
    assert window_places(3, 2.0, 5, 4) == [[0, 0, 1, 2, 2]]
    rated = SIZES["tiny"]
    windows = judge_file.windows_of({"start_frame": 100, "end_frame": 400, "source_fps": 30.0}, rated)
    assert len(windows) == 4
    assert windows[0][:2] == [100, 102], "15 frames per second of 30"


def test_a_random_start_sees_change_and_no_brightness():
    network = build_network(SIZES["toy"])
    start_at_random(network)
    filters = network.get_parameter("patch_embed.proj.weight")
    assert filters.mean(dim=(1, 2, 3, 4)).abs().max() < 1e-6
    assert filters[: len(filters) // 2].mean(dim=2).abs().max() < 1e-6, "half of the filters see only change"
    assert filters[len(filters) // 2 :].mean(dim=2).abs().max() > 1e-3


def test_without_weights_the_stage_is_skipped_and_says_how_to_make_them(tmp_path, monkeypatch):
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    built = stage.build(stage.Config())
    assert "droplet train-classifier --out" in built.lacks
    assert str(tmp_path / "camera-classifier") in built.lacks
    with pytest.raises(WeightsError, match="nobody publishes them"):
        weights.fetch("camera-classifier")


def test_another_training_gives_another_digest(folder):
    before = stage.build(stage.Config(weights=str(folder)))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"frames": 6}))
    assert stage.build(stage.Config(weights=str(folder))).weights_digest != before.weights_digest
    assert before.lacks == ""


def test_what_else_lies_in_the_folder_of_a_training_changes_no_digest(folder):
    before = stage.build(stage.Config(weights=str(folder))).weights_digest
    (folder / "log.jsonl").write_text("{}")
    assert stage.build(stage.Config(weights=str(folder))).weights_digest == before
    (folder / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="is its training finished"):
        stage.build(stage.Config(weights=str(folder)))
