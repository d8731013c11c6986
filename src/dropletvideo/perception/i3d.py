"""Judge: Kinetics-400 logits of I3D over pieces of a video, for the Frechet and kernel video distances.

Two ways of cutting a video into pieces, each with its columns (N,400 float32; no unit, no direction):
`i3d_logits`: pieces of 16 consecutive frames, none shared, as FVD is usually computed; what is left over is not seen,
and a video under 16 frames has None. `i3d_whole_logits`: one row, of all frames, or of 100 from the first to the last,
numbers cut to whole ones (MiraBench's way); where a file does not state its length, of 100 about evenly spread.
Each frame is brought to 224x224 by a bilinear filter without low-pass, aspect lost, and to [-1, 1].

Network: `InceptionI3d` of the package cd-fvd, weights `i3d-kinetics-400`. Sources: Carreira and Zisserman (2017);
Unterthiner et al., "Towards accurate generative models of video" (2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.errors import WeightsError
from dropletvideo.perception.evenly import Evenly
from dropletvideo.perception.judge import Chunk, Frames
from dropletvideo.perception.tensors import read_tensors
from dropletvideo.weights import weights_path

if TYPE_CHECKING:
    import torch

PIECE, WHOLE, SIDE, LEAST = 16, 100, 224, 9
WEIGHTS = "i3d-kinetics-400"


@dataclass
class _State:
    piece: list[torch.Tensor] = field(default_factory=list)
    logits: list[NDArray[np.float32]] = field(default_factory=list)
    spread: Evenly[torch.Tensor] = field(default_factory=lambda: Evenly(WHOLE))  # 120 MB at the most
    wanted: frozenset[int] | None = None
    seen: int = 0


class I3dLogits:
    """See the module text.

    Args:
        path: the published file; looked for among the weights by default.
        whole: one piece of the whole video in place of pieces of 16 frames.
    """

    weights = (WEIGHTS,)
    needs = Frames(rate=None, short_side=None)

    def __init__(self, path: str | Path | None = None, *, whole: bool = False) -> None:
        self.path, self.whole = path, whole
        self.name = "i3d_whole" if whole else "i3d"
        self.version = 2 if whole else 1
        self.columns: Mapping[str, type] = {f"{self.name}_logits": np.ndarray}

    def start(self, row: Mapping[str, Any]) -> _State:
        """Nothing seen yet; of a whole video of known length it is settled which frames are taken."""
        length = row.get("num_frames")
        return _State(wanted=frozenset(whole_frames(int(length))) if length else None)

    def update(self, state: _State, chunk: Chunk) -> None:
        """A piece goes through the network as soon as it is full."""
        for frame in chunk.frames:
            if self.whole:
                self._take_whole(state, frame)
                continue
            state.piece.append(brought_to_size(frame))
            if len(state.piece) == PIECE:
                state.logits.append(self._logits(state.piece))
                state.piece = []

    def _take_whole(self, state: _State, frame: NDArray[np.uint8]) -> None:
        if state.wanted is None:
            state.spread.add(brought_to_size(frame) if state.spread.wants_next() else None)
        elif state.seen in state.wanted:
            state.piece.append(brought_to_size(frame))
        state.seen += 1

    def finish(self, state: _State) -> dict[str, Any]:
        """Rows of all pieces; None where the video has too few frames for one."""
        if self.whole and len(frames := state.piece or state.spread.chosen()) >= LEAST:
            state.logits = [self._logits(frames)]
        return {f"{self.name}_logits": np.stack(state.logits) if state.logits else None}

    def _logits(self, frames: list[torch.Tensor]) -> NDArray[np.float32]:
        import torch

        network, device = _network(str(self.path or weights_path(WEIGHTS)))
        with torch.inference_mode():
            logits = network(torch.stack(frames, dim=1)[None].to(device))
        return np.asarray(logits[0].float().cpu().numpy(), np.float32)


def whole_frames(num_frames: int) -> list[int]:
    """Numbers of the frames that stand for a whole video: all, or 100 evenly from the first to the last, cut."""
    if num_frames <= WHOLE:
        return list(range(num_frames))
    return [int(number) for number in np.linspace(0, num_frames - 1, WHOLE).astype(int)]


def brought_to_size(frame: NDArray[np.uint8]) -> torch.Tensor:
    """H,W,3 uint8 to 3,224,224 float32 in [-1, 1]."""
    import torch

    pixels = torch.from_numpy(frame.astype(np.float32)).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(pixels, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    return 2.0 * resized[0] / 255 - 1


@lru_cache(maxsize=1)
def _network(path: str) -> tuple[Any, str]:
    from cdfvd.third_party.i3d.pytorch_i3d import InceptionI3d

    from dropletvideo import runtime

    device = runtime.pick_device("auto")
    network = InceptionI3d(400, in_channels=3)
    try:
        network.load_state_dict(read_tensors(path))
    except RuntimeError as error:
        raise WeightsError(f"{path} cannot be read as I3D ({' '.join(str(error).split())[:200]})") from error
    return network.eval().requires_grad_(False).to(device), device
