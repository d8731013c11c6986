"""Every judge in `perception/` keeps the contract of `perception/judge.py`; a new file is picked up by itself."""

from __future__ import annotations

import importlib
import json
import math
import pkgutil
from dataclasses import replace

import cv2
import numpy as np
import pytest

from dropletvideo import perception
from dropletvideo.perception.backbones import BACKBONES
from dropletvideo.perception.judge import Chunk, Features, Frames, Judge, Picked

RATE = 8.0
NEEDS_A_PAIR = {
    "motion_score",
    "flow_2fps_px",
    "motion_score_consistent",
    "compensated_flicker",
    "temporal_flickering",
}


@pytest.fixture(autouse=True)
def _weights_at_toy_size(toy_weights, short_dover, short_raft):
    """Learned judges are held to the same contract, with random weights in the published formats."""


def judge_classes() -> list[type]:
    """Classes with the four parts of a judge, each under the module that defines it."""
    found = []
    for module in pkgutil.iter_modules(perception.__path__, "dropletvideo.perception."):
        if module.name.endswith(".judge"):
            continue
        loaded = importlib.import_module(module.name)
        for value in vars(loaded).values():
            is_own = isinstance(value, type) and value.__module__ == module.name
            if is_own and all(hasattr(value, part) for part in ("start", "update", "finish", "columns")):
                found.append(value)
    return found


CLASSES = judge_classes()
every_judge = pytest.mark.parametrize("made", CLASSES, ids=lambda made: made.__name__)


def frames_for(needs: Frames, kind: str, count: int = 13) -> np.ndarray:
    """`count` frames as the decode plan would hand them out: a moving texture, or a degenerate clip."""
    return _thirteen(needs, kind)[:count]


def _thirteen(needs: Frames, kind: str) -> np.ndarray:
    count = 13
    side = needs.short_side or 64
    width = side * 4 // 3
    if kind == "moving":
        noise = np.random.default_rng(1).uniform(0, 255, (12, 24, 3)).astype(np.float32)
        canvas = np.clip(cv2.resize(noise, (width * 2, side), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)
        steps = [round(index * width / 60) for index in range(count)]
        rgb = np.stack([canvas[:, step : step + width] for step in steps])
    else:
        rgb = np.full((count, side, width, 3), {"black": 0, "white": 255, "grey": 119}[kind], np.uint8)
    if needs.colour == "rgb":
        return rgb
    return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in rgb])[..., None]


def chunks_of(frames: np.ndarray, size: int) -> list[Chunk]:
    indices = np.arange(len(frames))
    starts = range(0, len(frames), size)
    return [
        Chunk(
            frames=frames[at : at + size], times=2.5 + indices[at : at + size] / RATE, indices=indices[at : at + size]
        )
        for at in starts
    ]


def row_of(frames: np.ndarray) -> dict:
    """What is known when the first frame comes; judges take of it what they know."""
    end = {"end_frame": len(frames)}  # only judges of picked frames know it, but it harms none
    return {**end, "source_fps": RATE, "start_frame": 0, "height": frames.shape[1], "width": frames.shape[2]}


class Feeder:
    """Hands chunks to a judge with the backbone's output that it asks for, as the decode plan does."""

    def __init__(self, judge: Judge, row: dict) -> None:
        self.judge = judge
        self.name = judge.needs.backbone if isinstance(judge.needs, Features) else None
        self.backbone = BACKBONES[self.name]() if self.name else None
        self.state = self.backbone.start(row) if self.backbone else None

    def update(self, state, chunk: Chunk) -> None:
        if self.backbone:
            chunk = replace(chunk, features={self.name: self.backbone(self.state, chunk)})
        self.judge.update(state, chunk)


def asked_frames(judge: Judge) -> Frames:
    """The frames that the decode plan would bring for this judge or its backbone."""
    if isinstance(judge.needs, Frames):
        return judge.needs
    if isinstance(judge.needs, Picked):
        return Frames(short_side=judge.needs.short_side, colour=judge.needs.colour)
    colour = getattr(BACKBONES[judge.needs.backbone](), "colour", "rgb")
    return Frames(rate=judge.needs.rate, short_side=judge.needs.short_side, colour=colour)


def run(judge: Judge, frames: np.ndarray, size: int = 32, row: dict | None = None) -> dict:
    state = judge.start({**row_of(frames), **(row or {})})
    feeder = Feeder(judge, row_of(frames))
    for chunk in chunks_of(frames, size):
        feeder.update(state, chunk)
    return judge.finish(state)


