"""Long videos chunk by chunk: which frames each chunk makes, what it sees of the one before, how seams are blended.

A chunk is given the last `overlap` frames of what is there and goes on from them. Over those frames its own version
fades in, so that neither colour nor sharpness jumps. At no time are more frames held than one chunk has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dropletvideo.shapes import latent_frames, pixel_frames


@dataclass(frozen=True)
class Chunk:
    """One run of the model.

    Attributes:
        start: number in the whole video of the chunk's first frame, overlap included.
        num_frames: frames that the model makes, overlap included; what is beyond `overlap + new` is cut.
        overlap: leading frames that are there already and are given.
        new: frames that it adds to the video.
        segment: number of the time line's entry that it belongs to.
    """

    start: int
    num_frames: int
    overlap: int
    new: int
    segment: int = 0


def plan_chunks(lengths: Sequence[int], chunk_frames: int, overlap: int, *, given: int = 0) -> list[Chunk]:
    """Chunks of a time line whose entries add `lengths` frames each, after `given` frames that are there already.

    Every chunk but a first one that is short by itself has `chunk_frames` frames, the length the model knows; no chunk
    spans two entries.
    """
    chunks: list[Chunk] = []
    done = in_hand = given
    for segment, length in enumerate(lengths):
        left = length
        while left:
            seen = pixel_frames(latent_frames(min(overlap, in_hand))) if done else 0
            new = min(left, chunk_frames - seen)
            made = chunk_frames if done else new
            chunks.append(Chunk(start=done - seen, num_frames=made, overlap=seen, new=new, segment=segment))
            done, left = done + new, left - new
            in_hand = seen + new
    return chunks


def seams_of(chunks: Sequence[Chunk]) -> list[tuple[int, int]]:
    """Blended frames (first, end exclusive) of every seam."""
    return [(chunk.start, chunk.start + chunk.overlap) for chunk in chunks if chunk.overlap]


def blend(before_BFCHW: Tensor, after_BFCHW: Tensor) -> Tensor:
    """Fade from one version of the same frames to the other, evenly and without a jump at either end."""
    count = before_BFCHW.shape[1]
    weight = torch.arange(1, count + 1, dtype=before_BFCHW.dtype, device=before_BFCHW.device) / (count + 1)
    return torch.lerp(before_BFCHW, after_BFCHW, weight[:, None, None, None])


def run_chunks(
    chunks: Sequence[Chunk], make: Callable[[Chunk, Tensor | None], Tensor], *, tail: Tensor | None = None
) -> Iterator[Tensor]:
    """Frames of a whole video as runs B,F,3,H,W, each as soon as no later chunk can change it.

    Args:
        chunks: of `plan_chunks`.
        make: gives a chunk's frames B,overlap + new,3,H,W; told the frames before it, B,overlap,3,H,W, or None.
        tail: the last frames of a given video, where the first chunk continues one; they come out blended.
    """
    held = tail
    for number, chunk in enumerate(chunks):
        frames = make(chunk, held)
        if held is not None:
            frames = torch.cat([blend(held, frames[:, : chunk.overlap]), frames[:, chunk.overlap :]], dim=1)
        keep = chunks[number + 1].overlap if number + 1 < len(chunks) else 0
        ready = frames.shape[1] - keep
        held = frames[:, ready:].clone() if keep else None
        if ready:
            yield frames[:, :ready]
