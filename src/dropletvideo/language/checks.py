"""Is an answer a caption? Everything that is wrong with one, in words that can be sent back to the model.

Not checked, because words alone do not tell: whether the text is true of anything but the camera.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dropletvideo.language.camera_check import Measured, disagreement
from dropletvideo.language.vlm import CUT_OFF, Answer
from dropletvideo.language.words import (
    CAMERA_WORD,
    chinese_share,
    count_camera_words,
    count_words,
    sentences,
    tokens,
)

ABOUT_CAMERA = ("camera", "caption")
Language = Literal["en", "zh"]
_REFUSAL = re.compile(
    r"\b(i(?:'|’)?m sorry|i am sorry|i apologi[sz]e|i cannot|i can(?:'|’)t|i am unable|i(?:'|’)m unable|as an ai\b|"
    r"as a language model|unable to (?:view|see|describe|process|assist|analy[sz]e|provide)|"
    r"no (?:image|video|picture)s? (?:was|were|is|has been) (?:provided|attached|given))"
    r"|抱歉|我无法|作为一个(?:AI|人工智能|语言模型)",
    re.IGNORECASE,
)
_STILLS = re.compile(
    r"\b(?:(?:first|second|third|fourth|fifth|sixth|seventh|eighth|last|final|next|each|these|eight|8)\s+"
    r"(?:image|frame|picture|panel|still|screenshot)s?|(?:image|frame|picture|panel) (?:\d|one|two|three)\b|"
    r"(?:image|photo|frame) grid|grid of (?:image|frame|picture|still)s|collage|in th(?:is|e|ese) (?:image|picture)s?|"
    r"across the frames)\b|第[一二三四五六七八]张|网格",
    re.IGNORECASE,
)
_THOUGHTS = re.compile(r"<think>.*?</think>", re.DOTALL)
LOOP_WORDS, LOOP_CHARACTERS, LOOP_TIMES = 6, 10, 3
FRESH_SHARE = 0.6


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What an answer is held to.

    Args:
        words: for each part, least and most words.
        language: that all parts are written in.
        min_camera_words: words of sentences about the camera in `caption`.
        hold_to_camera: whether texts must agree with the measured camera.
        min_camera_confidence: least `camera_confidence` of a measurement that is believed.
    """

    words: Mapping[str, tuple[int, int]]
    language: Language = "en"
    min_camera_words: int = 8
    hold_to_camera: bool = True
    min_camera_confidence: float = 0.5


class Unusable(Exception):
    """An answer without the parts asked for; `faults` says why, one sentence each."""

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def parts_of(answer: Answer, names: tuple[str, ...]) -> dict[str, str]:
    """The parts of an answer: its JSON object, also out of a code block or from between other words.

    Raises:
        Unusable: a refusal, no JSON, or a part missing, empty or no text.
    """
    text = _THOUGHTS.sub("", answer.text).strip()
    found = _json_in(text)
    if found is None:
        if refusal := _REFUSAL.search(text):
            raise Unusable(f'it refuses ("{refusal.group()}") instead of describing the video')
        if answer.finish == CUT_OFF:
            raise Unusable("it was cut off at the token limit: write shorter texts, each sentence once")
        raise Unusable("it holds no JSON object that can be read")
    given = {_plain(key): value for key, value in found.items()}
    faults = []
    for name in names:
        if not isinstance(given.get(name), str):
            faults.append(f'"{name}" is {"no text" if name in given else "missing"}')
        elif not given[name].strip():
            faults.append(f'"{name}" is empty')
    if faults:
        raise Unusable(*faults)
    return {name: " ".join(given[name].split()) for name in names}


def _json_in(text: str) -> dict[str, Any] | None:
    start, end = text.find("{"), text.rfind("}")
    for candidate in (text, text[start : end + 1] if 0 <= start < end else ""):
        try:
            found = json.loads(candidate, strict=False)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return None


def _plain(key: str) -> str:
    name = re.sub(r"[^a-z]+", "_", key.lower()).strip("_")
    return name.removesuffix("_caption") or name


def faults_of(parts: Mapping[str, str], rules: Rules, measured: Measured) -> list[str]:
    """Everything wrong with an answer's parts, one sentence each with the part, the value and the limit."""
    faults = [fault for name, text in parts.items() for fault in _faults_of_text(name, text, rules)]
    faults += _repeated_parts(parts)
    if rules.hold_to_camera and measured.is_sure(rules.min_camera_confidence):
        for name in ABOUT_CAMERA:
            if name in parts and (told := disagreement(parts[name], measured)):
                faults.append(f'"{name}" is wrong about the camera: {told}')
    return faults


def _faults_of_text(name: str, text: str, rules: Rules) -> list[str]:
    if refusal := _REFUSAL.search(text):
        return [f'"{name}" refuses ("{refusal.group()}") instead of describing the video']
    if loop := loop_in(text):
        return [f'"{name}" repeats itself ("{loop}")']
    faults = []
    least, most = rules.words[name]
    if not least <= (count := count_words(text)) <= most:
        faults.append(f'"{name}" has {count} words, it must have {least} to {most}')
    if stills := _STILLS.search(text):
        faults.append(f'"{name}" speaks of single pictures ("{stills.group()}") instead of the video')
    share = chinese_share(text)
    if share > 0.1 if rules.language == "en" else share < 0.5:
        faults.append(f'"{name}" is not written in {"English" if rules.language == "en" else "Chinese"}')
    elif name == "camera" and not CAMERA_WORD.search(text):
        faults.append('"camera" has no word about the camera')
    elif name == "caption" and (count := count_camera_words(text)) < rules.min_camera_words:
        faults.append(f'"caption" has {count} words about the camera, it must have {rules.min_camera_words} or more')
    return faults


def _repeated_parts(parts: Mapping[str, str]) -> list[str]:
    seen: dict[tuple[str, ...], str] = {}
    faults = []
    for name, text in parts.items():
        first = seen.setdefault(tuple(tokens(text)), name)
        if first != name:
            faults.append(f'"{name}" says the same as "{first}", word for word')
    return faults


def loop_in(text: str) -> str | None:
    """Words that a text goes round in; None for one that does not.

    Six words (ten Chinese characters) that come three times, a sentence of six words or more that comes twice, one
    word four times in a row, or a text of 40 words or more of whose runs of three fewer than 60 % are new.
    """
    words = tokens(text)
    size = LOOP_CHARACTERS if chinese_share(text) > 0.5 else LOOP_WORDS
    joint = "" if size == LOOP_CHARACTERS else " "
    runs = Counter(tuple(words[at : at + size]) for at in range(len(words) - size + 1))
    if runs and (most := runs.most_common(1)[0])[1] >= LOOP_TIMES:
        return joint.join(most[0])
    told = Counter(tuple(found) for sentence in sentences(text) if len(found := tokens(sentence)) >= size)
    if told and (most := told.most_common(1)[0])[1] > 1:
        return joint.join(most[0][:12])
    for at in range(len(words) - 3):
        if len(set(words[at : at + 4])) == 1:
            return " ".join(words[at : at + 4])
    threes = [tuple(words[at : at + 3]) for at in range(len(words) - 2)]
    if len(words) >= 40 and len(set(threes)) < FRESH_SHARE * len(threes):
        return joint.join(Counter(threes).most_common(1)[0][0])
    return None
