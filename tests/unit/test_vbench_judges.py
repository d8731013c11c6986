"""Protects the learned judges of evaluation: how frames are prepared, what each measures, one forward a frame."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from dropletvideo import media
from dropletvideo.errors import WeightsError
from dropletvideo.evaluate.exported import write_vbench
from dropletvideo.evaluate.manifest import CameraAsk, ManifestRow, write_manifest
from dropletvideo.evaluate.metric import load_metric, metric_names
from dropletvideo.evaluate.score import EvaluateConfig, evaluate_manifest
from dropletvideo.evaluate.vbench_score import DIMENSIONS, column, totals
from dropletvideo.perception import frame_embeddings, raft_things
from dropletvideo.perception.backbones import make
from dropletvideo.perception.frame_embeddings import FrameEmbedding
from dropletvideo.perception.frame_pixels import IMAGENET, Way, by_picture, by_tensor, centre, short_side_size
from dropletvideo.perception.grid_tracks import GridTracks, OnlineTracks
from dropletvideo.perception.imaging_quality import ImagingQuality, size_for
from dropletvideo.perception.judge import Chunk
from dropletvideo.perception.motion_smoothness import MotionSmoothness
from dropletvideo.perception.raft_things import RaftDegree, RaftPairs, RaftThings
from dropletvideo.perception.shaped_programs import shaped_program
from dropletvideo.perception.similarity import FrameSimilarity, ImageSimilarity
from dropletvideo.perception.viclip import ViClip
from dropletvideo.perception.vit_dino import class_tokens, dino, stretched_positions
from dropletvideo.weights import FOLDER_VARIABLE

VBENCH = [name for name in metric_names() if name.startswith("vbench_")]
FRAMES, HEIGHT, WIDTH = 9, 64, 96


@pytest.fixture(autouse=True)
def _toys(toy_weights, short_raft):
    """Networks are toys in the published formats."""


def frames_of(values) -> np.ndarray:
    return np.array(values, np.uint8)[:, None, None, None] * np.ones((1, HEIGHT, WIDTH, 3), np.uint8)


def texture(count=FRAMES) -> np.ndarray:
    coarse = np.random.default_rng(4).integers(0, 255, (10, 30, 3), dtype=np.uint8)
    canvas = media.resize(coarse, size=(HEIGHT, WIDTH * 2))
    return np.stack([canvas[:, 3 * at : 3 * at + WIDTH] for at in range(count)])


def measured(judge, frames, row=None, size=4) -> dict:
    backbone = make(judge.needs.backbone) if hasattr(judge.needs, "backbone") else None
    state, seen = judge.start({"source_fps": 8.0, "start_frame": 0, "end_frame": len(frames), **(row or {})}), None
    seen = backbone.start() if backbone else None
    for at in range(0, len(frames), size):
        part = frames[at : at + size]
        numbers = np.arange(at, at + len(part))
        chunk = Chunk(frames=part, times=numbers / 8.0, indices=numbers)
        if backbone:
            chunk = Chunk(part, numbers / 8.0, numbers, {judge.needs.backbone: backbone(seen, chunk)})
        judge.update(state, chunk)
    return judge.finish(state)


class TestPixels:
    def test_sizes_as_torchvision_cuts_them(self):
        assert short_side_size(480, 832, 224) == (224, 388)
        assert short_side_size(1001, 300, 224) == (747, 224)
        assert centre(torch.arange(7.0).expand(1, 1, 7, 7), 4)[0, 0, 0].tolist() == [2.0, 3.0, 4.0, 5.0]

    def test_a_tensor_shoots_over_and_samples_where_a_picture_is_clamped_and_averaged(self):
        edge = np.zeros((1, 32, 32, 3), np.uint8)
        edge[:, :, 16:] = 255
        larger = by_tensor(edge, (64, 64), "bicubic")
        assert larger.max() > 256
        assert larger.min() < -1
        assert by_picture(edge, (64, 64), "bicubic").max() == 255
        noise = np.random.default_rng(0).integers(0, 255, (1, 720, 720, 3), dtype=np.uint8)
        plain, averaged = (by_tensor(noise, (256, 256), "bicubic", antialias=on) for on in (False, True))
        assert plain.std() > 2.5 * averaged.std()
        assert (by_picture(noise, (256, 256), "bicubic") - averaged).abs().mean() < 1.0

    def test_a_way_crops_keeps_or_squashes_and_normalises(self):
        frames = frames_of([255, 0])
        crop = Way(by="tensor", method="bicubic", short_over_side=256 / 224, norm=IMAGENET)(frames, 224)
        whole = Way(by="tensor", method="bilinear", shape="whole")(frames, 32)
        square = Way(by="picture", method="bicubic", shape="square")(frames, 32)
        assert [tuple(each.shape[-2:]) for each in (crop, whole, square)] == [(224, 224), (32, 48), (32, 32)]
        assert crop[0, :, 5, 5].tolist() == pytest.approx(
            [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
        )
        assert whole[0].unique().tolist() == [1.0]


@pytest.mark.parametrize(("size", "shape"), [((96, 170), "crop"), ((321, 200), "whole"), ((64, 64), "square")])
@pytest.mark.parametrize("by", ["tensor", "bytes", "picture"])
def test_each_way_gives_what_torchvision_gives_of_floats_bytes_and_pictures(by, size, shape):
    from torchvision import transforms

    frames = np.random.default_rng(1).integers(0, 256, (2, *size, 3), dtype=np.uint8)
    target = (80, 80) if shape == "square" else 80
    resize = transforms.Resize(target, interpolation=transforms.InterpolationMode.BICUBIC, antialias=by == "picture")
    given = [torch.from_numpy(frame).permute(2, 0, 1) for frame in frames]
    given = [one.float() for one in given] if by == "tensor" else given
    given = [transforms.ToPILImage()(one) for one in given] if by == "picture" else given
    finish = transforms.CenterCrop(80) if shape == "crop" else torch.nn.Identity()
    expected = [finish(resize(one)) for one in given]
    if by == "picture":
        expected = [torch.from_numpy(np.array(one)).permute(2, 0, 1) for one in expected]
    found = Way(by=by, method="bicubic", shape=shape)(frames, 80) * 255
    assert found.shape[-2:] == expected[0].shape[-2:]
    # a byte may fall on the other side of a half
    assert (found - torch.stack([one.float() for one in expected])).abs().max() < (1.01 if by == "bytes" else 1e-2)
    if by == "bytes":
        assert torch.equal((found - found.round()).abs() < 1e-4, torch.ones_like(found, dtype=torch.bool))


def cubic(d: float, a: float = -0.75) -> float:
    """The bicubic kernel of torch."""
    d = abs(d)
    return (a + 2) * d**3 - (a + 3) * d**2 + 1 if d <= 1 else a * (d**3 - 5 * d**2 + 8 * d - 4)


class TestDino:
    def test_positions_of_the_square_it_was_trained_on_stay(self):
        positions = torch.randn(1, 17, 5)
        assert torch.equal(stretched_positions(positions, 4, 4), positions)

    def test_positions_are_stretched_by_a_factor_with_a_tenth_of_a_patch(self):
        positions = torch.zeros(1, 17, 1)
        positions[0, 1:, 0] = torch.arange(16.0) % 4  # the column of each patch
        wide = stretched_positions(positions, 4, 8)[0, 1:, 0].reshape(4, 8)
        for place in (3, 4):
            at = (place + 0.5) / ((8 + 0.1) / 4) - 0.5
            assert wide[1, place] == pytest.approx(sum(cubic(at - tap) * tap for tap in range(4)), abs=1e-5)

    def test_folder_of_transformers_with_the_released_norms_and_any_shape(self):
        network, _ = dino()
        assert {m.eps for m in network.modules() if isinstance(m, torch.nn.LayerNorm)} == {1e-6}
        assert class_tokens(network, torch.zeros(2, 3, 32, 61)).shape == (2, 24)

    def test_a_folder_without_its_tensors_is_refused(self, tmp_path):
        from safetensors.torch import load_file, save_file

        folder = Path(dino.__globals__["weights_path"]("dino-vit-b-16"))
        tensors = load_file(folder / "model.safetensors")
        gone = next(name for name in tensors if "position" in name)
        save_file({k: v for k, v in tensors.items() if k != gone}, tmp_path / "model.safetensors", {"format": "pt"})
        (tmp_path / "config.json").write_text((folder / "config.json").read_text())
        with pytest.raises(WeightsError, match="lacks tensors of DINO"):
            dino(tmp_path)


class TestSimilarity:
    def test_a_frozen_picture_has_one_and_a_change_costs(self):
        still = np.repeat(texture(1), 4, axis=0)
        for of in ("subject", "background", "subject_picture", "background_picture"):
            found = measured(FrameSimilarity(of), still)
            assert found == {f"{of}_consistency": 1.0, f"{of}_adjacent": 1.0, f"{of}_pairs": 3}
            assert measured(FrameSimilarity(of), texture(4))[f"{of}_consistency"] < 1.0

    def test_it_is_the_mean_half_sum_over_embeddings(self):
        frames = texture(5)
        f = FrameEmbedding("dino_vbench")(None, Chunk(frames, np.arange(5) / 8.0, np.arange(5))).astype(np.float64)
        by_hand = np.mean([(max(0, f[t] @ f[t - 1]) + max(0, f[t] @ f[0])) / 2 for t in range(1, 5)])
        assert measured(FrameSimilarity("subject"), frames)["subject_consistency"] == pytest.approx(by_hand, abs=1e-6)

    @pytest.mark.parametrize("of", ["subject", "background"])
    def test_the_image_is_compared_and_the_best_frame_hides_what_follows(self, of):
        gone = np.concatenate([texture(2), 255 - texture(6)[2:]])
        row = {"image_frame": texture(1)[0]}
        stays = measured(ImageSimilarity(of), np.repeat(texture(1), 6, axis=0), row)
        leaves = measured(ImageSimilarity(of), gone, row)
        assert stays[f"image_{of}"] > 0.99
        lost = stays[f"image_{of}_even"] - leaves[f"image_{of}_even"]
        assert lost > stays[f"image_{of}"] - leaves[f"image_{of}"]
        assert measured(ImageSimilarity(of), gone) == {f"image_{of}": None, f"image_{of}_even": None}

    def test_background_compares_with_dreamsims_program(self):
        frames = texture(3)
        program, _ = frame_embeddings.load_program("dreamsim")
        pixels = by_tensor(frames, (224, 224), "bicubic") / 255
        f = torch.nn.functional.normalize(torch.cat([program(one[None]) for one in pixels]), dim=-1).double()
        steps = [max(0.0, float(f[t] @ f[t - 1])) for t in (1, 2)]
        found = measured(ImageSimilarity("background"), frames, {"image_frame": frames[0]})["image_background"]
        picture = by_picture(frames[:1], (224, 224), "bicubic") / 255
        image = torch.nn.functional.normalize(program(picture), dim=-1)[0].double()
        best = max(float(image @ each) for each in f)
        assert found == pytest.approx(0.4 * best + 0.3 * np.mean(steps) + 0.3 * min(steps), abs=1e-5)


class TestMotion:
    def test_the_middle_of_a_ramp_is_predicted(self):
        assert measured(MotionSmoothness(), frames_of(range(0, 90, 10)))["motion_smoothness"] == 1.0
        jump = measured(MotionSmoothness(), frames_of([0, 51, 0, 51, 0]))
        assert jump["motion_smoothness"] == pytest.approx(0.8, abs=1e-6)

    def test_decimals_are_cut_in_compat_and_rounded_in_fixed(self):
        found = measured(MotionSmoothness(), frames_of([0, 2, 3]))  # the middle is 1.5
        assert found["motion_smoothness"] == pytest.approx(1 - 1 / 255, abs=1e-6)
        assert found["motion_smoothness_even"] == 1.0

    def test_fixed_does_not_reward_more_frames_a_second(self):
        wave = [int(100 + 90 * np.sin(at / 24 * 2 * np.pi)) for at in range(49)]
        fast, slow = (
            measured(MotionSmoothness(), frames_of(values), {"source_fps": rate})
            for values, rate in ((wave, 24.0), (wave[::3], 8.0))
        )
        assert fast["motion_smoothness"] > slow["motion_smoothness"] + 0.05
        assert fast["motion_smoothness_even"] == pytest.approx(slow["motion_smoothness_even"], abs=1e-6)

    def test_last_frame_without_a_successor_is_ignored(self):
        assert measured(MotionSmoothness(), frames_of([0, 10, 20, 255]))["motion_smoothness"] == 1.0
        assert measured(MotionSmoothness(), frames_of([0, 10]))["motion_smoothness"] is None

    def test_a_pair_is_run_once_for_all_who_ask(self, monkeypatch):
        calls = []
        given = raft_things.pair_measures
        monkeypatch.setattr(raft_things, "pair_measures", lambda *pair: calls.append(1) or given(*pair))
        backbone, judges = RaftThings(), (RaftPairs(), RaftDegree())
        seen, states = backbone.start(), [judge.start({"source_fps": 8.0}) for judge in judges]
        chunk = Chunk(texture(6), np.arange(6) / 8.0, np.arange(6))
        chunk = Chunk(chunk.frames, chunk.times, chunk.indices, {"raft_things": backbone(seen, chunk)})
        for judge, state in zip(judges, states, strict=True):
            judge.update(state, chunk)
        assert len(calls) == 5
        assert judges[0].finish(states[0]) == pytest.approx(
            {"raft_top_px": 1.0, "raft_mean_px": 1.0, "raft_mean_share": 1 / HEIGHT}
        )
        assert judges[1].finish(states[1]) == {"raft_moving": 0.0, "raft_moving_even": 0.0}

    def test_two_frames_always_move_in_compat_alone(self):
        assert measured(RaftDegree(), texture(2)) == {"raft_moving": 1.0, "raft_moving_even": 0.0}

    def test_raft_sees_every_third_frame_at_24(self):
        judge = RaftDegree()
        assert judge.start({"source_fps": 24.0}).interval == 3


class TestTracks:
    def test_moves_and_distance_of_points_that_go_right_and_up(self):
        found = measured(GridTracks(), texture())
        step = np.hypot(3 * (WIDTH - 1) / 511, 1 * (HEIGHT - 1) / 383)
        assert found["tracking_strength"] == pytest.approx(step * np.mean(range(FRAMES)))
        assert found["tracking_strength_share"] == pytest.approx(found["tracking_strength"] / HEIGHT)
        assert found["four_point_moves"] == found["four_point_moves_even"] == ["pan_left", "tilt_down"]

    def test_online_counts_early_frames_again(self):
        step = np.hypot(3 * (WIDTH - 1) / 511, 1 * (HEIGHT - 1) / 383)
        found = measured(OnlineTracks(), texture())["tracking_strength_online"]
        assert found == pytest.approx(step * np.mean([0, 1, 2, 3, *range(9)]))

    def test_a_length_without_a_program_names_the_command(self):
        with pytest.raises(WeightsError, match=r"no program for 5 .*cotracker2 --frames T"):
            measured(GridTracks(), texture(5))


class TestQuality:
    def test_musiq_sees_the_longer_side_at_512(self):
        assert size_for(720, 1280) == (288, 512)
        assert size_for(512, 400) == (512, 400)
        found = measured(ImagingQuality(), np.full((2, 384, 768, 3), 51, np.uint8))
        assert found == pytest.approx({"imaging_quality": 20.0, "imaging_quality_even": 20.0})

    def test_programs_of_another_shape_are_not_run(self):
        with pytest.raises(WeightsError, match="no program for 70x96"):
            shaped_program("musiq-spaq", "70x96")


class TestViClip:
    TEXT = "a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d"

    def test_words_after_32_tokens_are_not_read_and_absent_captions_are_none(self):
        row = {"prompt": self.TEXT + " one", "camera_caption": self.TEXT + " two", "style_caption": "old " + self.TEXT}
        found = measured(ViClip(), texture(16), row)
        assert found["viclip_prompt"] == found["viclip_camera"]
        assert found["viclip_prompt"] != found["viclip_style"]
        assert found["viclip_background"] is None
        assert found["viclip_overall"] is None

    def test_overall_is_the_dense_caption_else_the_short_one(self):
        row = {"prompt": "x y", "short_caption": "x y", "dense_caption": "p q r"}
        both = measured(ViClip(), texture(8), row)
        short = measured(ViClip(), texture(8), {"prompt": "x y", "short_caption": "x y"})
        assert both["viclip_overall"] != both["viclip_prompt"]
        assert short["viclip_overall"] == short["viclip_prompt"]

    def test_eight_frames_are_picked(self):
        assert ViClip().pick({"start_frame": 0, "end_frame": 16}) == [0, 2, 4, 6, 8, 10, 12, 14]


@pytest.fixture
def manifest(tmp_path):
    media.write_video(tmp_path / "a.mp4", texture(), playback_fps=8, crf=12)
    media.write_image(tmp_path / "a.png", texture(1)[0])
    row = ManifestRow(
        id="a",
        video=tmp_path / "a.mp4",
        image=tmp_path / "a.png",
        prompt="a wall",
        camera=(CameraAsk(move="pan_left"),),
    )
    write_manifest(tmp_path / "manifest.jsonl", [row])
    return tmp_path / "manifest.jsonl"


def run(manifest, suite="vbench-i2v", flavours=None):
    config = EvaluateConfig(suite=suite, flavours=flavours, baselines=(), timeout_seconds=None)
    return evaluate_manifest(manifest, manifest.parent / "evaluation", config)


@pytest.fixture
def forwards(monkeypatch):
    """Frames that went through each network, by network, and calls of each program."""
    counted = Counter()
    given = frame_embeddings.network

    def network(weights, path):
        forward, side, device = given(weights, path)

        def count(pixels):
            counted[weights] += len(pixels)
            return forward(pixels)

        return count, side, device

    monkeypatch.setattr(frame_embeddings, "network", network)
    frame_embeddings.picture_embedding.cache_clear()
    return counted


def test_ten_columns_in_one_decode_with_one_forward_per_backbone_and_frame(manifest, forwards):
    evaluation = run(manifest)
    system = evaluation.summary["systems"]["model"]
    scores = system["scores"]
    assert not evaluation.num_failed
    for dimension in DIMENSIONS:
        assert scores[column(dimension)]["value"] is not None, dimension
    assert evaluation.summary["protocol"]["decodes"] == 1
    image = 1
    assert forwards == {
        "dino-vit-b-16": 3 * FRAMES + 2 * image,  # three ways of preparing frames
        "clip-vit-b-32": 2 * FRAMES,
        "clip-vit-l-14": 2 * FRAMES,
        "dreamsim": 2 * FRAMES + image,  # both ways prepare the image alike
    }
    means = {dimension: scores[column(dimension)]["value"] for dimension in DIMENSIONS}
    assert system["totals"]["vbench-i2v"]["total"]["value"] == pytest.approx(totals(means)["total"])
    assert system["totals"]["vbench-i2v"]["total_fixed"]["value"] is not None


def test_one_flavour_costs_its_own_passes_alone_and_has_its_own_total(manifest, forwards):
    evaluation = run(manifest, flavours=("compat",))
    assert forwards == {
        "dino-vit-b-16": 2 * FRAMES + 1,  # the square in the middle and the whole frame, no third way
        "clip-vit-b-32": FRAMES,
        "clip-vit-l-14": FRAMES,
        "dreamsim": FRAMES + 1,
    }
    summary = evaluation.summary
    assert {each["name"] for each in summary["columns"]} == {column(dimension) for dimension in DIMENSIONS}
    suite = summary["suites"]["vbench-i2v"]
    assert suite["absent"] == []
    assert list(suite["total_labels"]) == ["i2v", "quality", "total"]
    assert summary["systems"]["model"]["totals"]["vbench-i2v"]["total"]["value"] is not None
    both = run(manifest)
    assert forwards["clip-vit-l-14"] == 2 * FRAMES  # the other flavour adds what is new
    assert both.summary["systems"]["model"]["scores"][column("dynamic_degree")]["value"] == 0.0


def test_results_in_the_published_format_have_what_each_dimension_writes(manifest):
    evaluation = run(manifest, "istp")
    files = write_vbench(evaluation, manifest.parent / "vbench")
    found = json.loads(files[0].read_text())
    assert set(found) == set(DIMENSIONS)
    _, classes, (camera,) = found["camera_motion"]
    assert classes == {"pan_left": 1.0}
    assert (camera["prompt_type"], camera["predict_type"]) == ("pan_left", ["pan_left", "tilt_down"])
    assert found["dynamic_degree"][1][0]["video_results"] is False
    (quality,) = found["imaging_quality"][1]
    assert quality["video_results"] == pytest.approx(100 * found["imaging_quality"][0], abs=1e-3)
    (background,) = found["background_consistency"][1]
    assert background["cnt_per_video"] == FRAMES - 1
    assert background["video_sim"] == pytest.approx(background["video_results"] * (FRAMES - 1))
    assert found["i2v_subject"][1][0]["image_path"].endswith("a.png")


def test_without_weights_every_learned_column_is_absent_and_flicker_is_not(manifest, tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "nothing"))
    evaluation = run(manifest)
    absent = {each["metric"] for each in evaluation.summary["absent"]}
    assert absent == set(VBENCH) - {"vbench_temporal_flickering"}
    assert set(evaluation.summary["systems"]["model"]["scores"]) == {"vbench_temporal_flickering"}


def test_permissive_leaves_out_what_forbids_commercial_use():
    refused = {name for name in VBENCH if load_metric(name).lacks("permissive")}
    assert refused == {"vbench_camera_motion", "vbench_motion_smoothness", "vbench_imaging_quality"}
    assert not any(load_metric(name).lacks("paper") for name in VBENCH)
