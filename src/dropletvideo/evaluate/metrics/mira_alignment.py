"""MiraBench's five alignments: ViCLIP's cosine of the video with the captions of camera, object, background, style, and all.

Range -1 to 1, in practice 0.1 to 0.35, higher fits better. Source: `perception/viclip.py`; MiraBench (arXiv
2407.06358), its code. Texts are cut after 32 tokens.
"""  # noqa: E501  the first line names the five

from __future__ import annotations

from dropletvideo.evaluate.metric import Metric
from dropletvideo.evaluate.mirabench_metric import MiraScore, mirabench_metric
from dropletvideo.perception.viclip import ViClip

_NAMES = {
    "camera": "Camera Alignment",
    "main_object": "Main Object Alignment",
    "background": "Background Alignment",
    "style": "Style Alignment",
    "overall": "Overall Alignment",
}
_SCORES = tuple(
    MiraScore(name=f"mira_{part}", label=name.lower(), measure=f"viclip_{part}", official=name)
    for part, name in _NAMES.items()
)


def build() -> Metric:
    """The metric with its only setting."""
    return mirabench_metric(
        "mira_alignment",
        _SCORES,
        title="Text alignment, MiraBench",
        about="Overall reads the dense caption where there is one; of any caption only about 25 words are read.",
        judges=(ViClip(),),
        weights=("viclip", "clip-vit-l-14"),
    )
