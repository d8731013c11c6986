"""Protects what the world draws: both distributions, seeds, courses clear of things, captions that name the moves."""

from collections import Counter, defaultdict
from functools import lru_cache

import numpy as np
import pytest
from pydantic import ValidationError

from dropletvideo.errors import ConfigError
from dropletvideo.moves import MOVES, moves_in_text
from dropletvideo.world.captions import caption_of
from dropletvideo.world.choreography import Course, clearance, crossings
from dropletvideo.world.config import EVALUATION_SEED_START, WorldConfig, check_training_seed
from dropletvideo.world.scene import draw_scene
from dropletvideo.world.shot import Shot, draw_shot

DRAWS = 360


@lru_cache(maxsize=2)
def drawn(preset: str) -> tuple[Shot, ...]:
    config = WorldConfig.preset(preset)
    return tuple(draw_shot(seed, config) for seed in range(DRAWS))


def amounts(shots: tuple[Shot, ...]) -> dict[str, np.ndarray]:
    found = defaultdict(list)
    for shot in shots:
        for move in shot.path.moves:
            found[move.move.split("_")[0]].append(move.amount)
    return {axis: np.array(values) for axis, values in found.items()}


@pytest.mark.parametrize(
    ("axis", "low", "high"),
    [
        ("pan", 3, 60),
        ("tilt", 3, 60),
        ("truck", 0.1, 2.0),
        ("zoom", 0.7, 1.5),
        ("arc", 10, 360),
        ("shake", 0.0, 1.0),
    ],
)
def test_validation_amounts_fill_their_range_and_stay_inside(axis, low, high):
    values = amounts(drawn("validation"))[axis]
    assert len(values) >= 15
    assert values.min() >= low
    assert values.max() <= high
    assert values.min() < low + 0.25 * (high - low)
    assert values.max() > low + 0.75 * (high - low)


def test_validation_shares():
    shots = drawn("validation")
    assert np.mean(["shake" in {m.move for m in shot.path.moves} for shot in shots]) == pytest.approx(1 / 3, abs=0.08)
    assert np.mean([shot.scene.weak for shot in shots]) == pytest.approx(0.2, abs=0.06)
    assert np.mean([shot.scene.flat for shot in shots]) == pytest.approx(0.1, abs=0.05)
    deep = np.mean([shot.depth_ratio() >= 4 for shot in shots])
    assert 0.45 < deep < 0.7
    flat = [shot.depth_ratio() for shot in shots if shot.scene.flat]
    assert np.median(flat) < 1.6, "a flat scene has nearly one depth"


def test_validation_moving_objects_cover_up_to_two_fifths_of_the_pixels():
    shares = [
        max(shot.moving_share(t) for t in (0.0, shot.seconds / 2, shot.last_time)) for shot in drawn("validation")
    ]
    assert max(shares) <= 0.4
    assert max(shares) > 0.2
    assert 0.25 < np.mean(np.array(shares) > 0) < 0.75


def test_validation_files():
    shots = drawn("validation")
    short = [min(shot.height, shot.width) for shot in shots]
    assert min(short) >= 128
    assert min(short) < 180
    assert 600 < max(short) <= 720
    assert {shot.source_fps for shot in shots} == {8, 10, 12, 15, 24, 25, 30, 50, 60}
    assert {min(shot.crf for shot in shots), max(shot.crf for shot in shots)} == {18, 35}


def test_validation_holds_every_move_class_and_composition():
    shots = drawn("validation")
    seen = {move.move for shot in shots for move in shot.path.moves}
    assert seen == set(MOVES)
    assert {shot.camera_class for shot in shots} == {"C1", "C2", "C3", "C4", "C5"}
    counts = Counter(len([m for m in shot.path.moves if m.move != "shake"]) for shot in shots)
    assert counts[1] > 0.4 * DRAWS
    assert counts[2] > 0.25 * DRAWS
    pairs = sum(shot.path.moves[0].start == shot.path.moves[1].start for shot in shots if len(shot.moves) > 1)
    assert pairs > 10
    assert any(shot.turns_in_place for shot in shots), "C1 also comes from a target that turns"


def test_training_draws_are_narrow_and_long():
    shots = drawn("training")
    config = WorldConfig.training()
    for shot in shots:
        assert shot.seconds >= 5
        assert shot.source_fps == 32
        for move in shot.path.moves:
            axis = move.move.split("_")[0]
            assert move.ease == 0
            if axis in config.ranges:
                speed = move.amount / (move.end - move.start)
                if axis == "zoom":
                    speed = np.exp(abs(np.log(move.amount)) / (move.end - move.start))
                low, high = config.ranges[axis]
                assert low - 1e-6 <= speed <= high + 1e-6
    single = [shot.moves[0].move for shot in shots if len(shot.moves) == 1]
    counts = Counter(single)
    assert len(single) > 0.8 * DRAWS
    assert 0.07 < counts["static"] / DRAWS < 0.2
    assert counts["zoom_in"] + counts["zoom_out"] > counts["pan_left"] + counts["pan_right"]
    travelled = [
        shot.moves[0].amount for shot in shots if shot.moves[0].move.startswith("truck") and len(shot.moves) == 1
    ]
    assert np.median(travelled) > 0.4, "parallax of a truck is plain"


