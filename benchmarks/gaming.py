"""Answers that no model made, against the metrics: what a request's first frame and a few lines of code can score.

    python benchmarks/gaming.py --count 3 --first-seed 1000000 --work OUT

Each request of single moves of `world/consistency_suite.py` is answered by its rendered truth and by

    crop         a window of two thirds of the first frame that moves over it just as asked
    mirrored     the whole first frame moved just as asked, by the true lens; beyond its edge its mirror image
    stretched    the same with its edge stretched; for travel all three move it as a plane at the true middle depth
    black        the same with black
    cross_fade   the first frame fading into the truth of another scene
    no_plot      the truth of the scene with nothing moving in it
    loop         the first second of the truth, again and again
    other_scene  the truth of another scene with the same move
    shaken       the truth with a jitter of up to 4 px
    repainted    the truth with things that change their colours half way

and all are scored alike. JSON rows: by asked move the IST of each with its 95 % interval and whether it reaches the
truth's, and by answer the mean of every part and of the camera's F1.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from kept_rows import keep, on_one_core

from dropletvideo.evaluate.aggregate import mean_estimate
from dropletvideo.evaluate.faults import Clip, jitter
from dropletvideo.evaluate.metric import load_metric
from dropletvideo.evaluate.rows import scores_of
from dropletvideo.evaluate.score import EvaluateConfig, evaluate_manifest
from dropletvideo.media import write_image, write_video
from dropletvideo.world.consistency_suite import PLAYBACK_RATE, ConsistencySuite, draw_requests, request_row
from dropletvideo.world.inconsistency import swapped
from dropletvideo.world.plots import Motion
from dropletvideo.world.render import render_shot

METRICS = ("geometry", "revisit", "emergence", "plot", "causality", "consistency", "camera")
PARTS = ("ist", "delivered", "geometry", "emergence", "emergence_found", "plot", "causality", "camera_f1")
BORDERS = {
    "mirrored": cv2.BORDER_REFLECT_101,
    "stretched": cv2.BORDER_REPLICATE,
    "black": cv2.BORDER_CONSTANT,
}
ANSWERS = (
    "crop",
    *BORDERS,
    "cross_fade",
    "no_plot",
    "loop",
    "other_scene",
    "shaken",
    "repainted",
)
WINDOW = 2 / 3
"""Side of the crop over that of the picture."""


class Scene:
    """A request with its truth and what an answer may be made of."""

    def __init__(self, request, config: ConsistencySuite) -> None:
        self.request, self.config = request, config
        self.size = (config.width, config.height)
        self.times = np.arange(config.num_frames) / config.motion
        rendered = render_shot(request.shot, config.height, config.width, times=self.times[:1], depth=True)
        self.truth = render_shot(request.shot, config.height, config.width, times=self.times).frames
        self.middle = float(np.median(rendered.depth))

    def homographies(self):
        """F,3,3 from the first frame's pixels to each frame's: turns and lens as they are, travel past a plane."""
        cameras = self.request.shot.cameras_at(self.config.height, self.config.width, self.times)
        turns, spots = cameras.cam_to_world[:, :3, :3], cameras.cam_to_world[:, :3, 3]
        back, ahead = np.linalg.inv(cameras.K[0]), np.array([0.0, 0.0, 1.0])
        maps = []
        for lens, turn, spot in zip(cameras.K, turns, spots, strict=True):
            travel = turn.T @ (spots[0] - spot)
            maps.append(lens @ (turn.T @ turns[0] + np.outer(travel, ahead) / self.middle) @ back)
        return np.stack(maps)

    def moved(self, maps, border):
        """The first frame under given homographies."""
        image = self.truth[0]
        return np.stack(
            [cv2.warpPerspective(image, each, self.size, flags=cv2.INTER_CUBIC, borderMode=border) for each in maps]
        )

    def crop(self):
        """A window that lies in the middle of the picture half way through."""
        maps, (width, height) = self.homographies(), self.size
        grown = np.array([[1, 0, -(1 - WINDOW) * width / 2], [0, 1, -(1 - WINDOW) * height / 2], [0, 0, WINDOW]])
        half = np.linalg.inv(maps[len(maps) // 2])
        return self.moved([each @ half @ (grown / WINDOW) for each in maps], cv2.BORDER_REFLECT_101)

    def answer(self, name: str, other: Scene):
        """The frames of one answer; `other` is a scene with the same move."""
        if name in BORDERS:
            return self.moved(self.homographies(), BORDERS[name])
        shot, (width, height) = self.request.shot, self.size
        made = {
            "truth": lambda: self.truth,
            "crop": self.crop,
            "cross_fade": lambda: faded(self.truth[0], other.truth),
            "no_plot": lambda: render_shot(still(shot), height, width, times=self.times).frames,
            "loop": lambda: self.truth[np.arange(len(self.truth)) % (1 + round(self.config.motion))],
            "other_scene": lambda: other.truth,
            "shaken": lambda: jitter(Clip(self.truth, shot.seed), 1.0),
            "repainted": lambda: swapped(shot, self.times, height, width, 1.0),
        }
        return made[name]()


def faded(image, frames):
    """From the image to the frames over the first half."""
    share = np.clip(np.arange(len(frames)) / (len(frames) / 2), 0, 1)[:, None, None, None]
    return np.clip((1 - share) * image + share * frames + 0.5, 0, 255).astype(np.uint8)


def still(shot):
    """The same shot with nothing that moves by itself."""
    things = tuple(replace(thing, motion=Motion()) for thing in shot.scene.objects)
    return replace(shot, scene=shot.scene.with_objects(things))


def write_answers(work: Path, config: ConsistencySuite) -> Path:
    """All answers and their manifests: `manifest.jsonl`."""
    for folder in ("images", "videos"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    rows, requests = [], draw_requests(config)
    for first in range(0, len(requests), config.count):
        scenes = [Scene(request, config) for request in requests[first : first + config.count]]
        for number, scene in enumerate(scenes):
            base = request_row(scene.request, config)
            image = f"images/{base['id']}.png"
            write_image(work / image, scene.truth[0])
            for name in ("truth", *ANSWERS):
                video = f"videos/{base['id']}.{name}.mp4"
                frames = scene.answer(name, scenes[(number + 1) % len(scenes)])
                write_video(work / video, frames, playback_fps=PLAYBACK_RATE, crf=config.crf)
                rows.append(base | {"id": f"{base['id']}.{name}", "image": image, "video": video, "answer": name})
    path = work / "manifest.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def table(results):
    """By asked move: IST of each answer; then by answer the mean of every part."""
    metrics = [load_metric(name) for name in METRICS]
    by_move, by_answer = {}, {}
    for result in results:
        if result.error is not None:
            continue
        scores = scores_of(result, metrics).values
        answer = str(result.row.extra["answer"])
        by_move.setdefault(result.row.moves[0], {}).setdefault(answer, []).append((result.row.cluster, scores))
        by_answer.setdefault(answer, []).append(scores)
    for move, answers in by_move.items():
        truth = estimate(answers.get("truth", []))
        row = {"asked": move, "videos": len(answers.get("truth", [])), "truth": truth}
        for answer in ANSWERS:
            found = estimate(answers.get(answer, []))
            reaches = None if None in (found, truth) else found["mean"] >= (truth["low"] or truth["mean"])
            row[answer] = None if found is None else found | {"reaches_truth": reaches}
        yield row
    for answer, scores in by_answer.items():
        yield {"answer": answer, "videos": len(scores), **{part: mean(scores, part) for part in PARTS}}


def estimate(rows):
    """Mean IST and its interval over scenes; None where nothing is told."""
    told = [(scores["ist"], cluster) for cluster, scores in rows if scores.get("ist") is not None]
    if not told:
        return None
    found = mean_estimate([value for value, _ in told], [cluster for _, cluster in told]).as_dict()
    names = {"mean": "value", "low": "low", "high": "high"}
    return {key: None if found[name] is None else round(found[name], 3) for key, name in names.items()}


def mean(scores, part):
    """Mean of what is told."""
    told = [each[part] for each in scores if each.get(part) is not None]
    return round(sum(told) / len(told), 3) if told else None


def main() -> None:
    """Make, score and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=1_000_000)
    parser.add_argument("--moves", nargs="*", help="only these")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rows", type=Path, help="append the JSON rows to this file")
    args = parser.parse_args()
    if args.count < 2:
        parser.error("--count: 2 or more, as an answer is made of another scene with the same move")
    cv2.setNumThreads(1)
    asked = {"moves": tuple(args.moves)} if args.moves else {}
    config = ConsistencySuite(count=args.count, seed=args.first_seed, kinds=("move",), **asked)
    manifest = args.work / "manifest.jsonl"
    if not manifest.exists():
        write_answers(args.work, config)
    how = EvaluateConfig(metrics=METRICS, baselines=(), timeout_seconds=None)
    results = evaluate_manifest(manifest, args.work / "evaluation", how).results
    stamp = {**on_one_core("gaming", {"--work", "--rows"}), "first_seed": args.first_seed}
    for row in table(results):
        keep(stamp | row, args.rows)


if __name__ == "__main__":
    main()
