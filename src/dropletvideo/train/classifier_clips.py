"""Clips with a known camera class: shots of the world, whose class is exact in every span, or files with labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dropletvideo import media
from dropletvideo.data.labels import Labels, frames_in, read_labels, video_of
from dropletvideo.errors import ConfigError
from dropletvideo.moves import CAMERA_CLASSES, CameraClass
from dropletvideo.world.config import EVALUATION_SEED_START, WorldConfig, check_training_seed
from dropletvideo.world.editing import Cut, FootageConfig, draw_cut
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import Shot, draw_shot

CLASSES: tuple[CameraClass, ...] = tuple(CAMERA_CLASSES)
VERSION = 1
"""Raised by hand when the same seeds would give other clips; cached frames are named by it."""
_TAKES = 400
Frames = NDArray[np.uint8]
Entry = tuple[str, str, tuple[int, int] | None, tuple[str, ...]]


class LabelledClip(Protocol):
    """One clip: `count` frames at `source_fps`."""

    @property
    def count(self) -> int:
        """Frames of the clip."""
        ...

    @property
    def source_fps(self) -> float:
        """Frames per second."""
        ...

    def shares(self, first: int, last: int) -> NDArray[np.float32]:
        """Six shares of the classes of frames `first` to `last`; all nought where the span's class is not known."""
        ...

    def read(self, numbers: Sequence[int], side: int) -> Frames:
        """Frames by number, F,side,side,3: short side `side`, the middle square of it."""
        ...


class Clips(Protocol):
    """A list of clips that worker processes can read."""

    def __len__(self) -> int: ...
    def __getitem__(self, number: int) -> LabelledClip: ...
    def name(self, number: int) -> str:
        """For messages."""
        ...

    def digest(self) -> str:
        """Changes when any clip does."""
        ...


def one_hot(*names: str) -> NDArray[np.float32]:
    """Equal shares for the named classes."""
    shares = np.array([name in names for name in CLASSES], np.float32)
    return shares / max(1.0, float(shares.sum()))


@dataclass(frozen=True)
class WorldShots:
    """Shots of `count` seeds from `first_seed`, every class as often as the others: class number `seed % 6`.

    Of the takes of a seed the first one with the wanted class is used, so within a class shots are as the world draws
    them. C6 are two shots with an edit between them.
    """

    preset: str
    first_seed: int
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> LabelledClip:
        return _world_clip(self.preset, self.first_seed + number)

    def name(self, number: int) -> str:
        """Of one clip."""
        return f"world seed {self.first_seed + number}"

    def digest(self) -> str:
        """Of the draws and a rendered frame, which tells a changed renderer."""
        content = f"{VERSION} {self.preset} {self.first_seed} {self.count} {WorldConfig.preset(self.preset)!r}"
        digest = blake2b(content.encode(), digest_size=8)
        digest.update(self[0].read([0], 32).tobytes())
        return digest.hexdigest()


def training_shots(preset: str, first_seed: int, count: int) -> WorldShots:
    """World shots to learn from.

    Raises:
        ConfigError: a seed that belongs to evaluation.
    """
    check_training_seed(first_seed)
    check_training_seed(first_seed + count - 1)
    return WorldShots(preset, first_seed, count)


def held_out_shots(preset: str, first_seed: int, count: int) -> WorldShots:
    """World shots to evaluate on.

    Raises:
        ConfigError: a seed that training may use.
    """
    if first_seed < EVALUATION_SEED_START:
        raise ConfigError(f"held-out seed {first_seed} may be trained on: give one from {EVALUATION_SEED_START} up")
    return WorldShots(preset, first_seed, count)


@lru_cache(maxsize=4)
def _world_clip(preset: str, seed: int) -> LabelledClip:
    wanted = CLASSES[seed % len(CLASSES)]
    if wanted == "C6":
        footage = FootageConfig.preset(preset)
        changed = {"shots": (2, 2), "title_share": 0.0, "seconds": (1.2, 3.5)}
        return _EditedClip(draw_cut(seed, footage.model_copy(update=changed)))
    world = WorldConfig.preset(preset)
    for take in range(_TAKES):
        shot = draw_shot(seed, world, take=take)
        if shot.camera_class == wanted:
            return _ShotClip(shot)
    raise ConfigError(
        f"seed {seed}: no shot of class {wanted} in {_TAKES} takes of the preset {preset!r}: name another"
    )


@dataclass(frozen=True)
class _ShotClip:
    shot: Shot

    @property
    def count(self) -> int:
        return self.shot.num_frames

    @property
    def source_fps(self) -> float:
        return self.shot.source_fps

    def shares(self, first: int, last: int) -> NDArray[np.float32]:
        if first == 0 and last >= self.count - 1:
            return one_hot(self.shot.camera_class)
        return one_hot(self.shot.class_within(first / self.source_fps, (last + 1) / self.source_fps))

    def read(self, numbers: Sequence[int], side: int) -> Frames:
        height, width = _sized(self.shot.height, self.shot.width, side)
        return _square(render_shot(self.shot, height, width, frame_indices=list(numbers)).frames, side)


