"""The demo's one page: what went in, what came out, how good it is, what it cost, what is weak."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dropletvideo.cli.demo_shipped import add_shipped, found_share
from dropletvideo.cli.demo_steps import DATASET, GENERATED, MODEL, MOTIONS, REQUESTS, SCORES, Record
from dropletvideo.pages.axes import format_number
from dropletvideo.pages.charts import Axes
from dropletvideo.pages.grid import Column
from dropletvideo.pages.page import Page, Tile
from dropletvideo.pages.pictures import Picture, Player

SHOWN_IMAGES = 9
SHOWN_SOURCES = 12
STRIP_FRAMES = 9
STEP_TITLES = {
    "footage": "raw footage",
    "curate": "curation into a dataset",
    "requests": "first frames and prompts never seen in training",
    "encoders": "codec and text encoder",
    "train": "transformer trained from nothing",
    "generate": "videos",
    "evaluate": "scores and baselines",
    "compare": "the shipped nano on the same requests",
}


def write_demo_report(record: Record, path: Path) -> int:
    """Write the page; returns its size in bytes."""
    summary = json.loads((record.out / SCORES / "summary.json").read_text())
    requests = [json.loads(line) for line in (record.out / REQUESTS / "requests.jsonl").read_text().splitlines()]
    page = Page("DropletVideo, end to end", f"`droplet demo`: {_what(record)}")
    _opening(page, record, summary)
    _videos(page, record, requests)
    add_shipped(page, record.out, summary, _groups(requests)[0], STRIP_FRAMES)
    _weak(page, record, summary)
    _inputs(page, record)
    _dataset(page, record)
    _training(page, record)
    _scores(page, record, summary)
    _cost(page, record)
    return page.save(path)


def _what(record: Record) -> str:
    source = f"real videos in {record.videos}" if record.videos else "rendered footage with known cameras"
    return f"{source}, plan {record.plan.name}"


def _opening(page: Page, record: Record, summary: dict[str, Any]) -> None:
    steps, minutes = record.steps, record.seconds / 60
    curated, trained = steps["curate"], steps["train"]
    page.lead(
        f"{curated['videos']} raw videos became {curated['clips']} measured clips, a nano image-to-video model was "
        f"trained on them from nothing for {trained['training_seconds'] / 60:.1f} minutes, and it answered "
        f"{steps['requests']['requests']} requests. All of it took {minutes:.1f} minutes on a CPU."
    )
    scores = summary["systems"]["model"]["scores"]
    ceiling = summary["systems"].get("codec", {}).get("scores", {})
    response = summary["systems"]["model"]["tables"].get("motion", {}).get("consistent", {})
    page.tiles(
        [
            Tile(
                label="motion at M=4 over M=32", value=_value(response.get("ratio")), note=_span(response.get("ratio"))
            ),
            Tile(
                label="first-frame PSNR, dB",
                value=_value(scores.get("first_frame_psnr")),
                note=f"codec ceiling {format_number(_value(ceiling.get('first_frame_psnr')), 1)}",
            ),
            Tile(label="asked move found, M of 16 or less", value=found_share(summary), note="single-move requests"),
            Tile(label="training steps", value=trained["steps"], note=f"loss {format_number(trained['loss'], 3)}"),
            Tile(label="videos decoded once", value=_decodes(curated), note="decodes per video"),
        ]
    )


def _videos(page: Page, record: Record, requests: list[dict[str, Any]]) -> None:
    page.section(
        "What the model makes",
        "Each row: the image it was given, then one video per motion strength with the same noise. M is how many of "
        "the model's frames one second of the world gets, so the motion slows down from left to right. All files play "
        "at 8 frames per second; nothing is resampled after the model.",
    )
    for rows in _groups(requests)[:SHOWN_IMAGES]:
        page.text(f"**{rows[0]['prompt'] or 'no prompt'}**")
        players = [
            Player(video=video, caption=f"M = {row['motion']:g}")
            for row in rows
            if (video := record.out / GENERATED / f"{row['id']}.mp4").is_file()
        ]
        image = Player(video=_still(record.out / REQUESTS / rows[0]["image"]), caption="given image")
        page.videos([image, *players, *_reference(record, rows)], width=104)
    page.heading("Frame by frame")
    shown = _groups(requests)[0]
    strips = {
        f"M = {row['motion']:g}": _frames(path)
        for row in shown
        if (path := record.out / GENERATED / f"{row['id']}.mp4").is_file()
    }
    page.strips(strips, caption=f"Nine of 17 frames. {shown[0]['prompt']}", count=STRIP_FRAMES)


def _groups(requests: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Requests of one image and prompt together."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for request in requests:
        groups.setdefault(request["group"], []).append(request)
    return list(groups.values())


def _still(path: Path) -> Any:
    from dropletvideo import media

    return media.read_image(path)[None]


def _frames(path: Path) -> Any:
    from dropletvideo import media

    return media.read_video(path).frames


def _reference(record: Record, rows: list[dict[str, Any]]) -> list[Player]:
    """The true continuation at the first M that has one."""
    for row in rows:
        if "reference_video" in row:
            path = record.out / REQUESTS / row["reference_video"]
            return [Player(video=path, caption=f"the real clip at M = {row['motion']:g}")]
    return []


def _weak(page: Page, record: Record, summary: dict[str, Any]) -> None:
    page.section("What is weak")
    page.note(
        f"This is a nano model: 64x64 pixels, 17 frames, {record.steps['train']['training_seconds'] / 60:.1f} minutes "
        f"of training on {record.steps['train']['windows']} windows. It shows that every part works and answers to "
        "M and to the prompt; it is no measure of what the architecture can do.",
        "warning",
    )
    for sentence in summary["weak"]:
        page.note(sentence, "warning")
    if record.videos:
        page.note(
            "Real clips came without captions: theirs are composed from measured facts only (camera moves in order, "
            "dominant colours, brightness) and marked `caption_source=measured`. Codec and text encoder were trained "
            "on rendered scenes, so real textures lose detail before the transformer sees them.",
            "warning",
        )


def _inputs(page: Page, record: Record) -> None:
    from dropletvideo import media
    from dropletvideo.tables.views import query

    page.section("What went in")
    rows = query(record.out / DATASET, "select * from videos order by paths")
    shown = rows[:: max(1, len(rows) // SHOWN_SOURCES)][:SHOWN_SOURCES]
    pictures = []
    for row in shown:
        middle = int(row["num_frames"] or 1) // 2
        path = Path(row["paths"][0])
        frame = media.read_frames(path, [middle], short_side=160)[0]
        pictures.append(Picture(image=frame, caption=path.name))
    page.contact_sheet(pictures, caption=f"{len(shown)} of {len(rows)} raw videos, the middle frame of each.")


def _dataset(page: Page, record: Record) -> None:
    from dropletvideo.curate.report import add_dataset, read_data

    add_dataset(page, read_data(record.out / DATASET))
    page.text(f"The dataset's own report: `{record.out / DATASET / 'report.html'}`.")


def _training(page: Page, record: Record) -> None:
    page.section("Training", "v-prediction with zero terminal SNR; quarter 1 of the schedule is the least noisy.")
    log = [json.loads(line) for line in (record.out / MODEL / "log.jsonl").read_text().splitlines()]
    log = [row for row in log if "loss" in row]
    names = {"loss": "all", **{f"loss_quarter_{k}": f"quarter {k}" for k in range(1, 5)}}
    series = {
        title: (
            [row["step"] for row in log if row.get(name) is not None],
            [row[name] for row in log if row.get(name) is not None],
        )
        for name, title in names.items()
    }
    page.line(series, axes=Axes(x_label="step", y_label="loss", log_y=True))
    facts = record.steps["train"]
    page.table(
        [
            {
                "windows": facts["windows"],
                "steps": facts["steps"],
                "seconds": facts["training_seconds"],
                "loss": facts["loss"],
                "held-out loss": facts["held_out_loss"],
                "clips skipped": sum(facts["skipped"].values()),
                "clips unreadable": facts["failures"],
            }
        ]
    )


def _scores(page: Page, record: Record, summary: dict[str, Any]) -> None:
    from dropletvideo.evaluate.report import add_camera, add_motion, add_score_table

    add_motion(page, summary)
    add_score_table(page, summary)
    add_camera(page, summary)
    page.text(f"Best and worst videos, and every row: `{record.out / SCORES / 'report.html'}`.")


def _cost(page: Page, record: Record) -> None:
    page.section("What each step cost", f"Wall seconds with {record.workers} worker processes. No GPU, no download.")
    rows = [
        {"step": STEP_TITLES[name], "seconds": step["seconds"], "share": step["seconds"] / max(record.seconds, 1e-9)}
        for name, step in record.steps.items()
    ]
    rows.append({"step": "all", "seconds": round(record.seconds, 1), "share": 1.0})
    page.table(
        rows,
        [Column(key="step"), Column(key="seconds", digits=1), Column(key="share", digits=2)],
        emphasis=[len(rows) - 1],
    )


def _value(estimate: dict[str, Any] | None) -> float | None:
    return None if not estimate else estimate.get("value")


def _span(estimate: dict[str, Any] | None) -> str:
    if not estimate or estimate.get("low") is None:
        return "no interval"
    return (
        f"95 % interval {estimate['low']:.2f} to {estimate['high']:.2f}; the world itself: {MOTIONS[-1] / MOTIONS[0]:g}"
    )


def _decodes(curated: dict[str, Any]) -> float | None:
    return curated["decodes"] / curated["decoded_videos"] if curated.get("decoded_videos") else None
