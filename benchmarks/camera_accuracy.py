"""How well the camera judge names moves of rendered shots: precision, recall and F1 per move, classes, cost.

    python benchmarks/camera_accuracy.py --preset validation --first-seed 1000000 --count 60
    python benchmarks/camera_accuracy.py --first-seed 1000000 1100000 --count 60 100 --keep renders
    python benchmarks/camera_accuracy.py --preset training --first-seed 1000000 --count 100

`validation` shots are rendered at their own shape (short side at most 256), compressed with their own crf and sampled
at 8 frames per second. `training` shots are filmed like generated videos: 17 frames of 64x64 sampled at M of 4 to 16,
taken as 8 frames per second, every other one slightly blurred. Prints JSON rows: of every range of seeds, and, where
there are several, of all shots together; `f1_interval` holds 95 % of F1 over shots drawn again. `--keep` is a folder
for the rendered clips, which no judge changes.

Group `all` and `class_accuracy` count every shot. Where the judge cannot tell which of two moves runs, that counts as a
miss, unless the truth itself is ambiguous (`camera_difficulty.ambiguous`, a rule on depth and motion that knows nothing
of the judge): there it is right if it holds the true move and its twin and no other, and so is class None where the
class hangs on it. A name that is wrong is wrong everywhere. `uncredited` counts every "cannot tell" as a miss, and
`coverage` is the share of answers that are names. Beside them: quartiles of `camera_difficulty.difficulty`, and the
shots whose travel shows parallax at all (`decidable`). `--exact` judges points that follow the renderer's flow.
"""

from __future__ import annotations

import argparse
import collections
import pickle
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from camera_difficulty import PARALLAX_PX, ambiguous, decidable, difficulty, evidence
from exact_tracks import exact_points
from kept_rows import keep, origin

from dropletvideo import media
from dropletvideo.evaluate.camera_match import confusion
from dropletvideo.moves import CAMERA_CLASSES, MOVES
from dropletvideo.perception.camera import CameraJudge
from dropletvideo.perception.judge import Chunk
from dropletvideo.perception.point_tracks import PointTracks
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot

RATE = 8.0
MOTIONS = (4, 6, 8, 12, 16)
RESAMPLES = 2000
DECIDABLE = f"decidable: travel with parallax of {PARALLAX_PX:g} px or more"


def coded(frames, crf):
    """Frames after compression, short side 256, and the file's row."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        media.write_video(path, frames, playback_fps=RATE, crf=crf)
        run = media.read_video(path, short_side=256)
    return run.frames, {"height": frames.shape[1], "width": frames.shape[2]}


def validation_clip(seed, exact=False):
    """Frames and row, seconds of each frame, true moves, class and what makes the shot hard; `exact` adds the points
    that the renderer knows to the row."""
    shot = draw_shot(seed, WorldConfig.validation())
    scale = min(1.0, 256 / min(shot.height, shot.width))
    height, width = (max(2, round(side * scale / 2) * 2) for side in (shot.height, shot.width))
    indices = np.unique(np.round(np.arange(0, shot.num_frames, max(shot.source_fps / RATE, 1.0))).astype(int))
    indices = indices[indices < shot.num_frames]
    times = indices / shot.source_fps
    taken = render_shot(shot, height, width, frame_indices=indices, flow=exact)
    frames, row = coded(taken.frames, shot.crf)
    if exact:
        row["points"] = exact_points(frames, times, taken.flow, taken.occluded)
    hard = {
        "shake": any(move.move == "shake" for move in shot.moves),
        "flat": shot.scene.flat,
        "weak_texture": shot.scene.weak,
        "moving_over_10_percent": shot.moving_share(shot.seconds / 2) > 0.1,
        "several_moves": sum(move.move != "shake" for move in shot.moves) > 1,
    }
    pixels = evidence(shot)
    hard[DECIDABLE] = decidable(shot, pixels)
    hard["difficulty"] = difficulty(shot, pixels)
    hard["ambiguous"] = ambiguous(shot, pixels)
    return (frames, row), times, [move.move for move in shot.moves], shot.camera_class, hard


def exact_clip(seed):
    """`validation_clip` with the renderer's own points."""
    return validation_clip(seed, exact=True)


