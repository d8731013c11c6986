"""Protects exact resume (order is a function of seed and step alone) and true captions of mirrored clips."""

import numpy as np
import pytest

from dropletvideo.data.mirror import mirror_caption, mirror_frames
from dropletvideo.data.order import batch_at, steps_per_epoch
from dropletvideo.errors import ConfigError


def test_a_pass_sees_every_sample_once():
    steps = steps_per_epoch(64, 8)
    seen = np.concatenate([batch_at(64, 8, seed=3, step=step) for step in range(steps)])
    assert sorted(seen) == list(range(64))


def test_passes_differ_and_the_remainder_is_not_always_the_same():
    first = np.concatenate([batch_at(10, 4, seed=0, step=step) for step in range(2)])
    left_out = [
        set(range(10)) - set(np.concatenate([batch_at(10, 4, seed=0, step=2 * e + s) for s in range(2)]))
        for e in range(8)
    ]
    assert len(set(first)) == 8
    assert len({frozenset(left) for left in left_out}) > 1


def test_order_depends_on_the_seed_and_on_nothing_else():
    assert (batch_at(100, 16, seed=1, step=7) == batch_at(100, 16, seed=1, step=7)).all()
    assert (batch_at(100, 16, seed=1, step=7) != batch_at(100, 16, seed=2, step=7)).any()


def test_few_samples_fill_a_batch_and_none_are_refused():
    assert sorted(set(batch_at(3, 8, seed=0, step=5))) == [0, 1, 2]
    assert len(batch_at(3, 8, seed=0, step=5)) == 8
    with pytest.raises(ConfigError, match="0 training windows"):
        batch_at(0, 8, seed=0, step=0)


@pytest.mark.parametrize(
    ("caption", "mirrored"),
    [
        ("The camera pans left to the RIGHT wall.", "The camera pans right to the LEFT wall."),
        ("It rolls clockwise, then counter-clockwise.", "It rolls counter-clockwise, then clockwise."),
        ("Leftmost box moves rightwards; a bright copyright.", "Rightmost box moves leftwards; a bright copyright."),
        ("The camera rises.", "The camera rises."),
    ],
)
def test_mirrored_captions(caption, mirrored):
    assert mirror_caption(caption) == mirrored
    assert mirror_caption(mirrored) == caption


def test_mirrored_frames():
    frames = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    assert (mirror_frames(frames)[:, :, 0] == frames[:, :, -1]).all()
    assert (mirror_frames(mirror_frames(frames)) == frames).all()
