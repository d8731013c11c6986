"""Requests of consistency: the same every time, with truth beside them, and only what can be seen is asked."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from dropletvideo import media
from dropletvideo.errors import ConfigError
from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.world.consistency_suite import (
    ConsistencySuite,
    draw_requests,
    request_row,
    spanning,
    write_consistency_suite,
)
from dropletvideo.world.render import render_shot

SMALL = ConsistencySuite(
    count=1, seed=1_260_000, num_frames=13, height=48, width=64, moves=("pan_left", "dolly_in", "static")
)


@pytest.fixture(scope="module")
def requests():
    return draw_requests(SMALL)


def test_every_kind_is_asked_and_draws_are_the_same_again(requests):
    assert {request.kind for request in requests} == {"move", "sequence", "return", "orbit", "pair"}
    assert len(requests) == SMALL.num_requests
    again = [request_row(each, spanning(SMALL, each)) for each in draw_requests(SMALL)]
    assert again == [request_row(each, spanning(SMALL, each)) for each in requests]


def test_rows_are_manifest_rows_whose_events_lie_in_the_video(requests):
    for request in requests:
        config = spanning(SMALL, request)
        made = request_row(request, config)
        known = {key: value for key, value in made.items() if key not in ("kind", "changed", "flat")}
        row = ManifestRow(video="a.mp4", **known)
        assert row.moves
        for event in row.events:
            assert 0 <= event["start"] <= event["end"] <= config.num_frames / 8
        for ask in row.camera:
            assert ask.end is not None
            assert ask.start < ask.end <= config.num_frames / 8


def test_a_static_request_always_asks_for_a_slide_with_its_way(requests):
    (request,) = [each for each in requests if each.name.startswith("static")]
    made = request_row(request, SMALL)
    (way,) = {event["way"] for event in made["events"] if "way" in event} or {None}
    assert way in ("left", "right")
    assert f"to the {way}" in made["prompt"]


def test_a_pair_shares_its_first_frame_and_differs_in_one_thing(requests):
    base, camera, plot = (each for each in requests if each.kind == "pair")
    assert (base.changed, camera.changed, plot.changed) == (None, "camera", "plot")
    first = [render_shot(each.shot, 48, 64, times=np.zeros(1)).frames[0] for each in (base, camera, plot)]
    assert np.array_equal(first[0], first[1])
    assert np.array_equal(first[0], first[2])
    rows = [request_row(each, SMALL) for each in (base, camera, plot)]
    assert rows[0]["camera"] != rows[1]["camera"]
    assert rows[0]["camera"] == rows[2]["camera"]
    assert not [event for event in rows[2]["events"] if event["event"] != "appears"]


def test_the_suite_writes_requests_with_images_and_references(tmp_path):
    config = replace(SMALL, kinds=("move",), moves=("pan_left",))
    path = write_consistency_suite(tmp_path, config)
    (row,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert media.read_video(tmp_path / row["reference_video"]).frames.shape == (13, 48, 64, 3)
    assert media.read_image(tmp_path / row["image"]).shape == (48, 64, 3)


def test_seeds_that_training_may_see_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="1000000"):
        write_consistency_suite(tmp_path, replace(SMALL, seed=5))
