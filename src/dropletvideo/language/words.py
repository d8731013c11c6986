"""Counting words of captions, and those about the camera; in English and Chinese."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_][\w'’-]*|\d[\d.,:]*", re.UNICODE)
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？；])")
CAMERA_WORD = re.compile(
    r"\b(cameras?|lens|viewpoint|vantage point|field of view|footage|framing|close-?ups?|"
    r"(?:wide|long|medium|tracking|aerial|overhead|static|establishing|drone|hand-?held|point-of-view|low-angle|"
    r"high-angle|eye-level|dolly|panning|full|wide-angle) shots?|(?:low|high|wide|eye-level|bird's-eye) angle|"
    r"view shot|shooting angles?|"
    r"pans?|panned|panning|tilts?|tilting|zooms?|zooming|zoomed|doll(?:y|ies|ying)|hand-?held|orbits?|orbiting)\b"
    r"|镜头|摄像机|摄影机|相机|运镜|机位|视角|特写|远景|近景|全景",
    re.IGNORECASE,
)


def tokens(text: str) -> list[str]:
    """Words in lower case; each Chinese character stands alone."""
    spaced = _CHINESE.sub(lambda found: f" {found.group()} ", text.lower())
    return _WORD.findall(spaced)


def chinese_share(text: str) -> float:
    """Chinese characters over all letters, 0 to 1."""
    letters = sum(character.isalpha() for character in text)
    return len(_CHINESE.findall(text)) / letters if letters else 0.0


def count_words(text: str) -> int:
    """Words; two Chinese characters count as one."""
    chinese = len(_CHINESE.findall(text))
    return len(tokens(text)) - chinese + (chinese + 1) // 2


def sentences(text: str) -> list[str]:
    """Sentences; a semicolon ends one too."""
    return [sentence.strip() for sentence in _SENTENCE_END.split(text) if sentence.strip()]


def camera_sentences(text: str) -> list[str]:
    """Sentences that speak of the camera."""
    return [sentence for sentence in sentences(text) if CAMERA_WORD.search(sentence)]


def count_camera_words(text: str) -> int:
    """Words of the sentences that speak of the camera (DropletVideo reports a mean of 24.2 where there are any)."""
    return sum(count_words(sentence) for sentence in camera_sentences(text))
