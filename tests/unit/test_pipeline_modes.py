"""Protects what a call of the pipeline means in every mode: its words reach the model, its frames are where they should
be, and what does not go together is refused before any work."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dropletvideo.errors import MediaError, RequestError
from dropletvideo.generate.pipeline import DropletVideoPipeline, to_uint8
from dropletvideo.media import write_image, write_video
from dropletvideo.model.presets import nano
from dropletvideo.model.vae import decode_latents

GOLDEN = Path(__file__).parents[1] / "golden" / "dropletvideo_tiny"
SIDE = 32


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """The parity model with defaults of a toy: 9 frames of 32x32, two steps, a suffix and a negative prompt."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    shutil.copytree(GOLDEN / "model", folder)
    toy = {
        "num_frames": 9,
        "height": SIDE,
        "width": SIDE,
        "text_length": 12,
        "num_inference_steps": 2,
        "prompt_suffix": "Sharp.",
        "negative_prompt": "Blurry.",
    }
    (folder / "droplet.json").write_text(nano().defaults.model_copy(update=toy).model_dump_json())
    loaded = DropletVideoPipeline.from_pretrained(folder)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def picture(seed, height=SIDE, width=SIDE):
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def clip(num_frames, seed=0):
    return np.stack([picture(100 * seed + number) for number in range(num_frames)])


def call(pipeline, **asked):
    return pipeline(**({"prompt": "A lake.", "seed": 0, "motion": 8.0} | asked)).frames


@pytest.fixture
def heard(pipeline, monkeypatch):
    """What every call of the transformer was told."""
    told = []
    forward = pipeline.transformer.forward

    def spy(**arguments):
        told.append(arguments)
        return forward(**arguments)

    monkeypatch.setattr(pipeline.transformer, "forward", spy)
    return told


# lengths, sizes, words


@pytest.mark.parametrize("num_frames", [1, 2, 3, 6, 8])
def test_any_number_of_frames(pipeline, num_frames):
    assert call(pipeline, num_frames=num_frames).shape == (1, num_frames, 3, SIDE, SIDE)


def test_legacy_counts_are_those_of_the_published_code(pipeline):
    assert call(pipeline, num_frames=5, frame_fix="legacy").shape[1] == 8
    assert call(pipeline, num_frames=7, frame_fix="legacy").shape[1] == 8
    assert call(pipeline, num_frames=9, frame_fix="legacy").shape[1] == 9
    assert call(pipeline, num_frames=13, frame_fix="legacy").shape[1] == 16, "at once, not in chunks"


def test_odd_sizes_are_rounded_with_one_line(pipeline, caplog):
    assert call(pipeline, height=30, width=41, num_frames=1).shape[-2:] == (32, 48)
    told = [record.message for record in caplog.records if "multiples of 16" in record.message]
    assert told == ["size 30x41 (height x width) becomes 32x48: sides are multiples of 16"]


def test_the_suffix_is_appended_after_one_space(pipeline):
    default = call(pipeline, prompt="A lake.")
    assert torch.equal(default, call(pipeline, prompt="A lake. Sharp.", prompt_suffix=None))
    assert torch.equal(default, call(pipeline, prompt="A lake.", prompt_suffix="Sharp."))
    assert not torch.equal(default, call(pipeline, prompt="A lake.", prompt_suffix=None))


def test_none_and_default_take_the_models_words(pipeline):
    default = call(pipeline, negative_prompt=None, max_sequence_length=None)
    assert torch.equal(default, call(pipeline, negative_prompt="Blurry.", max_sequence_length=12))
    assert torch.equal(default, call(pipeline, negative_prompt="default"))
    assert not torch.equal(default, call(pipeline, negative_prompt=""))


def test_output_types_show_the_same_video(pipeline):
    frames = call(pipeline)
    assert float(frames.min()) >= 0
    assert float(frames.max()) <= 1
    as_np = call(pipeline, output_type="np")
    assert np.array_equal(as_np, frames.permute(0, 1, 3, 4, 2).numpy())
    assert np.array_equal(
        np.stack([np.asarray(one) for one in call(pipeline, output_type="pil")[0]]), to_uint8(as_np)[0]
    )


# what is given


def test_text_alone_leaves_the_condition_empty(pipeline, heard):
    call(pipeline)
    assert heard[0]["hidden_states"].shape[2] == 33
    assert not heard[0]["hidden_states"][:, :, 16:].any()


