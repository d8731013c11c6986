"""Protects near-duplicates: copies are found whatever their size and compression, others stay apart, growth is mild."""

import numpy as np
import pytest

from dropletvideo import media
from dropletvideo.curate.stages.duplicates import Config, FindDuplicates, build
from dropletvideo.perception.near_duplicates import distances, group, near_pairs, parse_hashes
from dropletvideo.perception.phash import PerceptualHashJudge
from dropletvideo.tables.plan import measure_video
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot

RADIUS = Config().radius


@pytest.fixture(scope="module")
def hashes(tmp_path_factory):
    """Hash texts of twelve shots and of copies of the first four: half the size, hard compression, brighter."""
    folder, texts = tmp_path_factory.mktemp("hash"), {}
    for seed in range(12):
        shot = draw_shot(seed, WorldConfig.training())
        frames = render_shot(shot, 96, 96, frame_indices=range(0, shot.num_frames, 8)).frames
        versions = {"": (frames, 18)}
        if seed < 4:
            small = media.resize(frames, short_side=48)
            bright = np.clip(frames.astype(int) + 14, 0, 255).astype(np.uint8)
            versions |= {"small": (small, 18), "hard": (frames, 38), "bright": (bright, 18)}
        for name, (pixels, crf) in versions.items():
            path = folder / f"{seed}{name}.mp4"
            media.write_video(path, pixels, playback_fps=4, crf=crf)
            texts[seed, name] = measure_video(path, [PerceptualHashJudge()])[0]["phash"]
    return texts


def test_copies_lie_within_the_radius_and_other_shots_far_outside(hashes):
    parsed = dict(zip(hashes, parse_hashes(list(hashes.values())), strict=True))
    for (seed, name), own in parsed.items():
        if name:
            assert distances(own[None], parsed[seed, ""][None])[0] <= RADIUS, (seed, name)
    firsts = np.stack([parsed[seed, ""] for seed in range(12)])
    apart = [distances(firsts[k : k + 1], firsts[m : m + 1])[0] for k in range(12) for m in range(k)]
    assert min(apart) > 2 * RADIUS


def test_one_of_each_group_is_kept_and_the_others_name_it(hashes):
    rows = [
        {"clip_id": f"{seed}{name}", "phash": text, "height": 48 if name == "small" else 96, "width": 96}
        | {"num_frames": 16}
        for (seed, name), text in hashes.items()
    ]
    rows.append({"clip_id": "flat", "phash": None, "height": 96, "width": 96, "num_frames": 16})
    found = dict(zip([row["clip_id"] for row in rows], FindDuplicates(RADIUS)(rows), strict=True))
    assert found["flat"] == found["7"] == {"duplicate_group": None, "duplicate_of": None, "duplicate_bits": None}
    for seed in range(4):
        own = [found[f"{seed}{name}"] for name in ("", "small", "hard", "bright")]
        assert len({row["duplicate_group"] for row in own}) == 1
        (kept,) = [row for row in own if row["duplicate_of"] is None]
        assert kept["duplicate_bits"] == 0
        assert found[f"{seed}small"]["duplicate_of"] is not None, "the smaller copy is never the one to keep"
    assert len({found[str(seed)]["duplicate_group"] for seed in range(4)}) == 4


def test_search_finds_what_comparing_all_pairs_finds():
    rng = np.random.default_rng(1)
    words = rng.integers(0, 1 << 64, (400, 4), dtype=np.uint64)
    words[200:] = words[:200] ^ np.packbits(rng.random((200, 256)) < 0.04, axis=1).view(np.uint64)
    truth = {(k, m) for k in range(400) for m in range(k) if distances(words[k : k + 1], words[m : m + 1])[0] <= RADIUS}
    first, second = near_pairs(words, RADIUS)
    found = {(max(a, b), min(a, b)) for a, b in zip(first.tolist(), second.tolist(), strict=True)}
    assert found == truth
    assert len(truth) == 200


def test_a_bucket_of_equal_hashes_is_one_group_and_costs_no_square():
    words = np.repeat(parse_hashes(["0123456789abcdef" * 4]), 20_000, axis=0)
    assert set(group(words, 0).tolist()) == {0}
    assert len(near_pairs(words, 0)[0]) < 20_000 * 16 * 65


def test_a_flat_clip_has_no_hash(tmp_path):
    media.write_video(tmp_path / "flat.mp4", np.full((9, 64, 64, 3), 90, np.uint8), playback_fps=4)
    row = measure_video(tmp_path / "flat.mp4", [PerceptualHashJudge()])[0]
    assert row["phash"] is None
    assert row["phash_flat_share"] == 1


def test_the_radius_is_in_the_fingerprint_of_the_stage():
    assert build(Config(radius=8)).params != build(Config()).params
    with pytest.raises(ValueError, match="64 hexadecimal"):
        parse_hashes(["abc"])
