"""A video goes on: its last frames are given, new ones follow, the seam is blended. Writes OUT.mp4.

python examples/extend_video.py --out extended.mp4
"""

from scene import loaded, options_of, rendered

from dropletvideo.media import write_video


def main() -> None:
    """Extend by 24 frames, with memory that does not grow with the length of the video."""
    asked = options_of(__doc__, "extended.mp4")
    pipe = loaded(asked.model)
    given, prompt = rendered(asked.scene, num_frames=24)
    job = pipe.prepare(
        video=given,  # or a path
        num_frames=len(given) + 24,  # of the whole: the given frames count
        prompt=prompt,
        motion=12.0,  # given frames are every second of 24 a second
        seed=asked.seed,
        num_inference_steps=asked.steps,
    )
    write_video(asked.out, pipe.stream(job), playback_fps=12)
    print(f"{asked.out}: {job.settings.num_frames} frames, blended at {job.seams}")


if __name__ == "__main__":
    main()
