"""Protects the cache: windows true to their clip, stale folders never read, interrupted builds finished, none lost."""

import json
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from dropletvideo.data.bank import WindowBank
from dropletvideo.data.cache import CacheConfig, build_cache
from dropletvideo.data.clips import TrainingClip, same_captions
from dropletvideo.data.encode import Encoders
from dropletvideo.data.given import GivenConfig
from dropletvideo.data.sampling import FrameClock
from dropletvideo.data.windows import WindowConfig, fit_frames, read_windows
from dropletvideo.errors import ConfigError, MediaError

CONFIG = WindowConfig(num_frames=5, height=16, width=16, windows_per_clip=3, motion_range=(4.0, 16.0))


@dataclass(frozen=True)
class CountingClips:
    """Clip n shows frame i as grey level i; short ones, broken ones and a log of what was read."""

    frames: tuple[int, ...] = (40,) * 10
    broken: tuple[int, ...] = ()
    name: str = "a"
    reads: list = field(default_factory=list, compare=False)

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, number):
        def read(indices):
            self.reads.append((number, indices))
            if number in self.broken:
                raise MediaError(f"clip {number}", "is truncated")
            return np.repeat(indices.astype(np.uint8), 20 * 24 * 3).reshape(-1, 20, 24, 3)

        captions = same_captions(f"clip {number} pans left", f"short {number}")
        return TrainingClip(f"{self.name}{number}", FrameClock.constant(self.frames[number], 16.0), read, captions)

    def digest(self):
        return f"{self.name}{self.frames}"


def encode_pixels(frames_BFHWC, given):
    """Latent frame f of a window holds the grey level of its frame 4f; condition channel 0 counts given frames."""
    level = torch.from_numpy(frames_BFHWC[:, ::4, 0, 0, 0].astype(np.float32))
    latents = level[:, :, None, None, None].expand(-1, -1, 16, 2, 2)
    condition = torch.zeros(len(level), level.shape[1], 17, 2, 2)
    condition[:, 0] = 1
    condition[:, 1, 0] = torch.tensor([len(frames) for frames in given], dtype=torch.float32)[:, None, None]
    return latents, condition


def encode_text(captions):
    return torch.tensor([[[float(len(caption))]] for caption in captions])


ENCODERS = Encoders(encode_pixels, encode_text, "weights-1")


def build(folder, clips=None, encoders=ENCODERS, config=CONFIG, **cache):
    settings = CacheConfig(**({"held_out_clips": 2, "clips_per_shard": 4} | cache))
    return build_cache(folder, clips or CountingClips(), config, encoders, settings)


def test_windows_hold_the_frames_that_their_motion_tells():
    windows = read_windows(CountingClips()[0], CONFIG)
    assert len(windows) == 3
    for window in windows:
        levels = window.frames[:, 0, 0, 0].astype(int)
        assert window.frames.shape == (5, 16, 16, 3)
        assert (np.diff(levels) >= 1).all()
        assert window.motion == pytest.approx(5 * 16 / (levels[-1] - levels[0] + 1))
        assert window.seconds == pytest.approx((levels[0] / 16, (levels[-1] + 1) / 16))


def test_frames_are_fetched_once_and_only_those_taken():
    clips = CountingClips()
    windows = read_windows(clips[0], CONFIG)
    ((_, indices),) = clips.reads
    taken = np.unique(np.concatenate([window.frames[:, 0, 0, 0] for window in windows]))
    assert (indices == taken).all()


def test_a_mirrored_window_has_mirrored_words():
    clip = CountingClips()[1]
    config = CONFIG.model_copy(update={"mirror_share": 1.0})
    for window in read_windows(clip, config):
        assert window.captions == ("clip 1 pans right", "short 1")


def test_fit_crops_about_the_centre_and_never_stretches():
    frames = np.zeros((1, 40, 80, 3), np.uint8)
    frames[:, :, 20:60] = 200
    assert (fit_frames(frames, 16, 16) == 200).all()
    assert fit_frames(frames, 16, 32).mean() == pytest.approx(100, abs=2)


def test_bank_gives_back_what_was_cached(tmp_path):
    report = build(tmp_path)
    assert (report.windows, report.held_out, report.captions) == (30, 6, 20)
    bank = WindowBank.load(tmp_path, seed=0)
    clips = CountingClips()
    windows = [window for number in range(10) for window in read_windows(clips[number], CONFIG)]
    assert torch.allclose(bank.motion, torch.tensor([window.motion for window in windows]))
    assert (bank.latents[:, 0, 0, 0, 0].numpy() == [window.frames[0, 0, 0, 0] for window in windows]).all()
    assert not set(bank.train_rows.tolist()) & set(bank.held_rows.tolist())
    assert bank.held_rows.tolist() == list(range(24, 30))
    batch = bank.batch_tensors(0, 8, torch.Generator().manual_seed(0))
    rows = bank.rows_at(0, 8)
    assert torch.equal(batch["motion"], bank.motion[rows])
    for row, states in zip(rows.tolist(), batch["text"], strict=True):
        assert float(states) in {float(len(caption)) for caption in windows[row].captions}
    assert float(bank.empty_text) == 0


