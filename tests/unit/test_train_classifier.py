"""Training of the camera classifier: it learns, goes on exactly, keeps seeds apart and labels true."""

from __future__ import annotations

import json
import shutil
import signal
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import toy_weights
from dropletvideo import media, runtime
from dropletvideo.cli.train_classifier import train_classifier
from dropletvideo.data.labels import Label, Labels, write_labels
from dropletvideo.errors import ConfigError, WeightsError
from dropletvideo.perception import camera_class_swin
from dropletvideo.perception.camera_class_network import load_classifier
from dropletvideo.perception.camera_class_swin import NetworkConfig, SwinCameraJudge
from dropletvideo.tables.plan import measure_video
from dropletvideo.train import classifier, classifier_step
from dropletvideo.train.classifier import ClassifierConfig, run
from dropletvideo.train.classifier_bank import Bank, spread
from dropletvideo.train.classifier_clips import CLASSES, WorldShots, labelled_files
from dropletvideo.train.classifier_step import changed, class_weights, soft_loss

SMALL = NetworkConfig(
    embed_dim=16,
    depths=(1, 1),
    num_heads=(1, 2),
    window=(4, 4, 4),
    frames=8,
    short_side=32,
    crop=32,
    rate=None,
    views=1,
)


@pytest.fixture(autouse=True)
def _small_network(monkeypatch):
    monkeypatch.setattr(camera_class_swin, "SIZES", {"toy": SMALL})


@contextmanager
def silent(_words, total):
    yield runtime.Progress("", total)


