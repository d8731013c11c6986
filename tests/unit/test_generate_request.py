"""Protects what a request means: sizes that can be encoded, defaults of the model, images fitted as asked."""

import numpy as np
import pytest
from PIL import Image

from dropletvideo.errors import MediaError, RequestError
from dropletvideo.generate.request import as_list, as_picture, batch_size_of, motions_of, settings_of, size_note
from dropletvideo.media import fit_image
from dropletvideo.model.presets import nano

DEFAULTS = nano().defaults


def test_what_is_not_asked_is_the_models_default():
    settings = settings_of(DEFAULTS, num_frames=None, guidance_scale=None, prompt_suffix="default")
    assert (settings.num_frames, settings.height, settings.guidance_scale) == (17, 64, DEFAULTS.guidance_scale)
    assert settings_of(DEFAULTS, guidance_scale=1.0).guidance_scale == 1.0


def test_a_suffix_is_the_models_none_or_a_text():
    with_suffix = DEFAULTS.model_copy(update={"prompt_suffix": "Fine."})
    assert settings_of(with_suffix, prompt_suffix="default").prompt_suffix == "Fine."
    assert settings_of(with_suffix, prompt_suffix=None).prompt_suffix == ""
    assert settings_of(with_suffix, prompt_suffix="Mine.").prompt_suffix == "Mine."


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"num_frames": 0}, "num_frames=0: need 1 or more"),
        ({"height": 0}, "need 1 pixel"),
        ({"scheduler": "euler"}, "one of ddim, dpm\\+\\+, unipc"),
        ({"frame_fix": "pad"}, "one of exact, legacy"),
        ({"guidance_rescale": 1.5}, "0 \\(off\\) to 1"),
        ({"noise_aug": -0.1}, "noise_aug=-0.1: need 0 or more"),
        ({"chunk_frames": 16}, "chunk_frames=16 cannot be encoded.*nearest are 13 and 17"),
        ({"chunk_frames": 5, "overlap": 5}, "leaves nothing"),
        ({"num_inference_steps": 0}, "need 1 or more"),
        ({"guidance_scale": -1.0}, "need 0 or more"),
    ],
)
def test_a_number_that_cannot_be_is_refused_with_one_that_can(asked, words):
    with pytest.raises(RequestError, match=words):
        settings_of(DEFAULTS, **asked)


def test_any_frame_count_and_size_has_latents_and_a_rounded_size_is_told():
    settings = settings_of(DEFAULTS, num_frames=18, height=60, width=71)
    assert (settings.num_frames, settings.height, settings.width) == (18, 64, 64)
    assert settings.latent(18).frames == settings.latent(21).frames == 6
    assert settings.latent(1).frames == 1
    assert settings_of(DEFAULTS, frame_fix="legacy").latent(18).frames == 5
    assert size_note(settings, 60, 71) == "size 60x71 (height x width) becomes 64x64: sides are multiples of 16"
    assert size_note(settings, None, 64) is None


def test_default_and_none_are_the_models_values():
    texts = DEFAULTS.model_copy(update={"negative_prompt": "Ugly."})
    assert settings_of(texts, negative_prompt=None).negative_prompt == "Ugly."
    assert settings_of(texts, negative_prompt="default").negative_prompt == "Ugly."
    assert settings_of(texts, negative_prompt="").negative_prompt == ""


def test_lists_are_one_per_video_or_one_for_all():
    assert batch_size_of(image=["a", "b"], prompt="x", motion=4.0) == 2
    assert as_list("x", 3, "prompt") == ["x", "x", "x"]
    assert motions_of([4.0, None], 2, 8.0) == [4.0, 8.0]
    with pytest.raises(RequestError, match="prompt has 2 entries for 3 videos"):
        as_list(["a", "b"], 3, "prompt")
    with pytest.raises(RequestError, match="positive number"):
        motions_of(0.0, 1, 8.0)


def striped(height, width):
    """Left third red, middle green, right third blue."""
    image = np.zeros((height, width, 3), np.uint8)
    for third, channel in enumerate(range(3)):
        image[:, third * width // 3 : (third + 1) * width // 3, channel] = 255
    return image


def test_crop_keeps_aspect_and_middle():
    fitted = fit_image(striped(64, 192), 64, 64, "crop")
    assert (fitted[:, 5:-5, 1] > 250).all()


def test_pad_keeps_everything_between_black_borders():
    fitted = fit_image(striped(64, 192), 64, 64, "pad")
    assert fitted.shape == (64, 64, 3)
    assert (fitted[:20] == 0).all()
    assert [int(fitted[32, column].argmax()) for column in (5, 32, 58)] == [0, 1, 2]


def test_stretch_fills_the_size_with_all_of_it():
    fitted = fit_image(as_picture(Image.fromarray(striped(64, 192))), 64, 64, "stretch")
    assert [int(fitted[5, column].argmax()) for column in (5, 32, 58)] == [0, 1, 2]


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(1, 200), (33, 47), (64, 64), (500, 90)])
def test_every_fit_gives_the_size_asked(fit, size):
    assert fit_image(np.zeros((*size, 3), np.uint8), 48, 80, fit).shape == (48, 80, 3)


def test_an_image_that_is_none_is_told(tmp_path):
    (tmp_path / "no.png").write_text("text")
    with pytest.raises(MediaError, match="not an image"):
        as_picture(tmp_path / "no.png")
    with pytest.raises(RequestError, match="crop, pad, stretch"):
        fit_image(striped(8, 8), 64, 64, "fill")
