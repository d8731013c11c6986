"""Judge: how much a clip moves, by RAFT; needs the weights `raft-large` (or `raft-small`), beside the flow of `motion`.

`raft_flow_2fps_px`: mean flow magnitude in px per pair of frames at 2 per second and short side 256, the measure of
MiraData section 3; range 0 upwards, direction none (more is faster, not better). `raft_motion_score`: the same flow in
px/s over the frame diagonal; unit frame diagonals per second, range 0 upwards. A clip of one frame has None for both.
Source: Teed and Deng, "RAFT: recurrent all-pairs field transforms for optical flow" (ECCV 2020), torchvision's
implementation, 12 refinements, the last one taken; frames are padded at right and bottom to sides that 8 divides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.errors import WeightsError
from dropletvideo.perception.judge import Chunk, Features, Frames
from dropletvideo.weights import weights_path

RATE = 2.0
SIZES = ("large", "small")
_STEP = 8
_LEAST_SIDE = 128
"""torchvision's RAFT builds four levels over an eighth of the picture; smaller sides are padded to this."""


@dataclass
class _State:
    pixels: list[float] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)
    frame: NDArray[np.uint8] | None = None
    time: float = 0.0


class RaftMotionJudge:
    """See the module text.

    Args:
        path: the published file; looked for among the weights by default.
        size: "large" or "small".
    """

    name = "motion_raft"
    version = 1
    weights = ("raft-large",)
    needs: Frames | Features = Frames(rate=RATE, short_side=256)
    columns: Mapping[str, type] = {"raft_flow_2fps_px": float, "raft_motion_score": float}

    def __init__(self, path: str | Path | None = None, size: str = "large") -> None:
        self.path, self.size = path, size

    def start(self, row: Mapping[str, Any]) -> _State:  # noqa: ARG002 - the row asks nothing of this judge
        """Nothing is known before the first frame."""
        return _State()

    def update(self, state: _State, chunk: Chunk) -> None:
        """Add the pairs that the new frames end."""
        diagonal = float(np.hypot(*chunk.frames.shape[1:3]))
        for frame, time in zip(chunk.frames, chunk.times, strict=True):
            if state.frame is not None:
                path = str(self.path or weights_path(f"raft-{self.size}"))
                length = mean_length(raft_flow(state.frame, frame, path, self.size))
                state.pixels.append(length)
                state.speeds.append(length / max(float(time) - state.time, 1e-6) / diagonal)
            state.frame, state.time = frame, float(time)

    def finish(self, state: _State) -> dict[str, Any]:
        """Means over the pairs."""
        if not state.pixels:
            return dict.fromkeys(self.columns)
        return {
            "raft_flow_2fps_px": float(np.mean(state.pixels)),
            "raft_motion_score": float(np.mean(state.speeds)),
        }


def mean_length(flow: NDArray[np.float32]) -> float:
    """Mean length of H,W,2 vectors."""
    return float(np.sqrt((flow.astype(np.float64) ** 2).sum(axis=-1)).mean())


def raft_flow(earlier: NDArray[np.uint8], later: NDArray[np.uint8], path: str, size: str) -> NDArray[np.float32]:
    """Flow H,W,2 in pixels between two RGB frames H,W,3 of the same size, x to the right, y down."""
    import torch

    model, device = _model(path, size)
    height, width = earlier.shape[:2]
    pair = [_pixels(frame).to(device) for frame in (earlier, later)]
    with torch.inference_mode():
        flow = model(pair[0], pair[1])[-1][0]
    return np.asarray(flow.permute(1, 2, 0)[:height, :width].float().cpu().numpy(), np.float32)


def _pixels(frame: NDArray[np.uint8]) -> Any:
    """1,3,H,W in [-1, 1], its last row and column repeated up to sides that RAFT takes."""
    import torch

    more = [(0, max(_LEAST_SIDE - length, -length % _STEP)) for length in frame.shape[:2]]
    padded = np.pad(frame, (*more, (0, 0)), mode="edge")
    return torch.from_numpy(padded.astype(np.float32).transpose(2, 0, 1) / 127.5 - 1)[None].contiguous()


def load(path: str, size: str) -> tuple[Any, str]:
    """The network of a published file and its device, loaded once a process."""
    return _model(path, size)


@lru_cache(maxsize=2)
def _model(path: str, size: str) -> tuple[Any, str]:
    import torch

    from dropletvideo import runtime
    from dropletvideo.perception.tensors import read_tensors

    try:
        from torchvision.models.optical_flow import raft_large, raft_small
    except ImportError as error:
        raise WeightsError(f"RAFT needs torchvision ({error}): pip install 'dropletvideo[judges]'") from error
    with torch.device("meta"):
        model = {"large": raft_large, "small": raft_small}[size](weights=None)
    try:
        model.load_state_dict(read_tensors(path), assign=True)
    except RuntimeError as error:
        raise WeightsError(
            f"{path} is not RAFT {size} ({' '.join(str(error).split())[:200]}): fetch it again"
        ) from error
    device = runtime.pick_device("auto")
    return model.eval().requires_grad_(False).to(device), device