def test_an_image_may_be_a_path_a_picture_or_an_array(pipeline, tmp_path):
    write_image(tmp_path / "a.png", picture(1))
    array = call(pipeline, image=picture(1))
    assert torch.equal(array, call(pipeline, image=tmp_path / "a.png"))
    assert torch.equal(array, call(pipeline, image=Image.fromarray(picture(1))))
    with pytest.raises(MediaError):
        call(pipeline, image=tmp_path / "none.png")


def test_first_and_last_image_are_keyframes_at_the_ends(pipeline):
    ends = call(pipeline, image=picture(1), last_image=picture(2))
    assert torch.equal(ends, call(pipeline, keyframes={0: picture(1), 8: picture(2)}))
    assert torch.equal(ends, call(pipeline, keyframes={"0": picture(1), -1: picture(2)}))
    assert not torch.equal(ends, call(pipeline, image=picture(1)))


def test_a_keyframe_is_in_its_own_latent_frame(pipeline, heard):
    call(pipeline, keyframes={6: picture(1)})
    empty_clip = heard[0]["hidden_states"][:, :, 17:].clone()
    mask = heard[0]["hidden_states"][0, :, 16].amax(dim=(1, 2))
    assert mask[:2].tolist() == [0, 0]
    assert mask[2] > 0
    heard.clear()
    call(pipeline, keyframes={6: picture(2)})
    moved = (heard[0]["hidden_states"][:, :, 17:] - empty_clip).abs().amax(dim=(0, 2, 3, 4))
    assert moved[:2].max() < 1e-5, "the codec is causal: frames before do not hear of it"
    assert moved[2] > 0


def test_images_are_fitted_as_asked(pipeline):
    wide = np.concatenate([picture(1), picture(2), picture(3)], axis=1)
    cropped = call(pipeline, image=wide, fit="crop")
    assert torch.equal(cropped, call(pipeline, image=picture(2)))
    assert not torch.equal(cropped, call(pipeline, image=wide, fit="stretch"))
    assert not torch.equal(cropped, call(pipeline, image=wide, fit="pad"))


def test_a_video_goes_on_after_its_own_frames(pipeline):
    given = clip(7)
    frames = call(pipeline, video=given, num_frames=14, overlap=5)
    assert frames.shape[1] == 14
    assert np.array_equal(to_uint8(frames[0, :2].permute(0, 2, 3, 1).numpy()), given[:2])
    before_overlap, within = given.copy(), given.copy()
    before_overlap[1], within[4] = 0, 0
    assert torch.equal(frames[:, 7:], call(pipeline, video=before_overlap, num_frames=14, overlap=5)[:, 7:])
    assert not torch.equal(frames[:, 7:], call(pipeline, video=within, num_frames=14, overlap=5)[:, 7:])


def test_a_video_file_is_read_and_its_length_is_the_start(pipeline, tmp_path):
    write_video(tmp_path / "a.mp4", clip(20), playback_fps=8)
    frames = call(pipeline, video=tmp_path / "a.mp4")
    assert frames.shape[1] == 20 + 9 - 1, "as many new frames as a chunk adds"
    with pytest.raises(RequestError, match="give 21 or more"):
        call(pipeline, video=tmp_path / "a.mp4", num_frames=20)


# the time line


def test_every_entry_of_a_time_line_is_heard_with_its_own_motion(pipeline, heard):
    line = [
        {"prompt": "One.", "motion": 4.0, "num_frames": 9},
        {"prompt": "Two.", "motion": 30.0, "num_frames": 12},
        "Three.",
    ]
    output = pipeline(prompts=line, motion=16.0, seed=0)
    assert output.frames.shape[1] == 9 + 12 + 9
    motions = [float(told["motion"]) for told in heard]
    chunks = [motions[at] for at in range(0, len(motions), 2)]
    assert chunks == [4.0, 30.0, 30.0, 16.0, 16.0]
    texts = [heard[2 * at]["encoder_hidden_states"][1] for at in (0, 1, 3)]
    assert not torch.equal(texts[0], texts[1])
    assert not torch.equal(texts[1], texts[2])
    assert [first for first, _ in output.seams] == [8, 16, 20, 28]


def test_a_change_of_a_later_entry_leaves_the_earlier_frames(pipeline):
    line = [{"prompt": "One.", "num_frames": 9}, {"prompt": "Two.", "num_frames": 8}]
    other = [line[0], {"prompt": "Three.", "num_frames": 8}]
    first, second = (pipeline(prompts=each, seed=0).frames for each in (line, other))
    assert torch.equal(first[:, :8], second[:, :8])
    assert not torch.equal(first[:, 9:], second[:, 9:])


