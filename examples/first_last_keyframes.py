"""Frames that are given: the first, first and last, the last alone, or any few.

python examples/first_last_keyframes.py --out given.png
"""

from scene import loaded, options_of, rendered, write_rows


def main() -> None:
    """Generate and write the picture."""
    asked = options_of(__doc__, "given.png")
    pipe = loaded(asked.model)
    num_frames = pipe.defaults.num_frames
    true, prompt = rendered(asked.scene, num_frames=num_frames)
    middle = num_frames // 2
    ways = {
        "first": {"image": true[0]},
        "first and last": {"image": true[0], "last_image": true[-1]},
        "last": {"last_image": true[-1]},
        f"first, {middle} and last": {"keyframes": {0: true[0], middle: true[middle], -1: true[-1]}},
    }
    videos = [
        pipe(
            prompt=prompt, motion=12.0, seed=asked.seed, num_inference_steps=asked.steps, output_type="np", **given
        ).frames[0]
        for given in ways.values()
    ]
    write_rows(asked.out, [true, *videos], ["the true shot", *ways])


if __name__ == "__main__":
    main()
