"""What each score must do under each fault: the claims that `droplet evaluate validate` holds the metrics to.

One table: a row for each column of our own metrics, a cell for each fault. `+` rises and `-` falls: the score, averaged
over clips, follows the size of the fault. `=` stays: it keeps to its noise floor. A letter: nothing is claimed, for the
reason that `REASONS` gives. Claims say what a score ought to do. They were settled on seeds from 1,200,000 up, and a
claim that does not hold stays in the table and is shown as one that does not. Metrics that are not there are passed
over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dropletvideo.evaluate.metric import Column
from dropletvideo.evaluate.suite import metrics_of


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Columns by what they must do under one fault; `unit` says what level 1 is."""

    title: str
    unit: str
    rises: tuple[str, ...] = ()
    falls: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()


_FAULTS: Mapping[str, tuple[str, str]] = {
    "warp": ("a picture that swims: a smooth warp that changes with time", "8 px"),
    "depth_drift": ("things at different depths slide against each other", "8 px"),
    "identity_swap": ("identity swapped while out of view", "another colour"),
    "flicker": ("flicker of brightness", "20 %"),
    "freeze": ("standstill, then a jump", "60 % of the frames"),
    "jitter": ("jitter of the camera", "4 px and 0.8°"),
    "compression": ("lossy coding", "crf 42"),
    "noise": ("noise", "24 grey levels"),
    "blur": ("blur", "6 px"),
    "size": ("size", "half"),
    "frame_rate": ("frame rate", "3 times"),
}
_CLAIMS: Mapping[str, str] = {
    # warp, drift, swap, flicker, freeze, jitter, compression, noise, blur, size, rate
    "geometry": "-  -  =  =  =  =  =  =  =  =  =",
    "geometry_error_px": "+  +  =  =  =  =  =  =  =  =  =",
    "ist": "-  -  -  =  -  =  =  =  =  =  =",
    "delivered": "-  =  =  =  -  =  =  =  =  =  =",
    "revisit": "b  n  -  =  b  =  =  =  =  =  =",
    "revisit_closing": "t  t  t  t  t  t  t  t  t  t  t",
    "emergence": "-  =  =  =  -  =  =  =  =  =  =",
    "emergence_found": "=  =  n  =  b  =  =  =  =  =  =",
    "plot": "-  b  n  =  -  =  =  =  =  =  =",
    "causality": "b  =  n  =  b  =  =  =  =  =  =",
    "camera_precision": "-  =  =  =  =  -  =  =  =  =  =",
    "camera_recall": "-  =  =  =  =  =  =  =  =  =  =",
    "camera_f1": "-  =  =  =  =  -  =  =  =  =  =",
    "camera_order": "b  =  n  =  b  =  =  =  =  =  =",
    "camera_amount_error": "+  =  =  =  +  =  =  =  =  =  =",
    "camera_coverage": "=  =  =  =  =  =  =  =  =  =  =",
    "motion_score": "+  +  =  =  -  +  =  =  =  =  =",
    "motion_score_consistent": "+  +  =  =  -  +  =  =  =  =  =",
    "consistent_share": "-  -  =  =  =  =  -  -  =  =  =",
    "dynamic_speed": "+  +  =  =  -  +  =  =  =  =  =",
    "dynamic_degree_dis": "+  y  =  =  =  +  =  =  =  =  =",
    "temporal_flickering": "r  r  =  -  +  r  +  -  +  d  +",
    "compensated_flicker": "r  r  =  +  -  r  r  +  -  d  -",
    "compensated_share": "-  -  =  =  =  =  -  -  =  =  +",
    "repeated_share": "=  =  =  =  +  =  =  =  =  =  =",
    "longest_freeze_seconds": "=  =  =  =  +  =  =  =  =  =  =",
    "cuts_inside": "=  =  =  =  j  =  =  =  =  =  =",
    "blends_inside": "=  =  =  =  =  =  =  =  =  =  =",
    "sharpness": "r  =  =  =  =  r  -  +  -  -  =",
    "clipped_dark": "=  =  =  =  =  =  =  k  =  =  =",
    "clipped_bright": "=  =  =  +  =  =  g  +  =  =  =",
    "first_frame_psnr": "-  =  =  =  =  =  -  -  -  d  =",
    "first_frame_ssim": "-  =  =  =  =  =  -  -  -  d  =",
    "reference_psnr": "-  -  -  -  -  -  -  -  -  d  f",
    "reference_ssim": "-  -  -  -  -  -  -  -  -  d  f",
}
GROUPS: Mapping[str, tuple[str, str]] = {
    "Consistency": ("geometry", "causality"),
    "Camera and motion": ("camera_precision", "dynamic_degree_dis"),
    "Picture and time": ("temporal_flickering", "reference_ssim"),
}
"""Parts of the table, by their first and last column."""
REASONS: Mapping[str, str] = {
    "b": "what the fault does to it hangs on the clip, and either may be right",
    "d": "pictures are compared at the video's own size, so two sizes give two measures",
    "f": "the reference has other frames than a video of another rate",
    "g": "coding rings beyond the range of the picture, in some clips and not in others",
    "j": "the jump that ends a standstill may rightly be called a cut",
    "k": "no clip is dark enough for noise to reach black",
    "n": "the fault cannot be put into the clips that this score is about",
    "r": "putting the fault in resamples or codes the picture, which smooths it: two effects against each other",
    "t": "none of the clips makes a full turn; orbits are held to truth in the suite of consistency",
    "y": "one bit for each video, and these clips have it set already",
}
_SIGNS = {"+": "rises", "-": "falls", "=": "stays"}


def columns_of_truth() -> dict[str, Column]:
    """Columns of our own metrics that score a video, by name, in the order of the table."""
    known = {column.name: column for metric in metrics_of("truth") for column in metric.columns if column.of == "video"}
    return {name: known[name] for name in _CLAIMS if name in known}


def _expected(number: int, title: str, unit: str) -> Expected:
    cells = {column: row.split()[number] for column, row in _CLAIMS.items()}
    does = {name: tuple(column for column, cell in cells.items() if cell == sign) for sign, name in _SIGNS.items()}
    return Expected(title=title, unit=unit, rises=does["rises"], falls=does["falls"], stays=does["stays"])


EXPECTED: Mapping[str, Expected] = {
    fault: _expected(number, *texts) for number, (fault, texts) in enumerate(_FAULTS.items())
}
UNCLAIMED: Mapping[str, Mapping[str, str]] = {
    column: {fault: cell for fault, cell in zip(_FAULTS, row.split(), strict=True) if cell not in _SIGNS}
    for column, row in _CLAIMS.items()
}
"""Column and fault to the letter of the reason why nothing is claimed."""
INVARIANT = (
    "geometry",
    "geometry_error_px",
    "ist",
    "delivered",
    "camera_f1",
    "compensated_flicker",
    "cuts_inside",
    "blends_inside",
)
"""Scores whose value without any fault must not depend on what the camera does. `repeated_share` is not among them: a
still scene before a still camera repeats its frames."""
EVENT_COLUMNS = ("plot", "causality", "emergence_found", "camera_order")
"""Scores that only say something of clips in which things happen: they are told on those alone, all others on clips in
which nothing moves."""


def wanted_of(fault: str, column: str) -> str | None:
    """`rises`, `falls`, `stays`, or None where nothing is claimed."""
    expected = EXPECTED[fault]
    return next((name for name in ("rises", "falls", "stays") if column in getattr(expected, name)), None)