def texture(seed):
    noise = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    return cv2.resize(noise, (32, 32), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Still clips (C5), clips with a cut (C6), and their labels."""
    folder = tmp_path_factory.mktemp("labelled")
    clips = {}
    for seed in range(20):
        still = np.repeat(texture(seed)[None], 12, axis=0)
        if seed % 2:
            still = still.copy()
            still[4 + seed % 4 :] = texture(seed + 500)
        media.write_video(folder / f"{seed}.mp4", still, playback_fps=8, crf=18)
        clips[f"{seed}.mp4"] = Label(classes=("C6" if seed % 2 else "C5",))
    write_labels(folder / "labels.json", Labels(clips=clips))
    return folder


def config(videos, **changes):
    return ClassifierConfig.model_validate(
        {"labels": str(videos / "labels.json"), "steps": 6, "batch_size": 4} | changes
    )


def test_it_learns_and_the_stage_reads_what_it_wrote(videos, tmp_path):
    optim = {"learning_rate": 4e-3, "warmup_steps": 5, "decay_from": 0.5}
    wanted = config(videos, steps=80, batch_size=8, held_out_share=0.3, drop_path=0.0, augment=False, optim=optim)
    result = run(wanted, tmp_path, show=silent, device="cpu")
    assert result.status == "finished"
    assert result.evaluation.clips >= 3
    told = {"C5": [], "C6": []}
    for seed in range(20):
        (row,) = measure_video(videos / f"{seed}.mp4", [SwinCameraJudge(tmp_path)])
        told["C6" if seed % 2 else "C5"].append(row["camera_class_learned"])
    right = told["C5"].count("C5") + told["C6"].count("C6")
    assert right >= 17, told
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["loss"] < 0.7 * rows[0]["loss"]
    assert json.loads((tmp_path / "run.json").read_text())["result"]["evaluation"]["confusion"]


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(videos, tmp_path):
    run(config(videos), tmp_path / "whole", show=silent, device="cpu")

    @contextmanager
    def stop_after_three(words, total):
        bar = runtime.Progress(words, total)
        plain = bar.advance

        def advance(steps=1, note=""):
            plain(steps, note)
            if words == "training" and bar.done == 3:
                signal.raise_signal(signal.SIGINT)

        bar.advance = advance
        yield bar

    stopped = run(config(videos), tmp_path / "parts", show=stop_after_three, device="cpu")
    assert (stopped.status, stopped.steps) == ("stopped", 3)
    assert run(config(videos), tmp_path / "parts", show=silent, device="cpu").steps == 6
    whole, parts = (load_classifier(tmp_path / name)[0].state_dict() for name in ("whole", "parts"))
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())
    with pytest.raises(WeightsError, match="other settings"):
        run(config(videos, seed=1), tmp_path / "parts", show=silent, device="cpu")
    again = run(config(videos, seed=1), tmp_path / "parts", fresh=True, show=silent, device="cpu")
    assert again.status == "finished"


def test_seeds_of_training_and_evaluation_do_not_mix(tmp_path):
    with pytest.raises(ConfigError, match="not a training seed"):
        run(ClassifierConfig(first_seed=999_999, shots=2), tmp_path, show=silent)
    with pytest.raises(ConfigError, match="may be trained on"):
        run(ClassifierConfig(held_out_seed=999_999), tmp_path, show=silent)


def test_rendered_evaluation_footage_is_refused_as_training_file(videos, tmp_path):
    path = tmp_path / "clip.mp4"
    tag = {"made_by": "droplet world", "seed": 1_000_003}
    media.write_video(path, np.zeros((6, 32, 32, 3), np.uint8), playback_fps=8, metadata=tag)
    write_labels(tmp_path / "labels.json", Labels(clips={"clip.mp4": Label(classes=("C5",))}))
    learnt, _ = labelled_files(tmp_path / "labels.json", None, 0.0)
    with pytest.raises(ConfigError, match="1000003"):
        learnt[0]


def test_videos_are_learnt_from_or_held_out_never_both(videos):
    learnt, held_out = labelled_files(videos / "labels.json", None, 0.4)
    names = [{entry[0] for entry in part.entries} for part in (learnt, held_out)]
    assert names[0].isdisjoint(names[1])
    assert len(names[0] | names[1]) == 20
    assert len(names[1]) > 2


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_learnt(videos, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    clips = {str(videos / "0.mp4"): Label(classes=("C5",)), "broken.mp4": Label(classes=("C6",))}
    write_labels(tmp_path / "labels.json", Labels(clips=clips))
    result = run(config(tmp_path, held_out_share=0.0, steps=1), tmp_path / "out", show=silent, device="cpu")
    assert result.status == "finished"
    assert list(result.failures) == ["broken.mp4"]


def test_world_shots_have_the_class_of_their_number():
    shots = WorldShots("training", 12, 6)
    found = [CLASSES[int(shots[k].shares(0, shots[k].count - 1).argmax())] for k in (1, 3, 4, 5)]
    assert found == ["C2", "C4", "C5", "C6"]
    edited = shots[5]
    frame = edited.cut.boundaries[0].frame
    assert not edited.shares(0, frame - 1).any(), "nobody knows the class of a part without the edit"


def test_a_bank_reads_each_clip_once(videos, tmp_path):
    learnt, _ = labelled_files(videos / "labels.json", None, 0.0)
    names = []
    for _ in range(2):
        bank = Bank(tmp_path, learnt, frames=6, side=32, rate=None)
        bank.fill(advance=names.append)
    assert len(names) == len(learnt)
    assert bank.frames(0, range(6)).shape == (6, 32, 32, 3)
    assert not bank.shares[:, 1:].any(), "people labelled whole clips; no part of one has a known class"


def test_frames_are_spread_over_the_clip_or_at_a_rate():
    assert spread(9, 8.0, 5, None) == [0, 2, 4, 6, 8]
    assert spread(101, 20.0, 5, 4.0) == [40, 45, 50, 55, 60]
    assert spread(9, 8.0, 5, 1.0) == [0, 2, 4, 6, 8]


def test_changes_add_no_motion_and_keep_the_order_of_time(monkeypatch):
    monkeypatch.setattr(classifier_step, "MOST_NOISE", 0.0)
    still = np.repeat(texture(1)[None], 5, axis=0)
    ramp = np.stack([np.full((32, 32, 3), 40 + 30 * k, np.uint8) for k in range(5)])
    for seed in range(12):
        out = changed(still, 24, np.random.default_rng(seed))
        assert out.shape == (5, 24, 24, 3)
        assert (out == out[:1]).all()
        means = changed(ramp, 24, np.random.default_rng(seed)).mean(axis=(1, 2, 3))
        assert (np.diff(means) > 0).all() or (np.diff(means) < 0).all()


def test_classes_that_are_rare_weigh_more():
    shares = np.zeros((10, 6), np.float32)
    shares[:8, 4] = 1
    shares[8:, 5] = 1
    weights = class_weights(shares)
    assert weights.tolist() == pytest.approx([0, 0, 0, 0, 0.625, 2.5])
    logits = torch.zeros(2, 6)
    logits[0, 4] = 5.0
    wanted = torch.eye(6)[[4, 5]]
    plain, weighed = soft_loss(logits, wanted, torch.ones(6)), soft_loss(logits, wanted, weights)
    assert weighed > plain, "the rare clip is the wrong one"


def test_a_disk_that_is_too_small_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(classifier.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1000))
    with pytest.raises(ConfigError, match="give fewer --shots"):
        run(ClassifierConfig(preset="training", shots=6, held_out_shots=6), tmp_path, show=silent)


def test_kinetics_is_looked_for_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPLET_WEIGHTS", str(tmp_path))
    result = CliRunner().invoke(_app(), ["--start", "kinetics", "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, WeightsError)
    assert "swin3d-t-kinetics" in str(result.exception)


def test_a_start_is_used(videos, tmp_path):
    toy = NetworkConfig(**{**toy_weights.SWIN_TOY, "frames": 4, "short_side": 32, "crop": 32, "rate": None, "views": 1})
    camera_class_swin.SIZES["toy"] = toy
    toy_weights.write_swin(tmp_path / "start.pth")
    slow = {"learning_rate": 1e-12, "weight_decay": 0.0}
    run(config(videos, steps=1, start=str(tmp_path / "start.pth"), optim=slow), tmp_path / "out", show=silent)
    stored = torch.load(tmp_path / "start.pth")["features.0.0.attn.qkv.weight"]
    found = load_classifier(tmp_path / "out")[0].get_parameter("features.0.0.attn.qkv.weight")
    assert torch.allclose(stored, found, atol=1e-6)


def _app():
    import typer

    app = typer.Typer()
    app.command()(train_classifier)
    return app
