"""The final score of VBench++ I2V from the means of its columns: normalise, weigh, add.

normalised = (mean - least) / (most - least); quality = weighted mean of subject consistency, background consistency,
motion smoothness, dynamic degree, aesthetic and imaging quality (weights 1, dynamic degree 0.5: sum 5.5); i2v =
weighted mean of I2V subject, I2V background and camera motion (weights 1, camera 0.1: sum 2.1); total = their mean.
Temporal flickering is shown and not counted. Means are 0 to 1, scores 0 to 100, higher is better.

`clamped` cuts normalised values to 0 to 1: smoothness above its "most" of 0.9975, which every frozen picture has, then
earns nothing extra. Source: VBench++ (arXiv 2411.13503) and the script of its code that makes the leaderboard.

Fault, kept in both: an ideal frozen picture has 87.58, more than any row of DropletVideo's Table 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

QUALITY = (
    "subject_consistency",
    "background_consistency",
    "motion_smoothness",
    "dynamic_degree",
    "aesthetic_quality",
    "imaging_quality",
)
I2V = ("i2v_subject", "i2v_background", "camera_motion")
DIMENSIONS = ("i2v_subject", "i2v_background", "camera_motion", *QUALITY[:2], "temporal_flickering", *QUALITY[2:])
"""The ten columns, in the order of DropletVideo's Table 1."""

SHORT: Mapping[str, str] = MappingProxyType(
    dict(zip(DIMENSIONS, ("I2V-S", "I2V-B", "CM", "SC", "BC", "TF", "MS", "DD", "AQ", "IQ"), strict=True))
)
LEAST: Mapping[str, float] = MappingProxyType(
    {
        "i2v_subject": 0.1462,
        "subject_consistency": 0.1462,
        "i2v_background": 0.2615,
        "background_consistency": 0.2615,
        "motion_smoothness": 0.7060,
    }
)
MOST: Mapping[str, float] = MappingProxyType({"motion_smoothness": 0.9975})
WEIGHT: Mapping[str, float] = MappingProxyType({"camera_motion": 0.1, "dynamic_degree": 0.5})
TOTALS: Mapping[str, str] = MappingProxyType({"i2v": "I2V score", "quality": "quality score", "total": "total score"})


def normalised(dimension: str, mean: float, *, clamped: bool = False) -> float:
    """One column between its published bounds; outside 0 to 1 unless `clamped`."""
    least = LEAST.get(dimension, 0.0)
    value = (mean - least) / (MOST.get(dimension, 1.0) - least)
    return min(1.0, max(0.0, value)) if clamped else value


def totals(means: Mapping[str, float | None], *, clamped: bool = False) -> dict[str, float | None]:
    """I2V, quality and total score in per cent; None where a column is not there, never a zero in its place."""
    parts = {"i2v": _weighed(I2V, means, clamped), "quality": _weighed(QUALITY, means, clamped)}
    both = [value for value in parts.values() if value is not None]
    return {**parts, "total": sum(both) / 2 if len(both) == 2 else None}


def _weighed(names: tuple[str, ...], means: Mapping[str, float | None], clamped: bool) -> float | None:
    top = bottom = 0.0
    for name in names:
        mean, weight = means.get(name), WEIGHT.get(name, 1.0)
        if mean is None:
            return None
        top += weight * normalised(name, mean, clamped=clamped)
        bottom += weight
    return 100.0 * top / bottom


def column(dimension: str, flavour: str = "compat") -> str:
    """Name of a dimension's column among the metrics."""
    return f"vbench_{dimension}" + ("" if flavour == "compat" else f"_{flavour}")


def suite_totals(means: Mapping[str, float | None]) -> dict[str, float | None]:
    """Totals of the columns as the suites name them: compat, and fixed with clamped values."""
    found: dict[str, float | None] = {}
    for flavour, clamped in (("compat", False), ("fixed", True)):
        own = {dimension: means.get(column(dimension, flavour)) for dimension in DIMENSIONS}
        end = "" if flavour == "compat" else "_fixed"
        found |= {f"{name}{end}": value for name, value in totals(own, clamped=clamped).items()}
    return found


SUITE_COLUMNS = tuple(column(dimension, flavour) for flavour in ("compat", "fixed") for dimension in DIMENSIONS)
SUITE_LABELS: Mapping[str, str] = MappingProxyType(
    {**TOTALS, **{f"{name}_fixed": f"{label} (fixed)" for name, label in TOTALS.items()}}
)