def generated_clip(seed):
    """A training shot as a generated video would show it; no class: the sampled part may hold one of two moves."""
    shot, motion = draw_shot(seed, WorldConfig.training()), MOTIONS[seed % len(MOTIONS)]
    indices = np.round(np.arange(17) * shot.source_fps / motion).astype(int)
    frames = render_shot(shot, 64, 64, frame_indices=np.minimum(indices, shot.num_frames - 1)).frames
    if seed % 2:
        frames = np.stack([cv2.GaussianBlur(frame, (0, 0), 0.6) for frame in frames])
    seconds = 16 / motion
    moves = [move.move for move in shot.moves if min(move.end, seconds) - move.start > 0.25 * seconds]
    return coded(frames, 18), np.arange(17) / RATE, moves, None, {f"M={motion}": True, "blurred": bool(seed % 2)}


def judged(frames, row, times):
    """Columns, and milliseconds per sampled pair."""
    judge, points = CameraJudge(), PointTracks()
    begin = time.process_time()
    state = judge.start(row)
    chunk = Chunk(frames, times, np.arange(len(frames)))
    followed = row.get("points") or points(points.start(row), chunk)
    judge.update(state, replace(chunk, features={points.name: followed}))
    columns = judge.finish(state)
    return columns, (time.process_time() - begin) * 1e3 / max(len(frames) - 1, 1)


def rates(hits, true, found):
    """Precision, recall and F1 of counts."""
    return {
        "precision": round(hits / found, 3) if found else None,
        "recall": round(hits / true, 3) if true else None,
        "f1": round(2 * hits / (true + found), 3) if true + found else None,
        "true": true,
        "found": found,
    }


def interval(shots):
    """2.5th and 97.5th percentile of F1 over shots drawn again; `shots` are hits, true and found moves of each."""
    drawn = np.random.default_rng(0).integers(0, len(shots), (RESAMPLES, len(shots)))
    hits, true, found = np.array(shots)[drawn].sum(axis=1).T
    low, high = np.percentile(2 * hits / np.maximum(true + found, 1), [2.5, 97.5])
    return [round(float(low), 3), round(float(high), 3)]


def credited(true, columns, camera_class, twins):
    """Names and class that count as found: of unclear times those that are ambiguous in truth (`twins`)."""
    found = set(columns["camera_moves"])
    hang = {move for move, twin in twins.items() if MOVES[move].camera_class != MOVES[twin].camera_class}
    for entry in columns["camera_unclear"]:
        found |= {move for move, twin in twins.items() if move in true and {move, twin} == set(entry["moves"])}
    told = columns["camera_class"]
    if told is None and columns["camera_unclear"] and camera_class in {MOVES[move].camera_class for move in hang}:
        return found, camera_class
    return found, told


class Tally:
    """Counts of named moves and classes, per move and per condition."""

    def __init__(self):
        self.moves = collections.defaultdict(lambda: [0, 0, 0])
        self.groups = collections.defaultdict(list)
        self.classes = collections.Counter()
        self.by_group = collections.defaultdict(list)
        self.single = collections.defaultdict(list)
        self.uncredited = collections.defaultdict(lambda: [0, 0, 0])
        self.uncredited_classes = collections.defaultdict(list)
        self.answers = collections.defaultdict(lambda: [0, 0])
        self.asked = []

    def add(self, true, columns, camera_class, hard):
        """Count one clip."""
        true, told = set(true), set(columns["camera_moves"])
        found, right_class = credited(true, columns, camera_class, hard.pop("ambiguous", {}))
        for group in ("all", *(name for name, is_so in hard.items() if is_so)):
            self._add_uncredited(group, true, told, columns, camera_class)
        self.asked.append((sorted(true - {"shake"}), sorted(told - {"shake"}), columns["camera_unclear"]))
        self._add(true, found, (camera_class, right_class), hard)

    def _add_uncredited(self, group, true, told, columns, camera_class):
        for move in true | told:
            self._count(self.uncredited[group], move, true, told)
        self.answers[group][0] += len(told)
        self.answers[group][1] += len(told) + len(columns["camera_unclear"])
        if camera_class is not None:
            self.uncredited_classes[group].append(camera_class == columns["camera_class"])

    def _add(self, true, found, classes, hard):
        for move in true | found:
            self._count(self.moves[move], move, true, found)
        for group in ("all", *(name for name, is_so in hard.items() if is_so)):
            self.groups[group].append((len(true & found), len(true), len(found)))
            if classes[0] is not None:
                self.by_group[group].append(classes)
        if classes[0] is not None:
            self.classes[classes] += 1
        if len(true - {"shake"}) == 1:
            (move,) = true - {"shake"}
            self.single[move.split("_")[0]].append(move in found)

    @staticmethod
    def _count(counts, move, true, found):
        counts[0] += move in true and move in found
        counts[1] += move in true
        counts[2] += move in found

    def rows(self):
        """Result rows."""
        for move, counts in sorted(self.moves.items()):
            yield {"move": move, **rates(*counts)}
        for group, shots in self.groups.items():
            counts = [sum(column) for column in zip(*shots, strict=True)]
            classes = self.by_group[group]
            right = sum(wanted == found for wanted, found in classes)
            told = {"class_accuracy": round(right / len(classes), 3), "clips": len(classes)} if classes else {}
            named, answers = self.answers[group]
            uncredited = {"f1": rates(*self.uncredited[group])["f1"]}
            if classes:
                uncredited["class_accuracy"] = round(float(np.mean(self.uncredited_classes[group])), 3)
            more = {
                "f1_interval": interval(shots),
                "uncredited": uncredited,
                "coverage": round(named / answers, 3) if answers else None,
            }
            yield {"group": group, **rates(*counts), **told, **more}
        for true in CAMERA_CLASSES:
            row = {str(found): count for (wanted, found), count in self.classes.items() if wanted == true}
            if row:
                fair = [found for wanted, found in self.by_group[DECIDABLE] if wanted == true]
                share = {"recall": round(row.get(true, 0) / sum(row.values()), 3)}
                if fair:
                    share["recall_decidable"] = round(fair.count(true) / len(fair), 3)
                yield {"class": true, "judged_as": row, **share}
        asked, told, unclear = zip(*self.asked, strict=True)
        either = [[entry["moves"] for entry in entries] for entries in unclear]
        table = confusion(asked, told, either)
        yield {"confusion": {move: {k: round(v, 3) for k, v in cells.items()} for move, cells in table.items()}}
        yield {"single_moves_found": {axis: f"{sum(hits)}/{len(hits)}" for axis, hits in sorted(self.single.items())}}


