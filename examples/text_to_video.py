"""Text alone decides; three seeds in one call.

python examples/text_to_video.py --out text.png
"""

from scene import loaded, options_of, write_rows

PROMPT = "A blue ball on a grassy field before desert dunes. The camera pans right."


def main() -> None:
    """Generate and write the picture."""
    asked = options_of(__doc__, "text.png")
    seeds = [asked.seed, asked.seed + 1, asked.seed + 2]
    videos = loaded(asked.model)(
        prompt=PROMPT, motion=8.0, seed=seeds, num_inference_steps=asked.steps, output_type="np"
    ).frames
    write_rows(asked.out, list(videos), [f"seed {seed}" for seed in seeds])


if __name__ == "__main__":
    main()
