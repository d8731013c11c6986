"""Protects the one set of names for batch rows, the command line and Python, and that each mode can be repeated."""

import inspect
import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from typer.main import get_command
from typer.testing import CliRunner

from dropletvideo.cli.__main__ import application
from dropletvideo.errors import DropletError, RequestError, WeightsError
from dropletvideo.evaluate.manifest import read_manifest
from dropletvideo.generate import run
from dropletvideo.generate.asked import GenerateRequest
from dropletvideo.generate.opened import Setup, is_memory_error
from dropletvideo.generate.pipeline import DropletVideoPipeline
from dropletvideo.generate.provenance import read_provenance
from dropletvideo.generate.single import generate_file
from dropletvideo.media import read_video, write_image, write_video
from toy_model import write_toy_model

ROW_ALONE = {"id"}
CALL_ALONE = {"latents", "generator", "output_type", "callback_on_step_end", "rope_grid"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The parity model with defaults of a toy: 5 frames of 16x16, one step."""
    return write_toy_model(tmp_path_factory.mktemp("model") / "tiny", side=16, steps=1)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Two images and a video to go on from."""
    folder = tmp_path_factory.mktemp("given")
    random = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        write_image(folder / name, random.integers(0, 255, (40, 60, 3), np.uint8))
    write_video(folder / "seen.mp4", random.integers(0, 255, (9, 32, 32, 3), np.uint8), playback_fps=8)
    return folder


def droplet(*words):
    done = CliRunner().invoke(application, [str(word) for word in words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_rows_flags_and_python_share_their_names():
    command = get_command(application).get_command(None, "generate")
    flags = {flag for option in command.params for flag in option.opts}
    row = set(GenerateRequest.model_fields)
    call = set(inspect.signature(DropletVideoPipeline.__call__).parameters) - {"self"}
    assert row - ROW_ALONE == call - CALL_ALONE
    assert {f"--{name.replace('_', '-')}" for name in row - {"id", "num_frames"}} <= flags
    assert "--frames" in flags


MODES = {
    "text": [],
    "first": ["--image", "a.png"],
    "last": ["--image", "a.png", "--last-image", "b.png"],
    "keyframe": ["--keyframe", "2=a.png", "--keyframe", "-1=b.png"],
    "extend": ["--video", "seen.mp4", "--frames", 13],
    "line": ["--image", "a.png", "--prompts", '[{"prompt": "pan", "motion": 4}, {"prompt": "zoom", "num_frames": 4}]'],
    "long": ["--image", "a.png", "--frames", 13],
    "sampler": ["--scheduler", "unipc", "--steps", 3, "--guidance-rescale", 0.5, "--dynamic-guidance"],
    "noisy": ["--image", "a.png", "--noise-aug", 0.1],
    "legacy": ["--image", "a.png", "--frame-fix", "legacy", "--prompt-suffix", "", "--fit", "stretch"],
}
FRAMES = {"extend": 13, "line": 9, "long": 13}


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_writes_what_repeats_it_bit_for_bit(mode, model, given, tmp_path, monkeypatch):
    monkeypatch.chdir(given)
    out, again = tmp_path / "a.mp4", tmp_path / "b.mp4"
    text = [] if "--prompts" in MODES[mode] else ["--prompt", "pan left"]
    told = json.loads(droplet("generate", "--model", model, *MODES[mode], *text, "--out", out, "--json").stdout)
    assert told["request"]["seed"] == 0
    if mode != "legacy":
        assert len(read_video(out)) == FRAMES.get(mode, 5)
    repeated = json.loads(droplet("generate", "--from", out, "--out", again, "--json").stdout)
    assert repeated["same_bytes"]
    assert out.read_bytes() == again.read_bytes()


def test_keyframes_are_kept_with_their_places(model, given, tmp_path, monkeypatch):
    monkeypatch.chdir(given)
    droplet("generate", "--model", model, *MODES["keyframe"], "--out", tmp_path / "a.mp4")
    pictures = read_provenance(tmp_path / "a.mp4").pictures
    assert [(picture.role, picture.frame) for picture in pictures] == [("keyframes", 2), ("keyframes", 4)]


def test_a_changed_video_cannot_be_gone_on_from_again(model, given, tmp_path):
    seen = shutil.copy(given / "seen.mp4", tmp_path / "seen.mp4")
    droplet("generate", "--model", model, "--video", seen, "--frames", 13, "--out", tmp_path / "a.mp4")
    write_video(seen, np.zeros((9, 32, 32, 3), np.uint8), playback_fps=8)
    with pytest.raises(RequestError, match="its content differs"):
        droplet("generate", "--from", tmp_path / "a.mp4", "--out", tmp_path / "b.mp4")
    droplet("generate", "--from", tmp_path / "a.mp4", "--video", given / "seen.mp4", "--out", tmp_path / "b.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_batch_may_hold_every_mode_and_its_manifest_is_one(model, given, tmp_path):
    rows = [
        {"id": "last", "image": "a.png", "last_image": "b.png", "prompt": "x"},
        {"id": "first", "image": "a.png", "prompt": "x"},
        {"id": "key", "keyframes": {"2": "b.png"}, "prompt": "x", "scheduler": "unipc"},
        {"id": "on", "video": "seen.mp4", "num_frames": 13, "prompt": "x"},
        {"id": "line", "prompts": ["one", {"prompt": "two", "num_frames": 4}]},
        {"id": "bad", "keyframes": {"99": "b.png"}},
    ]
    requests = given / "requests.jsonl"
    requests.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = CliRunner().invoke(
        application, ["generate", "--model", str(model), "--batch", str(requests), "--out", str(tmp_path / "out")]
    )
    assert done.exit_code == 3
    made = {row.id: row for row in read_manifest(tmp_path / "out" / "manifest.jsonl")}
    assert list(made) == ["last", "first", "key", "on", "line"]
    assert len(read_video(made["on"].video)) == 13
    assert made["line"].prompt == "one two"
    assert "keyframe 99" in (tmp_path / "out" / "errors.jsonl").read_text()


@pytest.fixture(scope="module")
def lora(model, tmp_path_factory):
    """A LoRA of the model with random matrices, as a trainer would save it."""
    folder = tmp_path_factory.mktemp("lora")
    pipeline = DropletVideoPipeline.from_pretrained(model)
    pipeline.transformer.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    layers = {name: value * 4 for name, value in get_peft_model_state_dict(pipeline.transformer).items()}
    pipeline.save_lora_weights(folder, transformer_lora_layers=layers)
    return folder / "pytorch_lora_weights.safetensors"


def test_a_lora_changes_the_video_by_its_scale_and_is_needed_to_repeat_it(model, lora, tmp_path):
    def made(name, *words):
        droplet("generate", "--model", model, "--prompt", "x", *words, "--out", tmp_path / f"{name}.mp4")
        return read_video(tmp_path / f"{name}.mp4").frames

    base = made("base")
    assert np.array_equal(made("nought", "--lora", f"{lora}:0"), base)
    assert not np.array_equal(made("whole", "--lora", lora), base)
    assert not np.array_equal(made("twice", "--lora", lora, "--lora", f"{lora}:0.5"), made("one", "--lora", lora))
    droplet("generate", "--from", tmp_path / "twice.mp4", "--out", tmp_path / "again.mp4")
    assert (tmp_path / "again.mp4").read_bytes() == (tmp_path / "twice.mp4").read_bytes()
    assert [note.scale for note in read_provenance(tmp_path / "twice.mp4").provenance.loras] == [1, 0.5]


def test_a_lora_of_another_model_is_refused(model, lora, tmp_path):
    tensors = load_file(lora)
    save_file(
        {key.replace("transformer_blocks.0", "transformer_blocks.9"): tensors[key] for key in tensors}, tmp_path / "o"
    )
    with pytest.raises(WeightsError, match="no LoRA for this model"):
        droplet("generate", "--model", model, "--lora", tmp_path / "o", "--out", tmp_path / "a.mp4")
    save_file({key: value[..., :1].contiguous() for key, value in tensors.items()}, tmp_path / "shape")
    with pytest.raises(WeightsError, match="no LoRA for this model"):
        droplet("generate", "--model", model, "--lora", tmp_path / "shape", "--out", tmp_path / "a.mp4")
    with pytest.raises(WeightsError, match="is missing"):
        droplet("generate", "--model", model, "--lora", tmp_path / "none", "--out", tmp_path / "a.mp4")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--keyframe", "x=a.png"], "FRAME=FILE"),
        (["--prompts", "no such file"], "cannot be read"),
        (["--prompts", "[{"], "not valid JSON"),
        (["--image", "missing.png"], "does not exist"),
        (["--image", "requests.txt"], "not an image"),
        (["--motion", "-3"], "motion=-3"),
        (["--scheduler", "euler"], "scheduler='euler'"),
        (["--fit", "squash"], "fit='squash'"),
        (["--model", "nowhere"], "nowhere"),
        (["--memory", "tiny"], "memory='tiny'"),
        (["--steps", "0"], "num_inference_steps"),
    ],
)
def test_misuse_is_told_with_value_and_next_step_and_leaves_nothing(words, said, model, given, tmp_path, monkeypatch):
    monkeypatch.chdir(given)
    (given / "requests.txt").write_text("text")
    with pytest.raises(DropletError, match=said):
        droplet("generate", "--model", model, *words, "--prompt", "x", "--out", tmp_path / "new" / "a.mp4")
    assert not list(tmp_path.rglob("*.*"))


def test_an_end_that_is_not_read_is_said(model, tmp_path, caplog):
    prompt = "pan left " * 4 + "towards the lighthouse"
    generate_file(tmp_path / "a.mp4", {"prompt": prompt, "prompt_suffix": ""}, Setup(model=str(model)))
    assert "12 are read" in caplog.text
    assert "house" in caplog.text.split("cut off")[1]


def test_a_dry_run_says_calls_memory_and_time_and_makes_nothing(model, given, tmp_path):
    rows = [{"id": f"v{n}", "prompt": "x", "seed": n} for n in range(3)] + [{"id": "bad", "image": "none.png"}]
    requests = given / "dry.jsonl"
    requests.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["generate", "--model", model, "--batch", requests, "--dry-run", "--batch-size", 2, "--steps", 3]
    done = CliRunner().invoke(application, [str(word) for word in [*words, "--json"]])
    plan = json.loads(done.stdout)
    assert (plan["videos"], plan["calls"], plan["num_steps"]) == (3, 2, 6)
    assert plan["estimate"]["parameters"]["transformer"] > 0
    assert plan["estimate"]["peak_bytes"] > sum(plan["estimate"]["weights_bytes"].values())
    assert plan["seconds"] == pytest.approx(6 * plan["estimate"]["seconds_per_step"])
    assert [row["id"] for row in plan["failures"]] == ["bad"]
    assert done.exit_code == 3
    said = droplet("generate", "--model", model, "--prompt", "x", "--dry-run").stdout
    assert "videos: 1, calls: 1" in said
    assert "peak memory" in said
    assert not list(tmp_path.iterdir())


def test_the_memory_preset_tiles_and_is_repeated(model, tmp_path, monkeypatch):
    seen = []
    decode = run.decode_latents
    monkeypatch.setattr(run, "decode_latents", lambda vae, *a, **k: seen.append(vae.use_tiling) or decode(vae, *a, **k))
    droplet("generate", "--model", model, "--memory", "low", "--out", tmp_path / "a.mp4")
    droplet("generate", "--from", tmp_path / "a.mp4", "--out", tmp_path / "b.mp4")
    droplet("generate", "--model", model, "--out", tmp_path / "c.mp4")
    assert seen == [True, True, False]
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_memory_that_runs_out_is_told_with_what_to_try(model, tmp_path, monkeypatch):
    def full(*_given, **_more):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99999999 bytes")

    monkeypatch.setattr("dropletvideo.generate.run.JobRun._sampled", full)
    with pytest.raises(DropletError, match="out of memory at 16x16x5"):
        generate_file(tmp_path / "a.mp4", {"prompt": "x"}, Setup(model=str(model)))
    with pytest.raises(DropletError, match="try --memory low"):
        generate_file(tmp_path / "a.mp4", {"prompt": "x"}, Setup(model=str(model), memory="balanced"))
    assert not list(tmp_path.iterdir())
    assert not is_memory_error(RuntimeError("sizes do not match"))


WRITER = """
import sys, time, numpy as np
from dropletvideo import runtime
from dropletvideo.media import write_video
runtime.stop_on_terminate()
def frames():
    for number in range(10000):
        if number == 20:
            print("under way", flush=True)
        time.sleep(0.005)
        yield np.full((64, 64, 3), number % 255, np.uint8)
write_video(sys.argv[1], frames(), playback_fps=8)
"""


@pytest.mark.parametrize(("number", "left"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, 1)])
def test_a_killed_run_leaves_no_file_under_the_name(number, left, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path / "a.mp4"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "under way"
    time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(timeout=60) != 0
    assert not (tmp_path / "a.mp4").exists()
    assert len(list(tmp_path.glob(".*.partial.mp4"))) == left  # what a killed batch leaves its next run removes
