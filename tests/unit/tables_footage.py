"""Judges, stages and footage that the tests of the tables share; importable from worker processes."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import numpy as np

from dropletvideo import media
from dropletvideo.perception.judge import Frames
from dropletvideo.records import Boundary
from dropletvideo.tables.stage import Stage

SHOTS = (40, 3, 70, 12)
SPANS = [(2, 27), (27, 38), (45, 70), (70, 95), (95, 111), (115, 123)]


def write_shots(path, seed=0):
    """A video of four flat shots; the seed changes its bytes and not its boundaries."""
    levels = np.repeat([40, 120, 200, 80], SHOTS).astype(np.uint8) + np.uint8(seed % 16)
    frames = np.repeat(levels, 48 * 64 * 3).reshape(-1, 48, 64, 3).copy()
    frames[:, :8, :8] = seed // 16
    media.write_video(path, frames, playback_fps=25, preset="ultrafast")
    return path


class Levels:
    """A cut detector for flat shots: a boundary where the mean grey level jumps; settles `lag` frames late."""

    name, version = "levels", 1
    needs = Frames(rate=None, short_side=16, colour="gray", span="video")
    columns = {"boundaries": list}  # noqa: RUF012

    def __init__(self, lag=5):
        self.lag = lag

    def start(self, row):
        return {"levels": []}

    def update(self, state, chunk):
        state["levels"] += chunk.frames.mean(axis=(1, 2, 3)).tolist()

    def _found(self, state, frame):
        jumps = np.flatnonzero(np.abs(np.diff(state["levels"][:frame])) > 20) + 1
        return [Boundary(frame=int(at), end_frame=int(at), kind="cut", score=1.0) for at in jumps]

    def settled(self, state):
        frame = max(0, len(state["levels"]) - self.lag)
        return self._found(state, frame), frame

    def finish(self, state):
        found = self._found(state, len(state["levels"]))
        return {
            "boundaries": [{"frame": b.frame, "end_frame": b.end_frame, "kind": b.kind, "score": 1.0} for b in found]
        }


def trim_and_cut(shot):
    """Two frames off each end, 25 frames at most, 5 at least."""
    start, end = shot.start_frame + 2, shot.end_frame - 2
    clips = []
    while start < end:
        clips.append((start, min(start + 25, end)))
        start += 25
    return [clip for clip in clips if not shot.is_closed or clip[1] - clip[0] >= 5]


class Grey:
    """Mean grey level and the list of words for it; notes every clip it starts in a file, and may misbehave."""

    version = 1

    def __init__(self, name="grey", log=None, act="", needs=None):
        self.name, self.log, self.act = name, log, act
        self.needs = needs or Frames(rate=5.0, short_side=16)
        self.columns = {name: float, f"{name}_words": list}

    def start(self, row):
        if self.log:
            with Path(self.log).open("a") as file:
                file.write(f"{self.name} {row['video_path']}:{row['start_frame']}\n")
        return []

    def update(self, state, chunk):
        if self.act == "fail":
            raise ZeroDivisionError("no grey here")
        if self.act == "hang":
            time.sleep(600)
        if self.act == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.act == "slow":
            time.sleep(0.05)
        state.append(float(chunk.frames.mean()))

    def finish(self, state):
        if not state:
            return {self.name: None, f"{self.name}_words": []}
        words = ["dark" if state[0] < 100 else "bright", {"first": state[0]}]
        return {
            self.name: float("nan") if self.act == "nan" else np.float32(np.mean(state)),
            f"{self.name}_words": words,
        }


def segment(lag=5, **more):
    return Stage(
        name="segment",
        version=1,
        kind="video->clips",
        params={"lag": lag, **more},
        columns=Levels.columns,
        judge=Levels(lag),
        function=trim_and_cut,
    )


def grey(name="grey", log=None, act="", version=1, gate=None, needs_columns=(), **params):
    judge = Grey(name, log, act)
    return Stage(
        name=name,
        version=version,
        kind="frames->columns",
        params=params,
        columns=judge.columns,
        judge=judge,
        gate=gate,
        needs_columns=needs_columns,
    )


def rank_rows(rows, column):
    order = sorted(range(len(rows)), key=lambda place: rows[place][column] or 0.0)
    return [{"rank": order.index(place)} for place in range(len(rows))]


def rank(column="grey"):
    return Stage(
        name="rank",
        version=1,
        kind="table->columns",
        columns={"rank": int},
        function=partial(rank_rows, column=column),
        needs_columns=(column,),
    )


def pair_up(rows, clock):
    """Join clips that touch."""
    joined = []
    for row in rows:
        if joined and joined[-1]["end_frame"] == row["start_frame"]:
            joined[-1] = {**joined[-1], "end_frame": row["end_frame"]}
        else:
            joined.append({"start_frame": row["start_frame"], "end_frame": row["end_frame"]})
    return joined


def stitch():
    return Stage(name="stitch", version=1, kind="clips->clips", function=pair_up, needs_columns=("grey",))


def calls(log, name=None):
    """How many clips a judge has started, by its log."""
    lines = Path(log).read_text().splitlines() if Path(log).exists() else []
    return sum(line.startswith(f"{name} ") for line in lines) if name else len(lines)
