"""Samplers at few steps, guidance and what tames it, noise on the given image: one row each, the same noise.

python examples/samplers_and_guidance.py --out ways.png
"""

from scene import loaded, options_of, rendered, write_rows

WAYS = {
    "ddim": {"scheduler": "ddim"},
    "dpm++": {"scheduler": "dpm++"},
    "unipc": {"scheduler": "unipc"},
    "guidance off": {"guidance_scale": 1.0},
    "guidance 8": {"guidance_scale": 8.0},
    "guidance 8 rescaled": {"guidance_scale": 8.0, "guidance_rescale": 0.7},
    "guidance 8 rising": {"guidance_scale": 8.0, "dynamic_guidance": True},
    "noise 0.1 on the image": {"noise_aug": 0.1},
}


def main() -> None:
    """Generate and write the picture."""
    asked = options_of(__doc__, "ways.png")
    pipe = loaded(asked.model)
    images, prompt = rendered(asked.scene, num_frames=1)
    shared = {"image": images[0], "prompt": prompt, "motion": 12.0, "seed": asked.seed, "output_type": "np"}
    steps = asked.steps or 8
    videos = [pipe(**shared, num_inference_steps=steps, **way).frames[0] for way in WAYS.values()]
    write_rows(asked.out, videos, list(WAYS))


if __name__ == "__main__":
    main()
