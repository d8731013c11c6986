"""A vision-language model of transformers in this process: any folder that `AutoModelForImageTextToText` opens."""

from __future__ import annotations

import io
import threading
import time
from functools import cached_property
from pathlib import Path
from typing import Any

from dropletvideo import runtime
from dropletvideo.errors import WeightsError
from dropletvideo.language.vlm import CUT_OFF, Answer, Question
from dropletvideo.tables.asking import AskingEnds

NEEDED = ("config.json", "preprocessor_config.json|processor_config.json", "tokenizer_config.json", "*.safetensors")


def check_folder(folder: str | Path) -> Path:
    """The folder of a model, with everything that is needed to open it.

    Raises:
        WeightsError: not there, or a file is missing; says which and where to put it.
    """
    path = Path(folder).expanduser()
    advice = (
        "put the whole repository of a model for transformers' AutoModelForImageTextToText there "
        "(Qwen/Qwen2.5-VL-7B-Instruct for one), or give an endpoint instead"
    )
    if not path.is_dir():
        raise WeightsError(f"the captioning model's folder {path} is not there: {advice}")
    for names in NEEDED:
        if not any(next(path.glob(name), None) for name in names.split("|")):
            raise WeightsError(f"the captioning model's folder {path} has no {names.replace('|', ' or ')}: {advice}")
    return path


class LocalModel:
    """A `vlm.Model` on one device, one question at a time; loaded at the first question.

    Args:
        folder: a model folder (`check_folder`).
        device, dtype: as `runtime.pick_device` and `runtime.pick_dtype`.
    """

    def __init__(self, folder: str | Path, device: str = "auto", dtype: str = "auto") -> None:
        self.folder = check_folder(folder)
        self.device = runtime.pick_device(device)
        self.dtype = runtime.pick_dtype(dtype, self.device)
        self._lock = threading.Lock()
        self._stopped = False

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
        from transformers import AutoModelForImageTextToText, AutoProcessor

        try:
            model = AutoModelForImageTextToText.from_pretrained(self.folder, dtype=self.dtype, local_files_only=True)
            reading = AutoProcessor.from_pretrained(self.folder, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            raise WeightsError(f"{self.folder} cannot be opened as an image-text-to-text model: {error}") from error
        return model.to(self.device).eval(), reading

    def stop(self) -> None:
        """Begin no further question."""
        self._stopped = True

    def ask(self, question: Question) -> Answer:
        """One answer; `json_schema` has no effect here (the text is checked afterwards all the same)."""
        import torch

        with self._lock:
            if self._stopped:
                raise AskingEnds("stopped")
            model, reading = self._parts
            started = time.monotonic()
            given = reading.apply_chat_template(
                [{"role": "user", "content": _content(question)}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            ).to(self.device)
            given = {k: v.to(self.dtype) if v.is_floating_point() else v for k, v in given.items()}
            sampling: dict[str, Any] = {"do_sample": False}
            if question.temperature > 0:
                sampling = {"do_sample": True, "temperature": question.temperature}
            with torch.inference_mode():
                tokens_BS = model.generate(**given, max_new_tokens=question.max_tokens, **sampling)
            asked = given["input_ids"].shape[1]
            answered = tokens_BS[0, asked:]
            text = reading.decode(answered, skip_special_tokens=True)
            is_cut = len(answered) >= question.max_tokens
            return Answer(
                text=text.strip(),
                finish=CUT_OFF if is_cut else "stop",
                prompt_tokens=int(asked),
                completion_tokens=len(answered),
                seconds=time.monotonic() - started,
            )


def _content(question: Question) -> list[dict[str, Any]]:
    from PIL import Image

    pictures = [Image.open(io.BytesIO(image)).convert("RGB") for image in question.images]
    return [*({"type": "image", "image": picture} for picture in pictures), {"type": "text", "text": question.text}]
