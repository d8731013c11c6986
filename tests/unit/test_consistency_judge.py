"""The consistency judge on rendered scenes: truth is near 1 under every camera, and each fault moves what it should."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from dropletvideo.evaluate.baselines import ken_burns, shuffled
from dropletvideo.evaluate.faults import Clip, flicker
from dropletvideo.media import write_video
from dropletvideo.perception.camera import CameraJudge
from dropletvideo.perception.camera_tracks import Tracks
from dropletvideo.perception.consistency import ConsistencyJudge
from dropletvideo.perception.judge import Chunk
from dropletvideo.perception.point_tracks import PointTracks
from dropletvideo.tables.plan import measure_video
from dropletvideo.world.consistency_suite import ConsistencySuite, draw_requests, request_row
from dropletvideo.world.inconsistency import drifted, swapped, warped
from dropletvideo.world.render import render_shot
from dropletvideo.world.visibility import visibility_of

HEIGHT, WIDTH, RATE = 128, 160, 8.0
SUITE = ConsistencySuite(count=1, seed=1_260_000, kinds=("move",), num_frames=21, height=HEIGHT, width=WIDTH)
TIMES = np.arange(SUITE.num_frames) / RATE


def judged(frames: np.ndarray, image: np.ndarray | None = None) -> dict:
    judge = ConsistencyJudge()
    row, points = {"height": frames.shape[1], "width": frames.shape[2], "image_frame": image}, PointTracks()
    state = judge.start(row)
    size = (round(256 * frames.shape[2] / frames.shape[1]), 256)
    large = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) for frame in frames])
    chunk = Chunk(large, np.arange(len(frames)) / RATE, np.arange(len(frames)))
    judge.update(state, replace(chunk, features={points.name: points(points.start(row), chunk)}))
    return judge.finish(state)


@cache
def shot_of(move: str):
    """A shot with one move and nothing that moves by itself."""
    (request,) = draw_requests(replace(SUITE, moves=(move,)))
    shot = request.shot
    still = tuple(replace(thing, motion=type(thing.motion)()) for thing in shot.scene.objects)
    return replace(shot, scene=shot.scene.with_objects(still))


@cache
def truth_of(move: str) -> dict:
    return judged(warped(shot_of(move), TIMES, HEIGHT, WIDTH, 0.0))


@pytest.mark.parametrize(
    ("move", "axis", "sign"),
    [("pan_left", 0, -1), ("tilt_up", 1, 1), ("zoom_in", 3, 1), ("truck_right", 4, 1), ("dolly_in", 6, 1)],
)
def test_a_rigid_scene_agrees_under_every_camera_and_the_course_names_the_axis(move, axis, sign):
    """Pans and zooms are not zeroed by a gate, and a dolly is not taken for a zoom."""
    found = truth_of(move)
    assert found["rigid_agreement"] > 0.75
    assert move not in ("pan_left", "zoom_in") or found["rigid_parallax"] == 0.0
    steps = np.array([step for step in found["rigid_course"]["steps"] if step])
    moved = steps.sum(axis=0) * [0.019, 0.019, 0.006, 0.35, 1, 1, 0.35]
    assert np.abs(moved).argmax() == axis
    assert np.sign(moved[axis]) == sign


@pytest.mark.parametrize(("fault", "move"), [(warped, "truck_right"), (drifted, "truck_right"), (warped, "pan_left")])
def test_growing_faults_lower_the_agreement_step_by_step(fault, move):
    sizes = [truth_of(move), *(judged(fault(shot_of(move), TIMES, HEIGHT, WIDTH, size)) for size in (1.0, 3.0, 7.0))]
    agreement = [found["rigid_agreement"] for found in sizes]
    error = [found["rigid_error_px"] for found in sizes]
    assert agreement == sorted(agreement, reverse=True)
    assert error == sorted(error)
    assert agreement[-1] < 0.7 * agreement[0]


def test_what_changes_while_out_of_view_lowers_the_return_and_nothing_else():
    """Things that leave the view come back in another colour: the more so, the less alike; the geometry stays."""
    config = replace(SUITE, kinds=("return",), count=24)
    for request in draw_requests(config):
        share = visibility_of(request.shot, request.shot.cameras_at(HEIGHT, WIDTH, TIMES)).share
        leaves = (share[0] > 0.3) & (share[-1] > 0.2) & (share[len(TIMES) // 2] < 0.05)
        moves = any(thing.motion.kind != "still" for thing in request.shot.scene.objects)
        if leaves.any() and not moves:
            break
    else:
        pytest.fail("no scene of the suite loses a thing from view")
    found = [judged(swapped(request.shot, TIMES, HEIGHT, WIDTH, size)) for size in (0.0, 0.4, 1.0)]
    worst = [each["return_worst"] for each in found]
    assert found[0]["return_likeness"] > 0.85
    assert worst[0] > worst[1] > worst[2]
    assert found[2]["rigid_agreement"] > found[0]["rigid_agreement"] - 0.1
    darker = judged(flicker(Clip(swapped(request.shot, TIMES, HEIGHT, WIDTH, 0.0), seed=1), 0.5))
    assert darker["return_worst"] > found[0]["return_worst"] - 0.1, "how a frame is exposed is no change of the scene"
    assert darker["changed_share"] == 0.0


def test_things_that_move_by_themselves_are_found_and_excused():
    """A slide before a still camera: seen as a thing with its own steady motion, to the asked side."""
    (request,) = draw_requests(replace(SUITE, moves=("static",)))
    row = request_row(request, SUITE)
    frames = warped(request.shot, TIMES, HEIGHT, WIDTH, 0.0)
    found = judged(frames)
    assert found["plot_share"] > 0.6
    way = next(event["way"] for event in row["events"] if "way" in event)
    across = [thing["velocity"][0] for thing in found["plot_detail"]["things"]]
    assert max(across, key=abs) * (1 if way == "right" else -1) > 0
    assert found["rigid_agreement"] > 0.7
    jumbled = judged(shuffled(frames, seed="x"))
    assert (jumbled["plot_steadiness"] or 0.0) < found["plot_steadiness"]


def test_a_picture_that_stands_or_is_zoomed_reveals_nothing_and_tells_no_plot():
    image = warped(shot_of("pan_left"), TIMES[:2], HEIGHT, WIDTH, 0.0)[0]
    frozen = judged(np.repeat(image[None], 12, axis=0), image)
    assert frozen["rigid_agreement"] > 0.99
    assert frozen["opening_likeness"] > 0.95
    assert frozen["revealed_share"] == 0.0
    assert frozen["return_likeness"] is None
    zoomed = judged(ken_burns(image, 12))
    assert zoomed["rigid_parallax"] == 0.0
    assert zoomed["revealed_share"] < 0.02
    assert zoomed["plot_share"] < 0.3


def test_a_pan_reveals_at_its_own_side():
    borders = truth_of("pan_left")["revealed_detail"]["borders"]
    assert max(borders, key=borders.get) == "left"
    assert borders["left"] > 0.1


def test_a_full_orbit_is_followed_by_angle():
    """Headings add up to what was asked, and errors are told by angle."""
    config = replace(SUITE, kinds=("orbit",), height=96, width=128)
    request = next(each for each in draw_requests(config) if each.name.startswith("orbit180"))
    times = np.arange(1 + round(request.shot.seconds * RATE)) / RATE
    found = judged(render_shot(request.shot, 96, 128, times=times).frames)
    assert found["return_detail"]["turned_degrees"] == pytest.approx(180, rel=0.2)
    assert {"0", "90", "150"} <= set(found["rigid_by_angle"])


def test_points_are_followed_once_for_the_camera_and_the_consistency_and_columns_do_not_depend_on_the_other(
    tmp_path, monkeypatch
):
    path = tmp_path / "pan.mp4"
    write_video(path, warped(shot_of("pan_left"), TIMES, HEIGHT, WIDTH, 0.0), playback_fps=RATE, crf=18)
    followed = []
    given = Tracks.add
    monkeypatch.setattr(Tracks, "add", lambda self, gray, time: followed.append(time) or given(self, gray, time))
    (both,) = measure_video(path, [CameraJudge(), ConsistencyJudge()])
    assert len(followed) == len(TIMES)
    for judge in (CameraJudge(), ConsistencyJudge()):
        (alone,) = measure_video(path, [judge])
        assert {name: both[name] for name in judge.columns} == {name: alone[name] for name in judge.columns}