def plain(value):
    """JSON form, NaN as null; anything that JSON does not know raises."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return json.loads(json.dumps(value, allow_nan=False))


def test_there_are_judges():
    assert {"CameraJudge", "ConsistentFlow", "FirstFrameFidelity", "TemporalFlickering"} <= {
        c.__name__ for c in CLASSES
    }


@every_judge
def test_declared_parts(made):
    judge = made()
    assert isinstance(judge, Judge)
    assert isinstance(judge.name, str)
    assert judge.name
    assert isinstance(judge.version, int)
    assert judge.version >= 1
    assert judge.columns
    for name, kind in judge.columns.items():
        assert name == name.lower()
        assert kind in (float, int, str, bool, list, dict, np.ndarray), f"{name} is declared as {kind}"


@every_judge
def test_docstring_names_unit_range_direction_and_source(made):
    text = f"{importlib.import_module(made.__module__).__doc__} {made.__doc__}".lower()
    for word in ("unit", "range", "direction", "source"):
        if word == "unit" and any(unit in text for unit in ("px", "db", "per second", "seconds", "levels", "unit")):
            continue
        if word == "range" and any(spelt in text for spelt in ("range", "0 to 1", "0..1", "[0, 1]")):
            continue
        if word == "direction" and any(spelt in text for spelt in ("direction", "higher", "lower")):
            continue
        assert word in text, f"the docstring of {made.__module__} does not name its {word}"
    for column in made().columns:
        family = column.rsplit("_", 1)[0]
        assert family in text, f"the docstring of {made.__module__} does not name its column {column}"


def test_names_and_columns_belong_to_one_judge_each():
    names = [made().name for made in CLASSES]
    columns = [column for made in CLASSES for column in made().columns if column != "boundaries"]  # of any detector
    assert len(names) == len(set(names))
    assert len(columns) == len(set(columns))


@every_judge
def test_same_input_same_output_in_chunks_of_any_size(made):
    judge = made()
    frames = frames_for(asked_frames(judge), "moving")
    row = {"image_frame": frames_for(Frames(short_side=asked_frames(judge).short_side), "moving")[3]}
    first = run(judge, frames, 32, row)
    assert set(first) == set(judge.columns)
    for size in (32, 5, 1):
        assert plain(run(made(), frames, size, row)) == plain(first), f"chunks of {size} change the result"


@every_judge
def test_two_clips_at_once_do_not_mix(made):
    judge = made()
    clips = [frames_for(asked_frames(judge), kind) for kind in ("moving", "grey")]
    alone = [plain(run(judge, clip, 4)) for clip in clips]
    states = [judge.start(row_of(clip)) for clip in clips]
    feeders = [Feeder(judge, row_of(clip)) for clip in clips]
    for pair in zip(*(chunks_of(clip, 4) for clip in clips), strict=True):
        for feeder, state, chunk in zip(feeders, states, pair, strict=True):
            feeder.update(state, chunk)
    assert [plain(judge.finish(state)) for state in states] == alone


@every_judge
def test_frames_are_not_changed(made):
    judge = made()
    frames = frames_for(asked_frames(judge), "moving")
    before = frames.copy()
    run(judge, frames)
    assert np.array_equal(frames, before)


@every_judge
@pytest.mark.parametrize("kind", ["moving", "black", "white", "grey"])
@pytest.mark.parametrize("count", [0, 1, 2, 13])
def test_degenerate_clips_give_declared_columns_and_no_invented_number(made, kind, count):
    judge = made()
    columns = run(judge, frames_for(asked_frames(judge), kind, count))
    assert set(columns) == set(judge.columns)
    told = {name: value for name, value in plain(columns).items() if value is not None}
    for name, value in told.items():
        allowed = (int, float) if judge.columns[name] is float else judge.columns[name]
        assert isinstance(value, allowed), f"{name}={value!r} is not {judge.columns[name].__name__} as declared"
    if count < 2:
        assert not NEEDS_A_PAIR & told.keys(), "a number about change was made up from one frame"
    if count == 0:
        numbers = {n: v for n, v in told.items() if isinstance(v, int | float) and not isinstance(v, bool) and v != 0}
        assert not numbers, "numbers were made up from no frame at all"
    if kind != "moving" and count == 13:
        assert told.get("motion_score", 0.0) == pytest.approx(0.0, abs=1e-3)
        assert told.get("motion_score_consistent", 0.0) == pytest.approx(0.0, abs=1e-3)