# long videos


def test_a_long_video_is_streamed_as_it_is_returned(pipeline):
    asked = {"prompt": "A lake.", "image": picture(1), "num_frames": 30, "seed": 3}
    job = pipeline.prepare(**asked)
    runs = list(pipeline.stream(job))
    assert len(runs) == len(job.chunks) == 4
    whole = to_uint8(pipeline(**asked, output_type="np").frames)[0]
    assert np.array_equal(np.concatenate(runs), whole)
    assert len(whole) == 30


def test_a_last_image_of_a_long_video_is_told_to_its_last_chunk(pipeline, heard):
    call(pipeline, num_frames=17, last_image=picture(5), image=picture(1))
    told = [heard[at]["hidden_states"][0, :, 17:] for at in (0, 2)]
    heard.clear()
    call(pipeline, num_frames=17, last_image=picture(6), image=picture(1))
    assert torch.equal(told[0], heard[0]["hidden_states"][0, :, 17:])
    changed = (told[1] - heard[2]["hidden_states"][0, :, 17:]).abs().amax(dim=(1, 2, 3))
    assert changed[-1] > 0.01


def test_one_pass_of_any_length_on_request(pipeline, heard, caplog):
    call(pipeline, num_frames=17, chunk_frames=17)
    assert len(heard) == 2
    assert "chunks" not in caplog.text
    call(pipeline, num_frames=17)
    assert (
        "17 frames are made in 2 chunks of up to 9 with 1 in common; chunk_frames=17 makes them at once" in caplog.text
    )


# batches


def test_lists_give_what_single_calls_give(pipeline):
    lists = {
        "prompt": ["One.", "Two.", "Three."],
        "image": [picture(1), None, picture(3)],
        "seed": [5, 6, 7],
        "motion": [4.0, 8.0, 31.5],
        "keyframes": [None, {4: picture(9)}, None],
    }
    together = pipeline(**lists, num_frames=14).frames
    for row in range(3):
        alone = pipeline(**{name: values[row] for name, values in lists.items()}, num_frames=14).frames
        assert (together[row] - alone[0]).abs().max() < 1e-4


def test_one_seed_is_one_video_to_the_bit(pipeline):
    asked = {"image": picture(1), "num_frames": 14, "noise_aug": 0.1}
    assert torch.equal(call(pipeline, **asked), call(pipeline, **asked))
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    assert torch.equal(call(pipeline, **asked), call(pipeline, **asked, seed=None, generator=generators[0]))
    assert not torch.equal(call(pipeline, **asked), call(pipeline, **asked, seed=1))


# sampling


def test_noise_on_the_reference_is_drawn_from_the_seed_and_leaves_the_rest(pipeline, heard):
    plain, noisy = (call(pipeline, image=picture(1), noise_aug=sigma) for sigma in (0.0, 0.3))
    assert not torch.equal(plain, noisy)
    assert torch.equal(plain, call(pipeline, image=picture(1)))
    assert torch.equal(heard[0]["hidden_states"][:, :, :17], heard[2]["hidden_states"][:, :, :17])
    assert not torch.equal(heard[0]["hidden_states"][:, :, 17:], heard[2]["hidden_states"][:, :, 17:])
    assert not torch.equal(noisy, call(pipeline, image=picture(1), noise_aug=0.3, seed=1))


def test_every_option_of_sampling_changes_the_video(pipeline):
    asked = {"image": picture(1), "num_inference_steps": 4}
    plain = call(pipeline, **asked)
    options = [
        {"scheduler": "dpm++"},
        {"scheduler": "unipc"},
        {"guidance_scale": 1.0},
        {"guidance_rescale": 0.7},
        {"dynamic_guidance": True},
    ]
    videos = [plain, *(call(pipeline, **asked, **option) for option in options)]
    for number, one in enumerate(videos):
        assert not any(torch.equal(one, other) for other in videos[number + 1 :])
    assert type(pipeline.scheduler).__name__ == "DDIMScheduler", "of the call alone"
    assert torch.equal(plain, call(pipeline, **asked, scheduler="ddim"))


def test_callbacks_are_told_and_obeyed(pipeline):
    seen = []

    def keep(pipe, step, timestep, tensors):
        seen.append((pipe, step, timestep, tensors["latents"].shape))

    plain = call(pipeline, callback_on_step_end=keep)
    assert seen == [(pipeline, 0, 999, (1, 3, 16, 4, 4)), (pipeline, 1, 499, (1, 3, 16, 4, 4))]
    halved = call(pipeline, callback_on_step_end=lambda *told: {"latents": told[3]["latents"] / 2})
    assert not torch.equal(plain, halved)


