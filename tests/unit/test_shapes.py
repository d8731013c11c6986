"""Frame arithmetic: what a user may ask for and what the message says when not."""

from __future__ import annotations

import pytest

from dropletvideo.errors import RequestError
from dropletvideo.shapes import LatentShape, PixelShape, check_num_frames, encodable_frames, latent_frames, pixel_frames


def test_sizes_of_the_published_model_and_of_nano():
    released = LatentShape.of(PixelShape(frames=85, height=384, width=672))
    assert (released.frames, released.height, released.width) == (22, 48, 84)
    assert released.tokens == 22_176
    nano = LatentShape.of(PixelShape(frames=17, height=64, width=64))
    assert (nano.frames, nano.height, nano.width, nano.tokens) == (5, 8, 8, 80)


def test_phase_limits_of_the_paper_are_token_counts():
    assert LatentShape.of(PixelShape(frames=49, height=512, width=512)).tokens == 13_312
    assert LatentShape.of(PixelShape(frames=85, height=896, width=896)).tokens == 68_992


@pytest.mark.parametrize(("frames", "latent"), [(1, 1), (5, 2), (17, 5), (81, 21), (85, 22)])
def test_latent_frames_and_back(frames, latent):
    assert latent_frames(frames) == latent
    assert pixel_frames(latent) == frames


def test_bad_counts_name_the_nearest_good_ones():
    with pytest.raises(RequestError, match="17 and 21"):
        check_num_frames(18)
    with pytest.raises(RequestError, match="nearest is 64"):
        LatentShape.of(PixelShape(frames=17, height=60, width=64))
    assert [encodable_frames(n) for n in (1, 2, 5, 6, 17, 18)] == [1, 5, 5, 9, 17, 21]
