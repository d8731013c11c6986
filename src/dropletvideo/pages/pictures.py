"""Images, film strips and clips as data addresses inside the page; encoding goes through `media`."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dropletvideo import media
from dropletvideo.errors import ConfigError

Frame = NDArray[np.uint8]
Image = Frame | Path | str

TINY_SIDE = 128  # images up to this side are enlarged with hard pixel edges and stored without loss
THUMB_SIDE = 180
STRIP_GAP = 4
MIME = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".mp4": "video/mp4"}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An image of a contact sheet: HWC uint8 or a path, with a caption and a second, quieter line."""

    image: Image
    caption: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Player:
    """A short clip that plays in a loop: a path to an mp4 file, or FHWC uint8 frames with their playback rate."""

    video: Path | str | Frame
    caption: str = ""
    note: str = ""
    playback_fps: float = 8.0


def image_address(image: Image, *, short_side: int | None = THUMB_SIDE, is_lossless: bool = False) -> str:
    """The `data:` address of an image, made smaller to `short_side` where it is larger (None keeps its size)."""
    frame = media.read_image(Path(image)) if isinstance(image, str | Path) else image
    if short_side is not None and min(frame.shape[:2]) > short_side:
        frame = media.resize(frame[None], short_side=short_side)[0]
    suffix = ".png" if is_lossless or max(frame.shape[:2]) <= TINY_SIDE else ".jpg"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"image{suffix}"
        media.write_image(path, frame)
        return _address(path)


def video_address(player: Player) -> str:
    """The `data:` address of a clip; frames are encoded, a file is taken as it is."""
    if isinstance(player.video, str | Path):
        return _address(Path(player.video))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        media.write_video(path, player.video, playback_fps=player.playback_fps)
        return _address(path)


def _address(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in MIME:
        raise ConfigError(
            f"{path}: a page cannot show {suffix or 'a file without suffix'}; use one of {', '.join(MIME)}"
        )
    return f"data:{MIME[suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def contact_sheet(pictures: Sequence[Picture], *, short_side: int = THUMB_SIDE) -> str:
    """A grid of images with captions."""
    cells = [_figure(_image_tag(p.image, p.caption, short_side), p.caption, p.note) for p in pictures]
    return f'<div class="sheet">{"".join(cells)}</div>'


def _image_tag(image: Image, text: str, short_side: int | None) -> str:
    is_tiny = not isinstance(image, str | Path) and max(image.shape[:2]) <= TINY_SIDE
    kind = ' class="tiny"' if is_tiny else ""
    return f'<img{kind} src="{image_address(image, short_side=short_side)}" alt="{escape(text)}" loading="lazy">'


def _figure(content: str, caption: str, note: str) -> str:
    lines = f"<b>{escape(caption)}</b>" if caption else ""
    lines += f"<span>{escape(note)}</span>" if note else ""
    return f"<figure>{content}<figcaption>{lines}</figcaption></figure>" if lines else f"<figure>{content}</figure>"


def strip_image(frames: Frame, *, count: int = 8) -> Frame:
    """`count` frames, evenly spread from the first to the last, side by side: H, W, 3 uint8 with white gaps."""
    chosen = frames[np.unique(np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int))]
    gap = np.full((chosen.shape[1], STRIP_GAP, 3), 255, np.uint8)
    row = [part for frame in chosen for part in (frame, gap)][:-1]
    return np.concatenate(row, axis=1)


def strips(rows: Mapping[str, Frame], *, count: int = 8, short_side: int = 128) -> str:
    """Film strips one under another, each with its label; FHWC uint8 each, time from left to right."""
    lines = []
    for label, frames in rows.items():
        small = media.resize(frames, short_side=short_side) if min(frames.shape[1:3]) > short_side else frames
        is_tiny = max(small.shape[1:3]) <= TINY_SIDE
        address = image_address(strip_image(small, count=count), short_side=None, is_lossless=is_tiny)
        kind = " class=tiny" if is_tiny else ""
        shape = f"--frames:{min(count, len(frames))};--ratio:{small.shape[2] / small.shape[1]:.3f}"
        image = f'<img{kind} style="{shape}" src="{address}" alt="{escape(label)}" loading="lazy">'
        lines.append(f"<div class=strip><span>{escape(label)}</span>{image}</div>")
    return f'<div class="strips">{"".join(lines)}</div>'


def players(clips: Sequence[Player], *, width: int = 200) -> str:
    """A grid of players that run muted in a loop; a clip of at most 128 px is enlarged with hard pixel edges."""
    cells = []
    for clip in clips:
        tag = (
            f"<video{' class=tiny' if _is_tiny(clip.video) else ''} autoplay muted loop playsinline "
            f'src="{video_address(clip)}"></video>'
        )
        cells.append(_figure(tag, clip.caption, clip.note))
    return f'<div class="sheet players" style="--cell:{width}px">{"".join(cells)}</div>'


def _is_tiny(video: Path | str | Frame) -> bool:
    if isinstance(video, str | Path):
        info = media.probe(Path(video))
        return bool(max(info.width, info.height) <= TINY_SIDE)
    return bool(max(video.shape[1:3]) <= TINY_SIDE)