def test_a_callback_may_stop_the_call(pipeline, heard):
    def stop(pipe, step, _timestep, _tensors):
        pipe._interrupt = step == 0

    assert call(pipeline, num_frames=17, callback_on_step_end=stop).shape[1] < 17
    assert len(heard) == 1
    assert call(pipeline, num_frames=17).shape[1] == 17, "the next call runs through"


def test_latents_go_in_and_come_out(pipeline):
    noise = torch.randn((3, 16, 4, 4), generator=torch.Generator().manual_seed(0))[None]
    frames = call(pipeline)
    assert torch.equal(frames, call(pipeline, latents=noise, seed=None))
    latents = call(pipeline, output_type="latent")
    assert latents.shape == (1, 3, 16, 4, 4)
    decoded = (decode_latents(pipeline.vae, latents) / 2 + 0.5).clamp(0, 1).transpose(1, 2)
    assert torch.equal(frames, decoded)
    assert call(pipeline, latents=torch.zeros(2, 4, 16, 6, 4), seed=None).shape == (2, 13, 3, 48, 32)


# what does not go together


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"prompt": "x", "prompts": ["y"]}, "a time line has its own prompts"),
        ({"prompt": "", "prompts": [{"prompt": "x", "motions": 3}]}, r"prompts\[0\] is not valid.*motions"),
        ({"image": picture(0), "video": clip(5)}, "image and video are both given"),
        ({"image": picture(0), "keyframes": {0: picture(1)}}, "frame 0 is given twice"),
        ({"keyframes": {9: picture(1)}}, "keyframe 9 lies outside a video of 9 frames"),
        ({"keyframes": {"x": picture(1)}}, "no frame number"),
        ({"generator": torch.Generator()}, "seed and generator are both given"),
        ({"latents": torch.zeros(1, 3, 8, 4, 4)}, "latents are"),
        ({"num_frames": 20, "chunk_frames": 9, "output_type": "latent"}, "goes with a video made at once"),
        ({"video": clip(5), "frame_fix": "legacy"}, "goes with a video made at once"),
        ({"prompt": ["a", "b"], "motion": [1.0, 2.0, 3.0]}, "prompt has 2 entries for 3 videos"),
        ({"output_type": "gif"}, "one of pt, np, pil, latent"),
        ({"motion": -1.0}, "positive number"),
    ],
)
def test_what_does_not_go_together_is_refused_before_any_work(pipeline, heard, asked, words):
    with pytest.raises(RequestError, match=words):
        call(pipeline, **asked)
    assert not heard


def test_an_argument_that_a_call_does_not_have_is_named(pipeline):
    with pytest.raises(TypeError, match="unknown arguments fps"):
        pipeline.prepare(fps=8)


# motion in measured steps


def test_speed_is_motion_on_the_measured_curve(pipeline, heard, monkeypatch, caplog):
    from dropletvideo.generate.provenance import model_digest
    from dropletvideo.model.motion_curve import fit_calibration

    with pytest.raises(RequestError, match="not calibrated"):
        call(pipeline, motion=None, speed=0.5)
    scenes = np.array([[4.0, 2.0, 1.0]] * 6) + np.random.default_rng(0).normal(0, 0.01, (6, 3))
    facts = {"unit": "u", "judge": "j", "settings": {"num_inference_steps": 2}}
    curve = fit_calibration([4.0, 8.0, 16.0], scenes, model_digest=model_digest(pipeline._folder.path), **facts)
    monkeypatch.setattr(pipeline, "defaults", pipeline.defaults.model_copy(update={"motion_calibration": curve}))
    call(pipeline, motion=None, speed=1.0, num_inference_steps=1)
    assert float(heard[0]["motion"]) == 4.0
    assert "speed was measured with other settings (num_inference_steps 2 then, 1 now)" in caplog.text
    heard.clear()
    call(pipeline, motion=None, speed=[0.0, 1.0], num_inference_steps=1)
    assert heard[0]["motion"].tolist() == [16.0, 4.0, 16.0, 4.0]
    with pytest.raises(RequestError, match="both given"):
        call(pipeline, motion=8.0, speed=1.0)
    other = curve.model_copy(update={"model_digest": "another"})
    monkeypatch.setattr(pipeline, "defaults", pipeline.defaults.model_copy(update={"motion_calibration": other}))
    with pytest.raises(RequestError, match="calibrated with other weights"):
        call(pipeline, motion=None, speed=1.0)
