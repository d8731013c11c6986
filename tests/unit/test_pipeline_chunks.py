"""Protects long videos: which chunk makes which frames, seams without a jump, memory that does not grow with length."""

import weakref

import numpy as np
import pytest
import torch

from dropletvideo.generate.chunks import blend, plan_chunks, run_chunks, seams_of
from dropletvideo.generate.seams import measure_seams


def test_a_video_that_fits_is_one_chunk():
    (chunk,) = plan_chunks([17], 17, 5)
    assert (chunk.start, chunk.num_frames, chunk.overlap, chunk.new) == (0, 17, 0, 17)
    assert seams_of([chunk]) == []


@pytest.mark.parametrize("given", [0, 1, 3, 40])
@pytest.mark.parametrize("overlap", [1, 5, 9])
@pytest.mark.parametrize("lengths", [[1], [18], [61], [3, 1, 30], [17, 2, 2, 17]])
def test_chunks_cover_every_frame_once_and_see_only_what_is_there(lengths, overlap, given):
    chunks = plan_chunks(lengths, 17, overlap, given=given)
    at = given
    for chunk in chunks:
        assert chunk.start + chunk.overlap == at, "new frames begin where the last ones end"
        assert chunk.overlap % 4 == 1 or at == 0
        assert chunk.overlap <= min(overlap, at)
        assert chunk.new >= 1
        assert chunk.overlap + chunk.new <= chunk.num_frames <= 17
        at += chunk.new
    assert at == given + sum(lengths)
    for number, length in enumerate(lengths):
        assert sum(chunk.new for chunk in chunks if chunk.segment == number) == length


def counting(chunks, shape=(3, 2, 2)):
    """A model whose frames hold their own number, and a list of weak references to all it made."""
    made = []

    def make(chunk, before):
        frames = torch.arange(chunk.start, chunk.start + chunk.overlap + chunk.new).float()
        if before is not None:
            assert before[0, :, 0, 0, 0].tolist() == frames[: chunk.overlap].tolist(), "told the frames before"
        frames = frames[None, :, None, None, None].expand(1, -1, *shape).clone()
        made.append(weakref.ref(frames))
        return frames

    return make, made


@pytest.mark.parametrize("overlap", [1, 5, 9])
@pytest.mark.parametrize("lengths", [[50], [1, 1, 1, 1, 1, 1, 1, 1, 20], [17, 3, 30]])
def test_every_frame_comes_out_once_in_order(lengths, overlap):
    chunks = plan_chunks(lengths, 17, overlap)
    runs = list(run_chunks(chunks, counting(chunks)[0]))
    assert torch.cat(runs, dim=1)[0, :, 0, 0, 0].tolist() == pytest.approx(list(range(sum(lengths))), abs=1e-4)


def test_no_more_than_two_chunks_live_at_any_time():
    chunks = plan_chunks([400], 17, 5)
    make, made = counting(chunks)
    most = 0
    for _ in run_chunks(chunks, make):
        most = max(most, sum(frames() is not None for frames in made))
    assert len(made) == len(chunks) > 30
    assert most <= 2


def test_blending_starts_at_the_old_frames_and_ends_at_the_new():
    before, after = torch.zeros(1, 4, 3, 2, 2), torch.ones(1, 4, 3, 2, 2)
    faded = blend(before, after)[0, :, 0, 0, 0]
    assert torch.allclose(faded, torch.tensor([0.2, 0.4, 0.6, 0.8]))


def moving_bar(num_frames, jump_at=None):
    """A bright bar that moves two pixels a frame, and jumps by twenty at one frame."""
    frames = np.zeros((num_frames, 16, 128, 3), np.uint8)
    for number in range(num_frames):
        at = 2 * number + (20 if jump_at is not None and number >= jump_at else 0)
        frames[number, :, at : at + 8] = 200
    return frames


def test_a_jump_at_a_seam_is_seen_and_a_smooth_one_is_not():
    seams = [(16, 17)]
    smooth = measure_seams([moving_bar(40)], seams)
    assert smooth.step.ratio == pytest.approx(1, abs=0.01)
    assert smooth.jerk.worst <= 1.01
    jump = measure_seams([moving_bar(40, jump_at=16)], seams)
    assert jump.step.worst > 3
    assert jump.jerk.ratio > 1.5


def test_seams_are_measured_alike_however_the_frames_come():
    video = moving_bar(40, jump_at=16)
    assert measure_seams(list(video), [(16, 17)]) == measure_seams([video[:7], video[7:]], [(16, 17)])
    assert measure_seams([video], []) is None
