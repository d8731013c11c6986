"""Curation against decoding alone and against what scripts do today, in CPU seconds; peak memory against length.

    python benchmarks/curate_speed.py                      # makes 720p30 footage, 10 s and 40 s
    python benchmarks/curate_speed.py a.mp4 b.mp4          # given videos; memory still on made footage
    python benchmarks/curate_speed.py --out benchmarks/results/curate_speed.jsonl

Decoding alone is PyAV's sequential decode in one thread with every frame brought to RGB at short side 256. Curation is
the recipe `cpu`, and then every stage that needs no weights, in one process. The scripts' way is PySceneDetect's
content detector at its own settings and then a pass of Farneback flow at full size and 2 frames per second (OpenCV, one
thread); it needs the package `scenedetect` and is left out without it. Each measurement runs in a fresh process that
counts its own CPU seconds after imports and once warmed up on a short clip. One JSON row each, with command and
machine.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from kept_rows import keep, processor

HEIGHT, WIDTH, RATE = 720, 1280, 30
SHOT_SECONDS = 5.0


def decode_alone(paths: list[str], _: str) -> dict[str, Any]:
    """Every frame to RGB at short side 256, as any curation must at least."""
    import av

    frames = 0
    for path in paths:
        with av.open(path) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            for frame in container.decode(stream):
                scale = 256 / min(frame.width, frame.height)
                frame.reformat(round(frame.width * scale), round(frame.height * scale), "rgb24").to_ndarray()
                frames += 1
    return {"frames": frames}


def curate_all(paths: list[str], out: str, recipe: str = "cpu") -> dict[str, Any]:
    """All stages of a recipe, in this process."""
    from dropletvideo.curate.run import curate

    done = curate(paths, Path(out), recipe=recipe, in_process=True, with_report=False).summary
    stages = {name: round(seconds, 3) for name, seconds in done.cpu_seconds.items()}
    return {"clips": done.clips, "frames": done.decoded_frames, "decodes": done.decodes, "cpu_by_stage": stages}


def curate_weight_free(paths: list[str], out: str) -> dict[str, Any]:
    """Every stage that needs no weights, in this process."""
    import yaml

    from dropletvideo.curate.recipe import load_recipe

    whole = load_recipe("cpu").model_dump(mode="json")
    whole["stages"] |= {name: {} for name in FURTHER_STAGES}
    recipe = Path(out).with_suffix(".yaml")
    recipe.parent.mkdir(parents=True, exist_ok=True)
    recipe.write_text(yaml.safe_dump(whole, sort_keys=False))
    return curate_all(paths, out, str(recipe))


def scripts_way(paths: list[str], _: str) -> dict[str, Any]:
    """Cuts by PySceneDetect, then mean Farneback flow of the whole picture; every video is decoded twice."""
    import cv2
    from scenedetect import ContentDetector, detect

    clips, pairs = 0, 0
    for path in paths:
        clips += max(1, len(detect(path, ContentDetector())))
        pairs += len(farneback(cv2.VideoCapture(path)))
    return {"clips": clips, "flow_pairs": pairs, "decodes": 2 * len(paths)}


def farneback(capture: Any) -> list[float]:
    """Mean flow magnitude in px of pairs of frames half a second apart, at the size of the file."""
    import cv2

    step = max(1, round((capture.get(cv2.CAP_PROP_FPS) or 25) / FLOW_RATE))
    number, before, found = 0, None, []
    while capture.grab():
        if number % step == 0:
            gray = cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2GRAY)
            if before is not None:
                flow = cv2.calcOpticalFlowFarneback(before, gray, None, 0.5, 3, 15, 3, 5, 1.2, 0)
                found.append(float(np.linalg.norm(flow, axis=2).mean()))
            before = gray
        number += 1
    return found


FURTHER_STAGES = ("overlay_text", "colour_extremes", "watermark")
FLOW_RATE = 2
MEASURES: dict[str, Callable[[list[str], str], dict[str, Any]]] = {
    "decode_alone": decode_alone,
    "curate": curate_all,
    "curate_weight_free": curate_weight_free,
    "scripts_way": scripts_way,
}


def _child(name: str, paths: list[str], warm: str, out: str, pipe: Any) -> None:
    from dropletvideo.runtime import limit_threads

    limit_threads(1)
    import cv2

    cv2.setNumThreads(1)
    MEASURES[name]([warm], f"{out}/warm")
    cpu, wall = time.process_time(), time.perf_counter()
    more = MEASURES[name](paths, f"{out}/measured")
    pipe.send(
        {
            "cpu_seconds": round(time.process_time() - cpu, 3),
            "wall_seconds": round(time.perf_counter() - wall, 3),
            "peak_rss_mib": peak_rss_mib(),
            **more,
        }
    )


def peak_rss_mib() -> float:
    """Most memory that this process held, by the kernel's mark (`ru_maxrss` would begin with the parent's)."""
    status = Path("/proc/self/status")
    if status.exists():
        mark = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return round(int(mark.split()[1]) / 1024, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def measure(name: str, paths: list[str], warm: str) -> dict[str, Any]:
    """One measurement in a fresh process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as out:
        process = context.Process(target=_child, args=(name, paths, warm, out, theirs))
        process.start()
        theirs.close()
        result: dict[str, Any] = ours.recv()
        process.join()
    return result