@dataclass(frozen=True)
class _EditedClip:
    cut: Cut

    @property
    def count(self) -> int:
        return self.cut.num_frames

    @property
    def source_fps(self) -> float:
        return self.cut.source_fps

    def shares(self, first: int, last: int) -> NDArray[np.float32]:
        """C6 where the edit lies well inside; a span that hardly shows it, or an effect, has no known class."""
        inside = max(1, round(0.1 * (last - first)))
        edges = [(edge.frame, edge.end_frame) for edge in self.cut.boundaries]
        is_seen = any(first + inside <= start and end <= last - inside for start, end in edges)
        is_whole = first == 0 and last >= self.count - 1
        return one_hot("C6") if is_seen or is_whole else one_hot()

    def read(self, numbers: Sequence[int], side: int) -> Frames:
        height, width = _sized(self.cut.height, self.cut.width, side)
        shots = [take.shot for take in self.cut.takes]

        def render(take: int, seconds: float, scale: float) -> Frames:
            size = round(height * scale), round(width * scale)
            still: Frames = render_shot(shots[take], *size, times=np.array([seconds])).frames[0]
            return still

        return _square(np.stack([self.cut.frame(int(number), render) for number in numbers]), side)


@dataclass(frozen=True)
class FileClips:
    """Labelled spans of video files; a label of several classes shares itself out among them.

    `entries` are key, path, span and classes; rendered footage of evaluation seeds is refused where `is_learnt`.
    """

    entries: tuple[Entry, ...]
    is_learnt: bool = True

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, number: int) -> LabelledClip:
        _, path, span, classes = self.entries[number]
        info = media.probe(path)
        if self.is_learnt:
            _refuse_evaluation_footage(path)
        start, end = span or (0, frames_in(path))
        return _FileClip(path, start, end - start, info.source_fps, classes)

    def name(self, number: int) -> str:
        """Of one clip."""
        return self.entries[number][0]

    def digest(self) -> str:
        """Of names, sizes and labels."""
        facts = [(key, Path(path).stat().st_size, span, classes) for key, path, span, classes in self.entries]
        return blake2b(repr(facts).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class _FileClip:
    path: str
    start: int
    count: int
    source_fps: float
    classes: tuple[str, ...]

    def shares(self, first: int, last: int) -> NDArray[np.float32]:
        """People labelled the whole clip; what a part of it is, nobody said."""
        return one_hot(*self.classes) if first == 0 and last >= self.count - 1 else one_hot()

    def read(self, numbers: Sequence[int], side: int) -> Frames:
        frames = media.read_frames(self.path, [self.start + int(number) for number in numbers], short_side=side)
        return _square(frames, side)


def labelled_files(labels: str | Path, videos: str | Path | None, held_out: float) -> tuple[FileClips, FileClips]:
    """Files to learn from and files to evaluate on; all clips of a video are in one of the two.

    Args:
        labels: a label file; entries without a class are passed over.
        videos: folder of the files; that of the labels by default.
        held_out: share of the videos to evaluate on, 0 to 1; which ones follows from their names.

    Raises:
        ConfigError: no labelled clip, or a file that is not there.
    """
    found: Labels = read_labels(labels)
    folder = Path(videos) if videos is not None else Path(labels).parent
    parts: tuple[list[Entry], list[Entry]] = ([], [])
    for key, label in found.given().items():
        path = video_of(key, label, folder)
        if not path.is_file():
            raise ConfigError(f"{labels}: {key}: {path} is not there: give --videos, the folder of the files")
        place = int.from_bytes(blake2b(path.name.encode(), digest_size=4).digest(), "big") / 2**32
        parts[place < held_out].append((key, str(path), label.span, tuple(label.classes)))
    if not parts[0]:
        raise ConfigError(f"{labels} has no labelled clip to learn from: label some by droplet label page")
    return FileClips(tuple(parts[0])), FileClips(tuple(parts[1]), is_learnt=False)


def _refuse_evaluation_footage(path: str) -> None:
    """Rendered files say their seed."""
    told = media.read_metadata(path) or {}
    if told.get("made_by") == "droplet world" and isinstance(told.get("seed"), int):
        check_training_seed(told["seed"])


def _sized(height: int, width: int, side: int) -> tuple[int, int]:
    scale = side / min(height, width)
    return max(side, round(height * scale)), max(side, round(width * scale))


def _square(frames: Frames, side: int) -> Frames:
    top, left = (frames.shape[1] - side) // 2, (frames.shape[2] - side) // 2
    return np.ascontiguousarray(frames[:, top : top + side, left : left + side])
