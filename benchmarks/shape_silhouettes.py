"""Can outlines tell shapes apart without learned weights? Box, sphere, cylinder and cone by their silhouettes.

    python benchmarks/shape_silhouettes.py --count 4 --first-seed 1000000

Of the first frames of requests of `world/consistency_suite.py`, each thing that lies whole in view is described by nine
numbers of its outline (how it fills its box, its hull and its smallest turned box, width over height, roundness,
corners, and how wide it is at top, middle and bottom), once from its exact silhouette (depth with and without it) and
once from the patch of named colour that covers it best, as `perception/revealed.py` sees things. Fisher's linear
discriminant, leaving one out. JSON rows: share of the shapes told rightly, and the confusion (rows are the truth).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from kept_rows import keep, on_one_core

from dropletvideo.perception.colours import _NAMES, name_pixels
from dropletvideo.world.consistency_suite import ConsistencySuite, draw_requests
from dropletvideo.world.render import render_shot

SHAPES = ("box", "sphere", "cylinder", "cone")
LEAST_AREA, LEAST_OVERLAP, RIDGE = 0.005, 0.4, 0.1
START = np.zeros(1)


def outline(mask):
    """Nine numbers of a silhouette H,W; see the module text."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=cv2.contourArea)
    area, length = float(mask.sum()), cv2.arcLength(contour, True)
    x, y, wide, tall = cv2.boundingRect(contour)
    _, (long_side, other_side), _ = cv2.minAreaRect(contour)
    rows = mask[y : y + tall, x : x + wide].sum(axis=1) / max(int(mask.sum(axis=1).max()), 1)
    fifth = max(1, tall // 5)
    middle = rows[tall // 2 - fifth // 2 : tall // 2 + fifth // 2 + 1]
    return [
        area / (wide * tall),
        np.log(wide / tall),
        4 * np.pi * area / length**2,
        area / max(cv2.contourArea(cv2.convexHull(contour)), 1),
        area / max(long_side * other_side, 1),
        len(cv2.approxPolyDP(contour, 0.04 * length, True)),
        rows[:fifth].mean(),
        rows[-fifth:].mean(),
        middle.mean(),
    ]


def silhouettes(shot, height, width):
    """Frame H,W,3, and shape and mask H,W of each thing that lies whole in view."""
    rendered = render_shot(shot, height, width, times=START, depth=True)
    found = []
    for number, thing in enumerate(shot.scene.objects):
        others = tuple(each for k, each in enumerate(shot.scene.objects) if k != number)
        without = replace(shot, scene=shot.scene.with_objects(others), subject=None)
        try:
            depth = render_shot(without, height, width, times=START, depth=True).depth[0]
        except IndexError:  # a camera that follows this very thing
            continue
        mask = np.abs(depth - rendered.depth[0]) > 0.05
        edge = mask[:2].any() or mask[-2:].any() or mask[:, :2].any() or mask[:, -2:].any()
        if mask.mean() >= LEAST_AREA and not edge:
            found.append((thing.shape, mask))
    return rendered.frames[0], found


def patch_over(named, mask):
    """The connected patch of one named colour that covers a mask best, or None."""
    best, overlap = None, LEAST_OVERLAP
    for number in range(len(_NAMES)):
        closed = cv2.morphologyEx((named == number).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        _, labels = cv2.connectedComponents(closed)
        for label in np.unique(labels[mask]):
            patch = labels == label
            share = (patch & mask).sum() / (patch | mask).sum()
            if label and share > overlap:
                best, overlap = patch, share
    return best


def confusion(described, shapes):
    """4,4 counts of Fisher's linear discriminant, leaving one out."""
    x, y = np.array(described, float), np.array([SHAPES.index(shape) for shape in shapes])
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
    counts = np.zeros((len(SHAPES), len(SHAPES)), int)
    for k in range(len(x)):
        rest = np.arange(len(x)) != k
        groups = [x[rest & (y == shape)] for shape in range(len(SHAPES))]
        within = sum((group - group.mean(axis=0)).T @ (group - group.mean(axis=0)) for group in groups)
        inverse = np.linalg.inv(within / (rest.sum() - len(SHAPES)) + RIDGE * np.eye(x.shape[1]))
        away = [x[k] - group.mean(axis=0) for group in groups]
        counts[y[k], int(np.argmin([each @ inverse @ each for each in away]))] += 1
    return counts


def main() -> None:
    """Render, describe, tell apart and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--first-seed", type=int, default=1_000_000)
    parser.add_argument("--rows", type=Path, help="append the JSON rows to this file")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    config = ConsistencySuite(count=args.count, seed=args.first_seed, kinds=("move",))
    found = {"exact silhouette": ([], []), "patch of one colour": ([], [])}
    for request in draw_requests(config):
        frame, things = silhouettes(request.shot, config.height, config.width)
        named = name_pixels(cv2.medianBlur(frame, 5))
        for shape, mask in things:
            for kind, seen in (("exact silhouette", mask), ("patch of one colour", patch_over(named, mask))):
                if seen is not None:
                    found[kind][0].append(outline(seen))
                    found[kind][1].append(shape)
    for kind, (described, shapes) in found.items():
        counts = confusion(described, shapes)
        row = {
            **on_one_core("shape_silhouettes", {"--rows"}),
            "seen": kind,
            "things": len(shapes),
            "told_rightly": round(float(np.trace(counts) / counts.sum()), 3),
            "shapes": SHAPES,
            "confusion": counts.tolist(),
        }
        keep(row, args.rows)


if __name__ == "__main__":
    main()