def make_footage(path: Path, seconds: float, seed: int = 0) -> str:
    """720p30 footage of several shots: a textured plane under a moving camera, a moving disc, grain."""
    import cv2

    from dropletvideo import media

    rng = np.random.default_rng(seed)

    def frames() -> Any:
        count, texture, path_of_shot = round(seconds * RATE), None, None
        for number in range(count):
            if number % round(SHOT_SECONDS * RATE) == 0:
                coarse = rng.integers(0, 255, (60, 90, 3), dtype=np.uint8)
                texture = cv2.resize(coarse, (3 * WIDTH // 2, 3 * HEIGHT // 2), interpolation=cv2.INTER_CUBIC)
                path_of_shot = rng.uniform(-2, 2, 3)
            at = number % round(SHOT_SECONDS * RATE)
            turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), path_of_shot[2] * at * 0.02, 1 + 0.0005 * at)
            turn[:, 2] -= (160 + path_of_shot[0] * at * 0.5, 90 + path_of_shot[1] * at * 0.3)
            frame = cv2.warpAffine(texture, turn, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
            cv2.circle(frame, (200 + 5 * at, 360), 60, (230, 60, 40), -1)
            grain = rng.integers(-6, 7, (HEIGHT // 2, WIDTH // 2, 1), dtype=np.int16)
            grain = np.repeat(np.repeat(grain, 2, 0), 2, 1)
            yield np.clip(frame.astype(np.int16) + grain, 0, 255).astype(np.uint8)

    media.write_video(path, frames(), playback_fps=RATE, crf=23, preset="veryfast")
    return str(path)


def row(name: str, paths: list[str], result: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One JSON row."""
    return {
        "benchmark": name,
        **result,
        **more,
        "videos": [Path(path).name for path in paths],
        "command": " ".join(["python", *sys.argv]),
        "device": f"{platform.processor() or platform.machine()}, {processor()}",
        "date": datetime.now(UTC).date().isoformat(),
    }


def _faster(result: dict[str, Any], taken: dict[str, dict[str, Any]]) -> dict[str, float]:
    """How often as fast as the scripts' way, where that was measured."""
    if "scripts_way" not in taken:
        return {}
    return {"times_as_fast_as_scripts": round(taken["scripts_way"]["cpu_seconds"] / result["cpu_seconds"], 2)}


def main() -> None:
    """Take all measurements and print a row each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the made footage")
    parser.add_argument("--out", type=Path, help="append the rows to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        short = make_footage(Path(folder) / "short.mp4", options.seconds)
        long = make_footage(Path(folder) / "long.mp4", options.seconds * 4)
        warm = make_footage(Path(folder) / "warm.mp4", 2.0)
        paths = options.videos or [short]
        alone, rows = measure("decode_alone", paths, warm), []
        rows.append(row("decode_alone", paths, alone))
        ways = ["curate", "curate_weight_free"] + ["scripts_way"] * bool(find_spec("scenedetect"))
        taken = {name: measure(name, paths, warm) for name in ways}
        for name, result in taken.items():
            share = round(alone["cpu_seconds"] / result["cpu_seconds"], 3)
            rows.append(row(name, paths, result, rate_of_decoding_alone=share, **_faster(result, taken)))
        curated = taken["curate"]
        once = curated if paths == [short] else measure("curate", [short], warm)
        four = measure("curate", [long], warm)
        growth = round(four["peak_rss_mib"] - once["peak_rss_mib"], 1)
        rows.append(row("curate_4x_length", [long], four, peak_rss_growth_mib=growth))
    for each in rows:
        keep(each, options.out)


if __name__ == "__main__":
    main()
