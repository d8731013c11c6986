"""Protects the way from rendered shots to a video: train, interrupt, go on, generate, all through the verbs."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dropletvideo.cli.__main__ import main
from dropletvideo.media import read_metadata, read_video, write_image
from dropletvideo.model.presets import nano

GOLDEN = Path(__file__).parents[1] / "golden" / "dropletvideo_tiny"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """A run of seconds: the parity model at 9 frames of 32x32, on six rendered shots."""
    folder = tmp_path_factory.mktemp("recipe")
    shutil.copytree(GOLDEN / "model", folder / "tiny")
    toy = {"num_frames": 9, "height": 32, "width": 32, "text_length": 12, "num_inference_steps": 2}
    (folder / "tiny" / "droplet.json").write_text(nano().defaults.model_copy(update=toy).model_dump_json())
    path = folder / "toy.yaml"
    path.write_text(
        f"""
kind: transformer
encoders: {folder / "tiny"}
start_from: {folder / "tiny"}
device: cpu
data: {{world: {{shots: 6}}}}
windows: {{num_frames: 9, height: 32, width: 32, windows_per_clip: 2}}
cache: {{folder: {folder / "cache"}, held_out_clips: 1, clips_per_shard: 2}}
loop: {{batch_size: 2, max_steps: 30, log_every: 5, preview_every: 15, checkpoint_minutes: 0.001}}
optim: {{warmup_steps: 2}}
previews: {{windows: 1, steps: 2}}
"""
    )
    return path


def droplet(*arguments, check=True):
    """Run a verb in this process; gives its exit code and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = ["droplet", *map(str, arguments)]
    code = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        sys.argv = before
    assert not check or code == 0, err.getvalue()
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


@pytest.fixture(scope="module")
def trained(recipe):
    out = recipe.parent / "run"
    result = json.loads(droplet("train", recipe, "--out", out, "--json").stdout)
    assert result["status"] == "finished"
    return out


def test_a_run_leaves_a_model_a_log_and_samples(trained):
    run = json.loads((trained / "run.json").read_text())
    assert run["steps"] == 30
    assert run["cache"]["windows"] == 12
    assert run["caption_sources"] == {"world": 6}
    rows = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    assert {row["step"] for row in rows} >= {1, 5, 15, 30}
    assert sorted(path.name for path in (trained / "samples").glob("*.png")) == [
        "step-00000015.png",
        "step-00000030.png",
    ]
    assert json.loads((trained / "droplet.json").read_text())["motion_range"] == [4.0, 32.0]


def test_an_interrupted_run_goes_on_to_the_same_weights(trained, recipe):
    out = recipe.parent / "interrupted"
    command = [sys.executable, "-m", "dropletvideo.cli", "train", str(recipe), "--out", str(out)]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}  # sums depend on their number
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    log = out / "log.jsonl"
    deadline = time.monotonic() + 120
    while process.poll() is None and not (log.is_file() and '"step": 10' in log.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 1
    stopped_at = json.loads((out / "run.json").read_text())["steps"]
    assert 10 <= stopped_at < 30
    droplet("train", recipe, "--out", out)
    whole = load_file(trained / "transformer" / "diffusion_pytorch_model.safetensors")
    parts = load_file(out / "transformer" / "diffusion_pytorch_model.safetensors")
    for name, value in whole.items():
        assert (value == parts[name]).all(), name


def test_another_recipe_does_not_go_on_from_the_checkpoint(trained, recipe):
    refused = droplet("train", recipe, "--out", trained, "--set", "optim.learning_rate=0.5", check=False)
    assert refused.returncode == 1
    assert "--fresh" in refused.stderr


def test_the_trained_folder_generates(trained, tmp_path):
    write_image(tmp_path / "first.png", np.full((50, 40, 3), 120, np.uint8))
    out = tmp_path / "video.mp4"
    asked = ["--prompt", "The camera pans left.", "--motion", "8", "--seed", "2", "--image", tmp_path / "first.png"]
    result = json.loads(droplet("generate", "--model", trained, *asked, "--out", out, "--json").stdout)
    assert result["request"]["motion"] == 8
    assert len(read_video(out)) == 9
    assert read_metadata(out)["request"]["prompt"] == "The camera pans left."


def test_misuse_of_generate_is_told_in_a_line(trained, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    wrong_image = droplet(
        "generate", "--model", trained, "--image", tmp_path / "text.png", "--out", tmp_path / "a.mp4", check=False
    )
    assert wrong_image.returncode == 1
    assert "is not an image" in wrong_image.stderr
    no_model = droplet("generate", "--model", tmp_path, "--prompt", "x", "--out", tmp_path / "a.mp4", check=False)
    assert no_model.returncode == 1
    wrong_size = droplet("generate", "--model", trained, "--frames", "0", "--out", tmp_path / "a.mp4", check=False)
    assert wrong_size.returncode == 2
    assert "num_frames=0" in wrong_size.stderr
    assert not (tmp_path / "a.mp4").exists()
    assert all("Traceback" not in done.stderr for done in (wrong_image, no_model, wrong_size))


def test_a_dry_run_writes_nothing(recipe, tmp_path):
    plan = json.loads(droplet("train", recipe, "--out", tmp_path / "x", "--dry-run", "--json").stdout)
    assert plan["recipe"]["loop"]["max_steps"] == 30
    assert not (tmp_path / "x").exists()
