"""Protects the world as truth: cameras, depth, flow and occlusion agree with the pixels and with moves.py."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from dropletvideo.moves import MOVES
from dropletvideo.world.camera_path import CameraPath, PathMove, View, progress
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.plots import Motion
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import Shot, draw_shot
from dropletvideo.world.tracer import FIRST_OBJECT, SKY

SIDE = 64
AMOUNTS = {"pan": 6.0, "tilt": 6.0, "roll": 6.0, "arc": 10.0, "truck": 0.4, "pedestal": 0.4, "dolly": 0.5, "zoom": 1.15}


def still_shot(seed: int) -> Shot:
    """A training scene seen by a level, still camera; nothing moves."""
    shot = draw_shot(seed, WorldConfig.training())
    objects = tuple(
        replace(thing, motion=Motion())
        for thing in shot.scene.objects
        if thing.y > 2.2 and np.hypot(thing.x, thing.y) > 2.2
    )
    path = CameraPath(first=View(z=1.5, pitch=-6.0), moves=(PathMove(move="static", start=0, end=1),), seconds=1.0)
    return replace(shot, scene=shot.scene.with_objects(objects), path=path, subject=0 if objects else None, seconds=1.0)


def with_move(shot: Shot, name: str) -> Shot:
    """The same scene with one move over its second."""
    axis, _, way = name.partition("_")
    amount = AMOUNTS.get(axis, 0.0)
    if axis == "zoom" and way == "out":
        amount = 1 / amount
    pivot = (0.0, 4.0) if axis == "arc" else None
    return replace(
        shot,
        path=replace(shot.path, moves=(PathMove(move=name, start=0.0, end=1.0, amount=amount, pivot=pivot),)),
    )


def end_flow(shot: Shot) -> np.ndarray:
    """Flow from the first to the last frame where it can be seen, the pixels centred: N of (x, y, dx, dy)."""
    rendered = render_shot(shot, SIDE, SIDE, frame_indices=[0, shot.num_frames - 1], depth=True, flow=True)
    y, x = np.mgrid[0:SIDE, 0:SIDE] - (SIDE - 1) / 2
    keep = ~rendered.occluded[0] & (rendered.surface[0] != SKY)
    return np.stack([x[keep], y[keep], rendered.flow[0][keep][:, 0], rendered.flow[0][keep][:, 1]], axis=-1)


# name -> what content does: mean of this over the image must be positive
CONTENT = {
    "pan_left": lambda f: f[:, 2],
    "pan_right": lambda f: -f[:, 2],
    "tilt_up": lambda f: f[:, 3],
    "tilt_down": lambda f: -f[:, 3],
    "truck_left": lambda f: f[:, 2],
    "truck_right": lambda f: -f[:, 2],
    "pedestal_up": lambda f: f[:, 3],
    "pedestal_down": lambda f: -f[:, 3],
    "dolly_in": lambda f: f[:, 0] * f[:, 2] + f[:, 1] * f[:, 3],
    "dolly_out": lambda f: -f[:, 0] * f[:, 2] - f[:, 1] * f[:, 3],
    "zoom_in": lambda f: f[:, 0] * f[:, 2] + f[:, 1] * f[:, 3],
    "zoom_out": lambda f: -f[:, 0] * f[:, 2] - f[:, 1] * f[:, 3],
    # image y points down: x*dy - y*dx > 0 is clockwise on screen; the camera rolls against its content
    "roll_cw": lambda f: -(f[:, 0] * f[:, 3] - f[:, 1] * f[:, 2]),
    "roll_ccw": lambda f: f[:, 0] * f[:, 3] - f[:, 1] * f[:, 2],
}


@pytest.mark.parametrize("name", CONTENT)
def test_content_goes_the_way_that_the_move_says(name):
    for seed in (3, 12):
        values = CONTENT[name](end_flow(with_move(still_shot(seed), name)))
        assert (values > 0).mean() > 0.95, name


def test_arc_left_travels_left_and_keeps_the_pivot_in_the_middle():
    shot = still_shot(3)
    for name, sign in (("arc_left", -1), ("arc_right", 1)):
        moved = with_move(shot, name)
        cameras = moved.cameras(SIDE, SIDE)
        assert np.sign(cameras.cam_to_world[-1, 0, 3] - cameras.cam_to_world[0, 0, 3]) == sign
        for frame in (0, len(cameras.times) - 1):
            pixel, _ = cameras.project(np.array([[0.0, 4.0, 1.0]]), frame)
            assert abs(pixel[0, 0] - (SIDE - 1) / 2) < 0.05


def test_every_move_of_the_vocabulary_can_be_drawn():
    config = WorldConfig.validation()
    axes = {move.axis for move in MOVES.values()} - {"shake"}
    assert axes == set(config.move_weights)


def test_zoom_amount_is_the_focal_ratio_and_pan_amount_the_angle():
    shot = still_shot(3)
    cameras = with_move(shot, "zoom_in").cameras_at(SIDE, SIDE, np.array([0.0, 1.0]))
    assert cameras.K[1, 0, 0] / cameras.K[0, 0, 0] == pytest.approx(1.15)
    cameras = with_move(shot, "pan_left").cameras_at(SIDE, SIDE, np.array([0.0, 1.0]))
    cosine = cameras.cam_to_world[0, :3, 2] @ cameras.cam_to_world[1, :3, 2]
    # about the vertical, not about the tilted camera's own axis: horizontal parts turn by the full angle
    flat = cameras.cam_to_world[:, :2, 2] / np.linalg.norm(cameras.cam_to_world[:, :2, 2], axis=1, keepdims=True)
    assert np.degrees(np.arccos(flat[0] @ flat[1])) == pytest.approx(6.0, abs=1e-6)
    assert cosine > np.cos(np.radians(6.0))


def test_truck_amount_is_the_parallax_of_a_point_at_median_depth():
    shot = with_move(still_shot(3), "truck_right")
    cameras = shot.cameras_at(SIDE, SIDE, np.array([0.0, 0.5, 1.0]))
    ahead = cameras.cam_to_world[1, :3, 3] + shot.median_depth(0.5) * cameras.cam_to_world[1, :3, 2]
    first, _ = cameras.project(ahead[None], 0)
    last, _ = cameras.project(ahead[None], 2)
    assert shot.moves[0].amount == pytest.approx(abs(last[0, 0] - first[0, 0]) / SIDE, rel=1e-3)
    assert shot.metres == (0.4,)


def test_rotations_are_rigid_and_tracking_keeps_the_target_in_place():
    config = WorldConfig.validation().model_copy(
        update={"move_weights": {"tracking": 1.0}, "compositions": {"single": 1.0}, "flat_share": 0.0}
    )
    shot = draw_shot(4, config)
    cameras = shot.cameras(SIDE, SIDE)
    rotation = cameras.cam_to_world[:, :3, :3]
    assert np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max() < 1e-9
    assert np.linalg.det(rotation) == pytest.approx(np.ones(len(rotation)))
    target = shot.path.moves[0].target
    spots = [cameras.project(np.array([shot.stage.place(target, t)]), k)[0][0] for k, t in enumerate(cameras.times)]
    if not any(move.move == "shake" for move in shot.path.moves):
        assert np.ptp(np.array(spots), axis=0).max() < 1e-6
    assert shot.camera_class == "C3"


def warped(frame: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The next frame fetched back along the flow."""
    y, x = np.mgrid[0 : frame.shape[0], 0 : frame.shape[1]].astype(np.float32)
    return cv2.remap(
        frame, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(float)


@pytest.mark.parametrize("seed", range(1, 9))
def test_flow_warps_the_next_frame_onto_this_one(seed):
    """Against a frozen guess the error must drop by much, and what is left is small where nothing is occluded."""
    shot = draw_shot(seed, WorldConfig.validation().model_copy(update={"weak_texture_share": 0.0}))
    middle = shot.num_frames // 2
    step = max(1, round(shot.source_fps / 4))
    out = render_shot(shot, 128, 128, frame_indices=[middle, min(middle + step, shot.num_frames - 1)], flow=True)
    here, there = out.frames.astype(float)
    keep = ~out.occluded[0]
    assert keep.mean() > 0.5
    error = np.abs(warped(out.frames[1], out.flow[0]) - here)[keep].mean()
    frozen = np.abs(there - here)[keep].mean()
    assert error < 5.0
    assert error < max(0.4 * frozen, 3.0)


def test_flow_of_moving_objects_is_their_own():
    shot = still_shot(3)
    moving = tuple(replace(thing, motion=Motion(kind="slide", velocity=(1.0, 0.0))) for thing in shot.scene.objects)
    shot = replace(shot, scene=shot.scene.with_objects(moving))
    out = render_shot(shot, SIDE, SIDE, frame_indices=[0, 8], depth=True, flow=True)
    on = out.surface[0] >= FIRST_OBJECT
    seconds = 8 / shot.source_fps
    expected = seconds * out.cameras.K[0, 0, 0] / out.depth[0][on]
    assert on.any()
    assert np.abs(out.flow[0][on][:, 0] - expected).max() < 0.02
    assert np.abs(out.flow[0][~on]).max() < 1e-3


def test_depth_and_flow_agree():
    """A point carried by the flow has, in the next frame, the depth that the cameras say."""
    shot = with_move(still_shot(12), "dolly_in")
    out = render_shot(shot, SIDE, SIDE, frame_indices=[0, shot.num_frames - 1], depth=True, flow=True)
    focal = out.cameras.K[0, 0, 0]
    y, x = np.mgrid[0:SIDE, 0:SIDE] - (SIDE - 1) / 2
    local = np.stack([x / focal, y / focal, np.ones_like(x)], axis=-1) * out.depth[0][..., None]
    pose = out.cameras.cam_to_world
    world = local @ pose[0, :3, :3].T + pose[0, :3, 3]
    pixels, depth = out.cameras.project(world.reshape(-1, 3), 1)
    solid = (out.surface[0] != SKY).ravel()
    flow = pixels - np.stack(np.mgrid[0:SIDE, 0:SIDE][::-1], axis=-1).reshape(-1, 2)
    assert np.abs(flow - out.flow[0].reshape(-1, 2))[solid].max() < 0.01
    seen = solid & ~out.occluded[0].ravel()
    there = cv2.remap(
        out.depth[1], *pixels.reshape(SIDE, SIDE, 2).astype(np.float32).transpose(2, 0, 1), cv2.INTER_NEAREST
    )
    off = np.abs(there.ravel() / depth - 1)[seen]
    assert np.median(off) < 0.02


def test_occlusion_marks_what_leaves_the_image_and_what_gets_hidden():
    shot = with_move(still_shot(3), "pan_right")
    out = render_shot(shot, SIDE, SIDE, frame_indices=[0, shot.num_frames - 1], flow=True)
    assert out.occluded[0][:, :3].all(), "the left border leaves the image when the camera pans right"
    assert not out.occluded[0][2:-2, 20:].any(), "a rotation hides nothing"
    shot = with_move(still_shot(12), "truck_right")
    out = render_shot(shot, SIDE, SIDE, frame_indices=[0, shot.num_frames - 1], depth=True, flow=True)
    inside = out.occluded[0][:, 20:-4]
    assert inside.any(), "parallax hides some background"
    assert inside.mean() < 0.2


def test_same_seed_gives_the_same_frames_and_selection_is_what_the_whole_gives():
    shot = draw_shot(21, WorldConfig.training())
    again = draw_shot(21, WorldConfig.training())
    few = render_shot(shot, SIDE, SIDE, frame_indices=[0, 40, 80])
    assert np.array_equal(few.frames, render_shot(again, SIDE, SIDE, frame_indices=range(81)).frames[[0, 40, 80]])
    assert np.array_equal(few.frames[1:2], render_shot(shot, SIDE, SIDE, times=np.array([40 / shot.source_fps])).frames)
    assert not np.array_equal(few.frames, render_shot(draw_shot(22), SIDE, SIDE, frame_indices=[0, 40, 80]).frames)


def test_sizes_show_the_same_picture():
    """A small render is what a large one gives when it is shrunk: no aliasing, no shift."""
    shot = still_shot(5)
    large = render_shot(shot, 256, 256, frame_indices=[0]).frames[0]
    small = render_shot(shot, 64, 64, frame_indices=[0]).frames[0].astype(float)
    shrunk = cv2.resize(large, (64, 64), interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(small - shrunk).mean() < 5.0


def test_progress_is_constant_speed_or_eased_and_ends_at_one():
    times = np.linspace(0, 1, 101)
    plain = progress(times, PathMove(move="pan_left", start=0, end=1, amount=1))
    assert np.allclose(plain, times)
    eased = progress(times, PathMove(move="pan_left", start=0, end=1, amount=1, ease=0.2))
    assert eased[0] == pytest.approx(0)
    assert eased[-1] == pytest.approx(1)
    assert (np.diff(eased) >= 0).all()
    assert np.diff(eased)[0] < 0.2 * np.diff(eased)[50]


def test_nothing_flickers_when_the_camera_stands_still():
    shot = still_shot(9)
    frames = render_shot(shot, SIDE, SIDE, frame_indices=[0, 5, 9]).frames
    assert np.array_equal(frames[0], frames[2])


def test_the_lens_softens_colours_and_leaves_geometry_alone():
    shot = draw_shot(5, WorldConfig.training())
    assert shot.lens_blur > 0
    assert draw_shot(5, WorldConfig.validation()).lens_blur == 0
    sharp = render_shot(replace(shot, lens_blur=0.0), SIDE, SIDE, frame_indices=[0, 1], depth=True, flow=True)
    soft = render_shot(shot, SIDE, SIDE, frame_indices=[0, 1], depth=True, flow=True)
    assert _roughness(soft.frames[0]) < 0.8 * _roughness(sharp.frames[0])
    assert abs(soft.frames[0].mean() - sharp.frames[0].mean()) < 1
    np.testing.assert_array_equal(soft.depth, sharp.depth)
    np.testing.assert_array_equal(soft.flow, sharp.flow)


def test_the_lens_is_the_same_at_every_size():
    shot = draw_shot(5, WorldConfig.training())
    small = render_shot(shot, SIDE, SIDE, frame_indices=[0]).frames[0]
    large = render_shot(shot, 2 * SIDE, 2 * SIDE, frame_indices=[0]).frames[0]
    halved = cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    assert _roughness(halved) == pytest.approx(_roughness(small), rel=0.25)


def _roughness(frame):
    """Mean absolute second difference, in grey levels."""
    grey = frame.astype(float).mean(axis=-1)
    return float(np.abs(np.diff(grey, 2, axis=0)).mean() + np.abs(np.diff(grey, 2, axis=1)).mean())
