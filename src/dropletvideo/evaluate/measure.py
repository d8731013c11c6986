"""Measure files as they are: every weight-free judge over a whole file, taken as one span, in one decode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dropletvideo import media
from dropletvideo.engine import map_rows
from dropletvideo.errors import MediaError
from dropletvideo.perception.camera import CameraJudge
from dropletvideo.perception.colours import ColoursJudge
from dropletvideo.perception.consistent_flow import ConsistentFlow
from dropletvideo.perception.cuts import ShotBoundaries
from dropletvideo.perception.flicker import TemporalFlickering
from dropletvideo.perception.judge import Judge
from dropletvideo.perception.look import LookJudge
from dropletvideo.perception.motion import MotionJudge
from dropletvideo.records import EDIT_KINDS
from dropletvideo.tables.plan import measure_video


def weight_free_judges() -> list[Judge]:
    """Every judge that needs no weights and no row beside the video."""
    return [
        ShotBoundaries(),
        MotionJudge(),
        ConsistentFlow(),
        CameraJudge(),
        LookJudge(),
        ColoursJudge(),
        TemporalFlickering(),
    ]


def measure_file(path: str | Path) -> dict[str, Any]:
    """Facts and measures of a file, with the names of the `clips` view; C6 where an edit boundary lies inside.

    Raises:
        MediaError: the file cannot be read, or has no frame.
    """
    info = media.probe(path)
    (row,) = measure_video(path, weight_free_judges())
    if row["num_frames"] == 0:
        raise MediaError(path, "has no frame that can be decoded")
    if any(boundary["kind"] in EDIT_KINDS for boundary in row.get("boundaries") or []):
        row["camera_class"] = "C6"
    facts = {
        "codec": info.codec,
        "pixel_format": info.pixel_format,
        "rotation": info.rotation,
        "is_variable_rate": info.is_variable_rate,
        "has_audio": info.has_audio,
        "size_bytes": info.size_bytes,
    }
    return {"path": str(path), **facts, **row}


def measure_files(
    paths: Sequence[str], *, workers: int = 1, timeout_seconds: float | None = 300.0
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(path, measures or `{path, error}`) as files finish; a decoder silent for `timeout_seconds` is killed."""
    found = map_rows(measure_file, paths, workers=workers, timeout_seconds=timeout_seconds, tolerate=(Exception,))
    for path, outcome in found:
        if isinstance(outcome, MediaError):
            yield path, {"path": path, "error": outcome.reason}
        elif isinstance(outcome, Exception):
            yield path, {"path": path, "error": f"{type(outcome).__name__}: {outcome}"}
        else:
            yield path, outcome
