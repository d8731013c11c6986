"""Frame, latent and token arithmetic of CogVideoX-type models; plain integers, no torch.

The video VAE compresses space by 8 and time by 4 with the first frame apart, so a clip of `4k + 1` frames
becomes `k + 1` latent frames. The transformer cuts each latent frame into patches of 2x2.
"""

from __future__ import annotations

from dataclasses import dataclass

from dropletvideo.errors import RequestError

SPATIAL_COMPRESSION = 8
TEMPORAL_COMPRESSION = 4
PATCH_SIZE = 2
SIZE_MULTIPLE = SPATIAL_COMPRESSION * PATCH_SIZE


@dataclass(frozen=True, kw_only=True)
class PixelShape:
    """Size of a clip in frames and pixels."""

    frames: int
    height: int
    width: int


@dataclass(frozen=True, kw_only=True)
class LatentShape:
    """Size of a clip in latent frames and latent pixels."""

    frames: int
    height: int
    width: int

    @classmethod
    def of(cls, pixels: PixelShape) -> LatentShape:
        """Latent size of a clip of `4k + 1` frames whose sides are multiples of 16.

        Raises:
            RequestError: the clip cannot be encoded; the message names the nearest sizes that can.
        """
        check_num_frames(pixels.frames)
        for name, side in (("height", pixels.height), ("width", pixels.width)):
            if side < SIZE_MULTIPLE or side % SIZE_MULTIPLE:
                raise RequestError(
                    f"{name}={side} cannot be encoded: need a multiple of {SIZE_MULTIPLE}; "
                    f"nearest is {nearest_side(side)}"
                )
        return cls(
            frames=latent_frames(pixels.frames),
            height=pixels.height // SPATIAL_COMPRESSION,
            width=pixels.width // SPATIAL_COMPRESSION,
        )

    @property
    def tokens(self) -> int:
        """Number of video tokens that the transformer sees."""
        return self.frames * (self.height // PATCH_SIZE) * (self.width // PATCH_SIZE)


def check_num_frames(num_frames: int) -> None:
    """Refuse a frame count that is not `4k + 1`."""
    if num_frames < 1 or (num_frames - 1) % TEMPORAL_COMPRESSION:
        low = max(1, (num_frames - 1) // TEMPORAL_COMPRESSION * TEMPORAL_COMPRESSION + 1)
        raise RequestError(
            f"num_frames={num_frames} cannot be encoded: need {TEMPORAL_COMPRESSION}k+1; "
            f"nearest are {low} and {low + TEMPORAL_COMPRESSION}"
        )


def latent_frames(num_frames: int) -> int:
    """Latent frames of a clip of `num_frames` frames (rounded down to `4k + 1`)."""
    return (num_frames - 1) // TEMPORAL_COMPRESSION + 1


def pixel_frames(num_latent_frames: int) -> int:
    """Frames that `num_latent_frames` latent frames stand for."""
    return (num_latent_frames - 1) * TEMPORAL_COMPRESSION + 1


def encodable_frames(num_frames: int) -> int:
    """The least `4k + 1` that is not below `num_frames`."""
    return pixel_frames(-(-(num_frames - 1) // TEMPORAL_COMPRESSION) + 1)


def nearest_side(side: int) -> int:
    """The multiple of 16 nearest to `side`, at least 16."""
    return max(SIZE_MULTIPLE, round(side / SIZE_MULTIPLE) * SIZE_MULTIPLE)