def test_captions_of_a_window_are_all_used(tmp_path):
    build(tmp_path)
    bank = WindowBank.load(tmp_path, seed=0)
    lengths = {float(bank.batch_tensors(0, 8, torch.Generator().manual_seed(s))["text"][0]) for s in range(20)}
    assert len(lengths) == 2


def test_held_out_windows_carry_frames_and_captions(tmp_path):
    build(tmp_path)
    first, last = WindowBank.load(tmp_path, seed=0).held_out_windows(2)
    assert first.caption.startswith("clip 8")
    assert last.caption.startswith("clip 9")
    assert tuple(first.frames.shape) == (5, 16, 16, 3)


def test_a_finished_cache_reads_no_clip_again(tmp_path):
    build(tmp_path)
    clips = CountingClips()
    report = build(tmp_path, clips)
    assert clips.reads == []
    assert report.windows == 30


def test_an_interrupted_build_goes_on(tmp_path):
    class Full(Exception):
        pass

    calls = []

    def breaks(frames, given):
        calls.append(len(frames))
        if len(calls) > 1:
            raise Full
        return encode_pixels(frames, given)

    with pytest.raises(Full):
        build(tmp_path, encoders=Encoders(breaks, encode_text, "weights-1"))
    with pytest.raises(ConfigError, match="no finished cache"):
        WindowBank.load(tmp_path, seed=0)
    clips = CountingClips()
    build(tmp_path, clips)
    assert {number for number, _ in clips.reads} == set(range(4, 10))
    whole = tmp_path / "whole"
    build(whole)
    one, two = WindowBank.load(tmp_path, seed=0), WindowBank.load(whole, seed=0)
    assert torch.equal(one.latents, two.latents)
    assert one.captions == two.captions


@pytest.mark.parametrize(
    "change",
    [
        {"clips": CountingClips(name="b")},
        {"encoders": Encoders(encode_pixels, encode_text, "weights-2")},
        {"config": CONFIG.model_copy(update={"seed": 5})},
        {"held_out_clips": 3},
    ],
)
def test_a_stale_cache_is_rebuilt_or_refused(tmp_path, change):
    before = build(tmp_path)
    with pytest.raises(ConfigError, match=r"cache\.folder"):
        build(tmp_path, **change, on_stale="refuse")
    after = build(tmp_path, **change)
    assert after.fingerprint != before.fingerprint
    assert WindowBank.load(tmp_path, seed=0).fingerprint == after.fingerprint


def test_a_damaged_shard_is_built_again(tmp_path):
    build(tmp_path)
    shard = tmp_path / "shard-00001.safetensors"
    shard.write_bytes(shard.read_bytes()[:100])
    clips = CountingClips()
    build(tmp_path, clips)
    assert {number for number, _ in clips.reads} == {4, 5, 6, 7}


def test_clips_that_fail_or_are_skipped_are_counted_with_reasons(tmp_path):
    clips = CountingClips(frames=(40, 3, 40, 40, 40, 2), broken=(2,))
    report = build(tmp_path, clips)
    assert report.skipped == {"too_few_frames": 2}
    assert report.failures == [{"clip_id": "a2", "reason": "clip 2: is truncated"}]
    assert report.windows == 9
    assert json.loads((tmp_path / "cache.json").read_text())["complete"]


def test_a_list_that_gives_nothing_says_why(tmp_path):
    with pytest.raises(ConfigError, match="2 skipped as too_few_frames"):
        build(tmp_path, CountingClips(frames=(3, 3)))


def test_progress_counts_every_clip(tmp_path):
    seen = []
    build_cache(
        tmp_path, CountingClips(), CONFIG, ENCODERS, CacheConfig(), show=lambda done, whole: seen.append((done, whole))
    )
    assert seen == [(number, 10) for number in range(11)]


def test_window_settings_that_cannot_be_encoded_are_refused():
    with pytest.raises(ValueError, match="4k"):
        WindowConfig(num_frames=16)
    with pytest.raises(ValueError, match="least <= greatest"):
        WindowConfig(motion_range=(8.0, 4.0))


def test_the_condition_is_made_of_the_frames_that_the_window_is_given(tmp_path):
    ends = CONFIG.model_copy(update={"given": GivenConfig(first=0.0, ends=1.0)})
    build(tmp_path / "first")
    build(tmp_path / "ends", config=ends)
    first, both = (WindowBank.load(tmp_path / name, seed=0) for name in ("first", "ends"))
    assert first.condition[:, 1, 0].unique().tolist() == [1.0]
    assert both.condition[:, 1, 0].unique().tolist() == [2.0]
    assert torch.equal(first.latents, both.latents), "what is given changes no other draw"
