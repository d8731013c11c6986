"""Every file of `curate/stages` keeps the stage contract; a new one is tested by being there."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest
from pydantic import ValidationError

from dropletvideo import media
from dropletvideo.curate.recipe import load_recipe, recipe_names, stage_module, stage_names
from dropletvideo.perception.judge import Chunk, Features, Frames, Judge
from dropletvideo.tables.clock import FrameClock
from dropletvideo.tables.fingerprint import fingerprint
from dropletvideo.tables.order import order
from dropletvideo.tables.plan import measure_video
from dropletvideo.tables.stage import Stage

PLAIN = {float: (float, int), int: int, str: str, bool: bool, list: list, dict: dict}


@pytest.fixture(autouse=True)
def _weights_at_toy_size(toy_weights, short_dover, short_raft):
    """Learned stages are held to the same contract, with random weights in the published formats."""


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Two textured shots of 30 frames; the first pans, the second rests."""
    rng = np.random.default_rng(3)
    path = tmp_path_factory.mktemp("contract") / "two_shots.mp4"
    frames = []
    for shot in range(2):
        coarse = rng.integers(0, 255, (12, 20, 3), dtype=np.uint8)
        texture = media.resize(coarse, size=(144, 240))
        frames += [texture[10:106, 20 + (1 - shot) * 2 * k :][:, :128] for k in range(30)]
    media.write_video(path, np.stack(frames), playback_fps=12, crf=18)
    return path


def built(name) -> Stage:
    module = stage_module(name)
    return module.build(module.Config())


@pytest.mark.parametrize("name", stage_names())
def test_a_stage_says_what_it_is_and_builds_from_its_defaults(name):
    module = stage_module(name)
    assert module.__doc__
    assert module.build.__doc__
    stage = built(name)
    assert stage.name == name, "a recipe names a stage by its file"
    assert json.loads(json.dumps(dict(stage.params))) == dict(stage.params)
    assert pickle.loads(pickle.dumps(stage)).params == stage.params, "stages travel to worker processes"
    assert fingerprint(stage) == fingerprint(built(name))
    if stage.judge is not None:
        assert isinstance(stage.judge, Judge)


@pytest.mark.parametrize("name", stage_names())
def test_a_config_is_frozen_and_refuses_unknown_keys(name):
    config_class = stage_module(name).Config
    config = config_class()
    with pytest.raises(ValidationError):
        config_class.model_validate({"no_such_parameter": 1})
    for field in config_class.model_fields:
        with pytest.raises(ValidationError):
            setattr(config, field, None)


@pytest.mark.parametrize("name", [n for n in stage_names() if built(n).kind == "frames->columns"])
def test_same_video_same_columns_as_declared(name, video):
    stage = built(name)
    first, again = (measure_video(video, [built(name).judge], spans=[(0, 30), (30, None)]) for _ in range(2))
    assert repr(first) == repr(again)
    for row in first:
        for column, kind in stage.columns.items():
            value = row[column]
            plain = getattr(kind, "__origin__", kind)
            assert value is None or isinstance(value, PLAIN[plain]), f"{column}={value!r} is no {plain.__name__}"
            if plain is float and value is not None:
                assert not math.isinf(value)
            json.dumps(value)


@pytest.mark.parametrize("name", [n for n in stage_names() if built(n).judge is not None])
def test_the_answer_does_not_depend_on_how_frames_are_chunked(name, video):
    judge = built(name).judge
    if isinstance(judge.needs, Features):
        pytest.skip("the backbone's frames are chunked by the plan")
    want = judge.needs if isinstance(judge.needs, Frames) else Frames(short_side=judge.needs.short_side)
    run = media.read_video(video, rate=want.rate, short_side=want.short_side, colour=want.colour)
    answers = []
    for size in (1, 7, len(run)):
        state = judge.start({"path": str(video), "start_frame": 0, "end_frame": 60, "source_fps": 12.0})
        for at in range(0, len(run), size):
            part = slice(at, at + size)
            judge.update(state, Chunk(frames=run.frames[part], times=run.times[part], indices=run.indices[part]))
        answers.append(json.dumps(judge.finish(state), default=str))
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("name", [n for n in stage_names() if built(n).kind == "clips->clips"])
def test_clips_made_of_clips_lie_in_them_in_order_and_what_is_not_told_joins_and_splits_nothing(name):
    stage = built(name)
    clock = FrameClock("1/10", 10.0)
    clock.add(np.arange(300), np.arange(300))
    spans = [(0, 50), (50, 100), (120, 290)]
    rows = [
        {"start_frame": a, "end_frame": b, "start_pts": a, "end_pts": b, "time_base": "1/10", "source_fps": 10.0}
        | dict.fromkeys([*stage.needs_columns, *(column for one in stage.needs_any for column in one)])
        for a, b in spans
    ]
    found = stage.function(rows, lambda: clock)
    assert found == stage.function(rows, lambda: clock)
    assert [(one["start_frame"], one["end_frame"]) for one in found] == spans
    assert pickle.loads(pickle.dumps(stage)).function(rows, lambda: clock) == found


@pytest.mark.parametrize("name", recipe_names())
def test_a_shipped_recipe_runs_in_one_order_and_names_every_parameter_right(name):
    recipe = load_recipe(name)
    stages = recipe.build()
    assert [stage.name for stage in stages] == list(recipe.stages)
    assert order(stages)
    given = {column for stage in stages for column in stage.columns}
    for selection in recipe.selections.values():
        for text in selection.where:
            assert any(column in text for column in given | {"duration_seconds"}), f"{text!r} reads nothing measured"
