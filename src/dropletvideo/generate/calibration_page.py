"""A calibration as one HTML page: the curve with its intervals, flat stretches, what speeds mean, and the videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dropletvideo.generate.asked import read_requests
from dropletvideo.media import read_video
from dropletvideo.model.motion_curve import MotionCalibration
from dropletvideo.pages.charts import Axes, Point
from dropletvideo.pages.page import Page, Tile

SHOWN_SPEEDS = (0.0, 0.25, 0.5, 0.75, 1.0)


def write_page(
    path: Path, model: str, calibration: MotionCalibration, videos: Path, check: Sequence[dict[str, float]] = ()
) -> Path:
    """Write the page of a calibration whose answers lie in `videos`."""
    page = Page(f"Motion of {model}", f"weights {calibration.model_digest}, {calibration.num_scenes} scenes")
    page.lead(sentence(calibration))
    page.tiles(
        [
            Tile(label="fastest over slowest", value=round(calibration.curve[0] / max(calibration.curve[-1], 1e-9), 2)),
            Tile(label="p of the trend", value=f"{calibration.trend_p:.2g}", note="Page's test, by permutation"),
            Tile(label="falling from level to level", value=f"{calibration.falling_pairs:.0%}", note="within a scene"),
        ]
    )
    page.section("Measured motion over M")
    axes = Axes(x_label="M", y_label=calibration.unit, log_x=True, zero_y=True, x_ticks=calibration.motions)
    page.line(
        {
            "measured": (calibration.motions, calibration.measured),
            "curve that speed follows": (calibration.motions, calibration.curve),
        },
        bands={"measured": (calibration.low, calibration.high)},
        dashed=["curve that speed follows"],
        axes=axes,
        caption="Mean over scenes with its 95 % interval (scenes drawn with replacement).",
    )
    for low, high in calibration.flat:
        page.note(f"From M {low:g} to {high:g} motion does not measurably fall: speed passes over it.", "warning")
    _speeds(page, calibration, check)
    _strips(page, videos)
    page.save(path)
    return path


def sentence(calibration: MotionCalibration) -> str:
    """The result in words."""
    ends = f"M {calibration.motions[0]:g} to {calibration.motions[-1]:g}"
    if not calibration.follows:
        return f"Motion does not measurably follow M over {ends} (p = {calibration.trend_p:.2g}); speed is refused."
    first, last = calibration.measured[0], calibration.measured[-1]
    return f"Over {ends} measured motion goes from {first:.3g} to {last:.3g} {calibration.unit}."


def _speeds(page: Page, calibration: MotionCalibration, check: Sequence[dict[str, float]]) -> None:
    if not calibration.follows:
        return
    page.section("What a speed means", "Equal steps of speed are equal steps of measured motion.")
    if not check:
        page.table([{"speed": speed, "M": round(calibration.motion_at(speed), 3)} for speed in SHOWN_SPEEDS])
        return
    page.table(list(check))
    points = [Point(x=row["speed"], y=row["measured"], low=row["low"], high=row["high"]) for row in check]
    line = ([row["speed"] for row in check], [row["expected"] for row in check])
    page.scatter(
        {"measured at the speed": points},
        reference={"expected": line},
        axes=Axes(x_label="speed", y_label=calibration.unit, zero_y=True),
        caption="New videos at the speeds, on the same scenes.",
    )


def _strips(page: Page, videos: Path) -> None:
    rows, _ = read_requests(videos.parent / "requests.jsonl", {})
    first = [row for row in rows if (row.model_extra or {}).get("group") == (rows[0].model_extra or {}).get("group")]
    found = {f"M {row.motion:g}": videos / f"{row.id}.mp4" for row in first}
    page.section("One scene at each M", rows[0].prompt)
    page.strips({name: read_video(path).frames for name, path in found.items() if path.is_file()})
