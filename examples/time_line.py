"""A time line of prompts, each with its own M and length: one long video, written while it is made, and its seams.

python examples/time_line.py --out journey.mp4
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scene import loaded, options_of, rendered

from dropletvideo.generate.seams import measure_seams
from dropletvideo.media import stream, write_video

LINE = [
    {"prompt": "The camera pans left.", "motion": 16.0, "num_frames": 17},
    {"prompt": "The camera pans right.", "motion": 8.0, "num_frames": 24},
    {"prompt": "The camera zooms in.", "motion": 16.0, "num_frames": 24},
]


def main() -> None:
    """Generate, write and measure."""
    asked = options_of(__doc__, "journey.mp4")
    pipe = loaded(asked.model)
    images, _ = rendered(asked.scene, num_frames=1)
    job = pipe.prepare(image=images[0], prompts=LINE, seed=asked.seed, num_inference_steps=asked.steps)
    write_video(asked.out, pipe.stream(job), playback_fps=pipe.defaults.playback_fps)
    print(f"{asked.out}: {job.settings.num_frames} frames in {len(job.chunks)} chunks")
    report = measure_seams(frames_of(asked.out), job.seams)
    if report is not None:
        print(f"change at seams over the inside of chunks: {report.step.ratio:.2f}, of motion {report.jerk.ratio:.2f}")


def frames_of(path: Path) -> Iterator[np.ndarray]:
    """Runs of a file's frames."""
    return (run.frames for run in stream(path))


if __name__ == "__main__":
    main()
