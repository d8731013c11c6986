"""The only place that opens or writes video and images (PyAV, which carries FFmpeg inside its wheel).

Frame numbers count decoded frames in presentation order from 0. Times are seconds on the file's own clock. Frames are
uint8 RGB in FHWC order, turned upright, square-pixel shape not corrected, HDR not tone-mapped (matrix and range only).
"""

from dropletvideo.media.attached import PICTURE_SUFFIXES, png_bytes, png_pixels, read_pictures
from dropletvideo.media.decoding import (
    FrameRun,
    Want,
    neighbour_groups,
    read_frames,
    read_video,
    stream,
    stream_many,
    stream_picked,
)
from dropletvideo.media.encoding import read_metadata, write_video
from dropletvideo.media.images import FITS, Fit, fit_image, read_image, resize, write_image
from dropletvideo.media.opening import IMAGE_SUFFIXES, VIDEO_SUFFIXES, VideoInfo, probe

__all__ = [
    "FITS",
    "IMAGE_SUFFIXES",
    "PICTURE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "Fit",
    "FrameRun",
    "VideoInfo",
    "Want",
    "fit_image",
    "neighbour_groups",
    "png_bytes",
    "png_pixels",
    "probe",
    "read_frames",
    "read_image",
    "read_metadata",
    "read_pictures",
    "read_video",
    "resize",
    "stream",
    "stream_many",
    "stream_picked",
    "write_image",
    "write_video",
]
