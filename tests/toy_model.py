"""The parity model's folder with the defaults of a toy, for tests of the paths around the model."""

import shutil
from pathlib import Path

from dropletvideo.model.presets import nano

GOLDEN = Path(__file__).parent / "golden" / "dropletvideo_tiny"


def write_toy_model(folder: Path, *, side: int, steps: int) -> Path:
    """A model folder whose default is 5 frames of `side` x `side` in so many steps."""
    shutil.copytree(GOLDEN / "model", folder)
    toy = {"num_frames": 5, "height": side, "width": side, "text_length": 12, "num_inference_steps": steps}
    (folder / "droplet.json").write_text(nano().defaults.model_copy(update=toy).model_dump_json())
    return folder