def by_quartile(clips):
    """The clips with their quartile of difficulty among the conditions, where they have a difficulty."""
    bounds = np.percentile([hard.get("difficulty", 0.0) for *_, hard in clips], [25, 50, 75])
    for moves, columns, camera_class, hard in clips:
        if "difficulty" in hard:
            value = hard.pop("difficulty")
            hard |= {f"difficulty quartile {1 + int(np.searchsorted(bounds, value))} of 4": True}
        yield moves, columns, camera_class, hard


def kept(make, seed, folder):
    """The clip of a seed, from `folder` if it was rendered before."""
    if folder is None:
        return make(seed)
    path = folder / f"{make.__name__}_{seed}.pickle"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(make(seed)))
    return pickle.loads(path.read_bytes())


def measured(make, seeds, folder):
    """Truth, columns and conditions of every seed, with what it cost."""
    shots = []
    for seed in seeds:
        (frames, row), times, moves, camera_class, hard = kept(make, seed, folder)
        columns, cost = judged(frames, row, times)
        shots.append((moves, columns, camera_class, hard, cost))
    return shots


def result_rows(shots):
    """Rows of some shots taken together, quartiles of difficulty among them."""
    tally = Tally()
    for clip in by_quartile([(*clip, dict(hard)) for *clip, hard, _ in shots]):
        tally.add(*clip)
    quartiles = [round(float(value), 1) for value in np.percentile([cost for *_, cost in shots], [25, 50, 75])]
    return [*tally.rows(), {"clips": len(shots), "cpu_ms_per_pair_quartiles": quartiles}]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=("validation", "training"), default="validation")
    parser.add_argument("--first-seed", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--count", type=int, nargs="+", default=[60], help="one for each first seed")
    parser.add_argument("--exact", action="store_true", help="points that the renderer knows, in place of tracked ones")
    parser.add_argument("--keep", type=Path, help="folder of rendered clips")
    parser.add_argument("--out", type=Path, help="append the rows to this JSONL file")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.exact and options.preset != "validation":
        parser.error("--exact: the points of validation shots are known; leave out --preset training")
    make = generated_clip if options.preset == "training" else exact_clip if options.exact else validation_clip
    ranges = [range(first, first + count) for first, count in zip(options.first_seed, options.count, strict=True)]
    runs = {f"{seeds[0]}-{seeds[-1]}": measured(make, seeds, options.keep) for seeds in ranges}
    if len(runs) > 1:
        runs["all"] = [shot for shots in runs.values() for shot in shots]
    taken = {
        "preset": options.preset,
        "points": "exact" if options.exact else "tracked",
        **origin(),
        "judge_version": CameraJudge.version,
    }
    for row in [{"seeds": seeds} | row for seeds, shots in runs.items() for row in result_rows(shots)]:
        keep(row | taken, options.out)


if __name__ == "__main__":
    main()
