"""Watermarks and black bars drawn over rendered shots: precision and recall.

    python benchmarks/watermark_accuracy.py --first-seed 1000000 --count 90

Shots of the validation preset, short side 256, 8 frames per second, compressed with their own crf. Of three shots one
stays as it is, one gets a mark (letters, a ring with letters, a disc or a frame; 5 to 18 % of the short side tall; in a
corner four times of five, else anywhere; opacity 0.35 to 1), one gets bars (black above and below, or left and right,
4 to 15 % each) and every second of those a mark too. A clip counts as marked from `watermark_score` `--least` up; a box
is right where it meets the true one in a fifth of their union. Clips that the judge says nothing about are counted
apart. Bars are `look`'s: right within one line of 256 and a half per cent on each side. JSON rows.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from kept_rows import keep, origin

from dropletvideo import media
from dropletvideo.perception.look import LookJudge
from dropletvideo.perception.watermark import WatermarkJudge
from dropletvideo.tables.plan import measure_video
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot

RATE, SIDES = 8.0, ("top", "bottom", "left", "right")
WORDS = ("DEMO", "tv7", "STOCK", "(c) north", "sample", "W")


def mark_of(rng, height, width):
    """Alpha H,W, grey level and box of a mark."""
    short = min(height, width)
    tall = max(12, int(short * rng.uniform(0.05, 0.18)))
    alpha, kind = np.zeros((height, width), np.uint8), int(rng.integers(4))
    word, font = str(rng.choice(WORDS)), cv2.FONT_HERSHEY_SIMPLEX
    (long, high), _ = cv2.getTextSize(word, font, 1.0, 2)
    scale = min(tall / high, 0.4 * width / long) * (0.5 if kind == 1 else 1)
    size = (int(long * scale), int(high * scale)) if kind == 0 else (tall, tall)
    margin = max(3, int(0.03 * short))
    free = width - size[0] - margin, height - size[1] - margin
    if rng.random() < 0.8:
        x, y = (int(rng.choice([margin, room])) for room in free)
    else:
        x, y = (int(rng.integers(margin, max(margin + 1, room))) for room in free)
    thick = max(1, tall // 9)
    if kind in (0, 1):
        at = (
            (x, y + size[1])
            if kind == 0
            else (x + tall // 2 - int(long * scale) // 2, y + tall // 2 + int(high * scale) // 2)
        )
        cv2.putText(alpha, word, at, font, scale, 255, thick, cv2.LINE_AA)
    if kind == 1:
        cv2.circle(alpha, (x + tall // 2, y + tall // 2), tall // 2, 255, thick, cv2.LINE_AA)
    elif kind == 2:
        cv2.circle(alpha, (x + tall // 2, y + tall // 2), tall // 2, 255, -1, cv2.LINE_AA)
    elif kind == 3:
        cv2.rectangle(alpha, (x, y), (x + tall, y + tall), 255, thick)
    opacity, grey = float(rng.uniform(0.35, 1.0)), int(rng.choice([255, 255, 235, 20]))
    ys, xs = np.nonzero(alpha)
    box = (xs.min() / width, ys.min() / height, (np.ptp(xs) + 1) / width, (np.ptp(ys) + 1) / height)
    kinds = ("letters", "ring", "disc", "frame")
    return alpha.astype(np.float32) / 255 * opacity, grey, box, {"kind": kinds[kind], "opacity": opacity}


def bars_of(rng, height, width):
    """Lines of each side."""
    share = float(rng.uniform(0.04, 0.15))
    return (round(share * height),) * 2 + (0, 0) if rng.random() < 0.6 else (0, 0) + (round(share * width),) * 2


def drawn(seed):
    """Frames of a shot, source rate, crf, true box or None, bars."""
    rng = np.random.default_rng([seed, 5])
    shot = draw_shot(seed, WorldConfig.validation())
    scale = min(1.0, 256 / min(shot.height, shot.width))
    height, width = (max(2, round(side * scale / 2) * 2) for side in (shot.height, shot.width))
    indices = np.unique(np.arange(0, shot.num_frames, max(shot.source_fps / RATE, 1.0)).round().astype(int))
    frames = render_shot(shot, height, width, frame_indices=indices[indices < shot.num_frames]).frames.copy()
    bars, box, told = (0, 0, 0, 0), None, {}
    if seed % 3 == 2:
        bars = bars_of(rng, height, width)
        frames[:, : bars[0]] = 0
        frames[:, height - bars[1] :] = 0
        frames[:, :, : bars[2]] = 0
        frames[:, :, width - bars[3] :] = 0
    if seed % 3 == 1 or seed % 6 == 5:
        alpha, grey, box, told = mark_of(rng, height, width)
        share = alpha[None, ..., None]
        frames = np.rint(frames * (1 - share) + grey * share).astype(np.uint8)
    true_bars = tuple(bar / side for bar, side in zip(bars, (height, height, width, width), strict=True))
    is_still = all(move.move in ("static", "shake") for move in shot.moves)
    return frames, min(RATE, shot.source_fps), shot.crf, box, true_bars, told | {"still": is_still}


def overlap(first, second):
    """Intersection over union of two boxes x, y, width, height."""
    over = [
        max(0.0, min(first[k] + first[k + 2], second[k] + second[k + 2]) - max(first[k], second[k])) for k in (0, 1)
    ]
    inner = over[0] * over[1]
    return inner / (first[2] * first[3] + second[2] * second[3] - inner)


def measured(seed):
    """Truth and columns of one seed."""
    frames, rate, crf, box, bars, told = drawn(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        media.write_video(path, frames, playback_fps=rate, crf=crf)
        (row,) = measure_video(path, [WatermarkJudge(), LookJudge()])
    return {"seed": seed, "box": box, "bars": bars, **told, **row}


def rates(hits, true, found):
    return {
        "precision": round(hits / found, 3) if found else None,
        "recall": round(hits / true, 3) if true else None,
        "true": true,
        "found": found,
    }


def results(rows, least):
    """Result rows of all clips."""
    told = [row for row in rows if row["watermark_score"] is not None]
    found = [row for row in told if row["watermark_score"] >= least]
    right = [row for row in found if row["box"] and overlap(row["box"], row["watermark_box"]) >= 0.2]
    marked = [row for row in told if row["box"]]
    yield {"what": "marks", **rates(sum(bool(row["box"]) for row in found), len(marked), len(found))}
    yield {"what": "marks with their box", **rates(len(right), len(marked), len(found))}
    for kind in ("letters", "ring", "disc", "frame"):
        own = [row for row in marked if row["kind"] == kind]
        yield {"what": f"mark: {kind}", "recall": f"{sum(row in found for row in own)}/{len(own)}"}
    for low, high in ((0.35, 0.6), (0.6, 1.01)):
        own = [row for row in marked if low <= row["opacity"] < high]
        yield {"what": f"opacity {low} to {high:.1f}", "recall": f"{sum(row in found for row in own)}/{len(own)}"}
    untold = [row for row in rows if row["watermark_score"] is None]
    reasons = Counter("camera rests" if row["still"] else "camera moves" for row in untold)
    yield {"what": "nothing said", "untold": len(untold), **reasons}
    hits = true = named = exact = 0
    for row in rows:
        measures = [row[f"letterbox_{side}"] or 0.0 for side in SIDES]
        is_true, is_named = max(row["bars"]) > 0, max(measures) > 0.02
        true, named, hits = true + is_true, named + is_named, hits + (is_true and is_named)
        exact += is_true and max(abs(a - b) for a, b in zip(measures, row["bars"], strict=True)) <= 1 / 256 + 0.005
    yield {"what": "letterbox", **rates(hits, true, named), "exact": f"{exact}/{true}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first-seed", type=int, default=1_000_000)
    parser.add_argument("--count", type=int, default=90)
    parser.add_argument("--least", type=float, default=0.4, help="watermark_score from which a clip counts as marked")
    parser.add_argument("--show", action="store_true", help="print every clip too")
    parser.add_argument("--out", type=Path, help="append the rows to this JSONL file")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows = [measured(seed) for seed in range(options.first_seed, options.first_seed + options.count)]
    if options.show:
        for row in rows:
            names = ("seed", "box", "kind", "opacity", "still", "watermark_score", "watermark_box", "watermark_still")
            print(json.dumps({name: row.get(name) for name in names}, default=float))
    taken = {
        "clips": options.count,
        **origin(),
    }
    for row in results(rows, options.least):
        keep(row | taken, options.out)


if __name__ == "__main__":
    main()