def test_opposite_moves_are_equally_likely():
    counts = Counter(move.move for shot in drawn("training") for move in shot.path.moves)
    for left, right in (("pan_left", "pan_right"), ("zoom_in", "zoom_out"), ("tilt_up", "tilt_down")):
        assert 0.55 < counts[left] / counts[right] < 1.8


@pytest.mark.parametrize("preset", ["validation", "training"])
def test_the_camera_never_comes_into_things_nor_do_things_meet(preset):
    for shot in drawn(preset)[:120]:
        course = Course(path=shot.path, subject=shot.subject)
        inside, hit = clearance(shot.scene, course, samples=60)
        assert inside
        assert not hit - {shot.subject}
        assert not crossings(shot.scene, course)


def test_seeds_decide_everything():
    assert draw_shot(5, WorldConfig.validation()).moves == draw_shot(5, WorldConfig.validation()).moves
    assert draw_scene(5).objects == draw_scene(5).objects
    assert draw_scene(5).objects != draw_scene(6).objects
    assert draw_shot(5, take=1).scene.objects != draw_shot(5, take=2).scene.objects


def test_training_refuses_evaluation_seeds():
    check_training_seed(EVALUATION_SEED_START - 1)
    for seed in (EVALUATION_SEED_START, EVALUATION_SEED_START + 7, -1):
        with pytest.raises(ConfigError, match=str(seed)):
            check_training_seed(seed)


def test_configs_are_frozen_and_refuse_unknown_keys():
    with pytest.raises(ValidationError):
        WorldConfig(colour="red")
    with pytest.raises(ValidationError):
        WorldConfig.training().seconds = (1.0, 2.0)
    with pytest.raises(ConfigError, match="validation"):
        WorldConfig.preset("valid")


@pytest.mark.parametrize("preset", ["validation", "training"])
def test_captions_name_every_move_in_order_and_nothing_else(preset):
    for shot in drawn(preset)[:150]:
        asked = list(dict.fromkeys(move.move for move in shot.moves))
        caption = caption_of(shot)
        assert set(caption) == {"short", "dense", "main_object", "background", "camera", "style"}
        assert all(caption.values())
        assert len(caption["short"].split()) <= 40
        for key in ("short", "dense", "camera"):
            assert moves_in_text(caption[key]) == asked, caption[key]
        assert moves_in_text(caption["main_object"] + caption["background"] + caption["style"]) == []


def test_captions_tell_what_the_camera_reveals():
    told = 0
    for shot in drawn("training")[:60]:
        for event in shot.events:
            if event.event == "appears":
                told += 1
                assert 0 < event.start <= event.end <= shot.seconds
        revealed = [event.object for event in shot.events if event.event == "appears"]
        if revealed:
            assert revealed[0] in caption_of(shot)["short"]
    assert told > 10


def test_a_caption_of_a_span_tells_only_what_happens_in_it():
    shot = next(shot for shot in drawn("training") if len(shot.moves) == 2)
    first, second = shot.moves
    early, late = caption_of(shot, (0.0, first.end)), caption_of(shot, (second.start, shot.seconds))
    assert moves_in_text(early["short"]) == [first.move]
    assert moves_in_text(late["dense"]) == [second.move]
    shot = next(
        shot for shot in drawn("training") for event in shot.events if event.event == "appears" and event.start > 2
    )
    event = next(event for event in shot.events if event.event == "appears" and event.start > 2)
    assert event.object not in caption_of(shot, (0.0, 1.0))["dense"]
    assert "revealing" not in caption_of(shot, (0.0, 0.001))["short"]


def test_objects_enter_where_the_camera_turns_to():
    entered = defaultdict(Counter)
    for shot in drawn("training"):
        if len(shot.moves) == 1 and shot.moves[0].move in ("pan_left", "pan_right"):
            for event in shot.events:
                if event.event == "appears" and event.cause == "camera":
                    entered[shot.moves[0].move][event.border] += 1
    assert set(entered["pan_left"]) <= {"left", "inside"}
    assert set(entered["pan_right"]) <= {"right", "inside"}
    assert entered["pan_left"]["left"] > 3
    assert entered["pan_right"]["right"] > 3
