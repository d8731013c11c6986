"""The one contract of every measuring function: `needs`, `start`, `update`, `finish`.

A judge looks at frames and returns numbers. Curation runs judges over real clips, evaluation runs the same judges
over generated ones; neither measures by itself. A judge never opens a file: the decode plan hands it chunks.

    class Brightness:
        name, version = "brightness", 1
        needs = Frames(rate=2.0, short_side=256)
        columns = {"brightness": float}
        def start(self, row): return []
        def update(self, state, chunk): state.append(chunk.frames.mean())
        def finish(self, state): return {"brightness": float(np.mean(state))}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Frames that a judge asks of the decode plan.

    Args:
        rate: frames per second wanted, by timestamp; None is every frame. A file with a lower rate gives every frame.
        short_side: frames are resized (area filter down, bicubic up) so that the shorter side is this; None keeps size.
        colour: "rgb" gives FHWC with 3 channels, "gray" FHW1 (luma).
        span: "clip" gives the frames of each clip apart; "video" the whole file before clips are known.
    """

    rate: float | None = None
    short_side: int | None = 256
    colour: Literal["rgb", "gray"] = "rgb"
    span: Literal["clip", "video"] = "clip"


@dataclass(frozen=True, kw_only=True)
class Features:
    """Output of a shared backbone, run once per frame (or per pair) for all judges that name it with equal settings."""

    backbone: str
    rate: float | None = None
    short_side: int | None = 256


@dataclass(frozen=True, kw_only=True)
class Picked:
    """A few frames of a clip, read by seeking once the clip's span is known; nothing is decoded for the others.

    The judge has a method `pick(row) -> frame numbers in the file`, where `row` holds `start_frame` and `end_frame`
    (exclusive); each frame is handed over once, in time order. Sizes and colours as in `Frames`.
    """

    short_side: int | None = None
    colour: Literal["rgb", "gray"] = "rgb"


@dataclass(frozen=True)
class Chunk:
    """A run of consecutive sampled frames of one clip.

    Attributes:
        frames: F,H,W,C uint8, C = 3 (rgb) or 1 (gray).
        times: F float64, seconds on the file's clock (not from the clip's start).
        indices: F int64, frame numbers in the file.
        features: backbone name to its output for these frames; empty unless `Features` were asked for.
    """

    frames: NDArray[np.uint8]
    times: NDArray[np.float64]
    indices: NDArray[np.int64]
    features: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Judge(Protocol):
    """See the module text. Types of columns are float, int, str, bool, list or dict."""

    @property
    def name(self) -> str:
        """Unique among judges; a plain class attribute does."""
        ...

    @property
    def version(self) -> int:
        """Raised by hand whenever the same frames would give other values."""
        ...

    @property
    def needs(self) -> Frames | Features | Picked:
        """What the decode plan has to hand over."""
        ...

    @property
    def columns(self) -> Mapping[str, type]:
        """Names and types of what `finish` returns."""
        ...

    def start(self, row: Mapping[str, Any]) -> Any:
        """State for one clip; `row` is its catalog or manifest row."""
        ...

    def update(self, state: Any, chunk: Chunk) -> None:
        """Take the next chunk; chunks arrive in time order and do not overlap."""
        ...

    def finish(self, state: Any) -> dict[str, Any]:
        """The columns of this clip; a value that cannot be told is None or NaN, never a made-up number."""
        ...
