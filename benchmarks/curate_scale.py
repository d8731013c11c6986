"""Curation at scale: two workers against one, an hour of video in bounded memory, what a resumed run repeats.

    python benchmarks/curate_scale.py workers --seconds 20 --videos 8     # wall seconds: on a free machine
    python benchmarks/curate_scale.py hour --minutes 60                    # one file of 720p30 in one worker
    python benchmarks/curate_scale.py resume --videos 24                   # killed in the middle, run again
    python benchmarks/curate_scale.py workers --out benchmarks/results/curate_scale.jsonl

The hour is half a minute of made footage whose packets stand 120 times one after the other: every frame is decoded and
judged. Memory is the worker's own peak by the kernel's mark. One JSON row each, with command and machine.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from curate_speed import make_footage, measure, row
from kept_rows import keep

PIECE_SECONDS = 30.0


def workers(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Wall seconds of the same videos with one and with two worker processes: of the run, and of the whole command."""
    for number in range(options.videos):
        make_footage(folder / "raw" / f"{number}.mp4", options.seconds, seed=number)
    runs, commands = {}, {}
    for count in (1, 2):
        command = _command(folder, f"set{count}", "--workers", str(count), "--json")
        started = time.perf_counter()
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        commands[count] = round(time.perf_counter() - started, 2)
        runs[count] = round(json.loads(told)["total_seconds"], 2)
    return {
        "run_seconds": runs,
        "times_as_fast": round(runs[1] / runs[2], 2),
        "command_seconds": commands,
        "command_times_as_fast": round(commands[1] / commands[2], 2),
    }


def hour(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Peak memory of one process over a file of so many minutes."""
    piece, warm = make_footage(folder / "piece.mp4", PIECE_SECONDS), make_footage(folder / "warm.mp4", 2.0)
    whole = folder / "hour.mp4"
    repeat(Path(piece), whole, round(options.minutes * 60 / PIECE_SECONDS))
    return {"minutes": options.minutes, "file_mib": whole.stat().st_size >> 20, **measure("curate", [str(whole)], warm)}


def repeat(piece: Path, target: Path, times: int) -> None:
    """The packets of a file, so many times one after the other, without coding them anew."""
    import av

    with av.open(str(target), "w") as out, av.open(str(piece)) as first:
        stream = out.add_stream_from_template(first.streams.video[0])
        offset = 0
        for _ in range(times):
            with av.open(str(piece)) as container:
                end = 0
                for packet in container.demux(video=0):
                    if packet.dts is None:
                        continue
                    end = max(end, packet.pts + packet.duration)
                    packet.pts, packet.dts, packet.stream = packet.pts + offset, packet.dts + offset, stream
                    out.mux(packet)
            offset += end


def resume(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Videos decoded by a run that is killed in the middle and by the one that goes on, against their number."""
    for number in range(options.videos):
        make_footage(folder / "raw" / f"{number}.mp4", options.seconds, seed=number)
    command = _command(folder, "set", "--workers", "1", "--json")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    parts = folder / "set" / "clips"
    while process.poll() is None and not any(parts.rglob("*.parquet")):
        time.sleep(0.05)
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = _videos_with_clips(folder / "set")
    second = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {
        "videos_in_all": options.videos,
        "videos_kept_by_the_killed_run": kept,
        "decodes_of_the_second_run": second["decodes"],
        "videos_at_the_end": _videos_with_clips(folder / "set"),
    }


def _command(folder: Path, name: str, *more: str) -> list[str]:
    tool = str(Path(sys.executable).with_name("droplet"))
    return [tool, "curate", str(folder / "raw"), "--out", str(folder / name), *more]


def _videos_with_clips(dataset: Path) -> int:
    from pyarrow import parquet

    parts = (dataset / "clips").rglob("*.parquet")
    return len({video for part in parts for video in parquet.read_table(part, columns=["video_id"])[0].to_pylist()})


WAYS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    "workers": workers,
    "hour": hour,
    "resume": resume,
}


def main() -> None:
    """Take the measurement asked for and print its row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=WAYS)
    parser.add_argument("--videos", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each video")
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the long one")
    parser.add_argument("--out", type=Path, help="append the row to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = row(f"curate_{options.what}", [], WAYS[options.what](Path(folder), options))
    keep(found, options.out)


if __name__ == "__main__":
    main()
