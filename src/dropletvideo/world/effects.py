"""Edits on frames: blends between two shots, flashes, an inset picture, a title. Frames are H,W,3 uint8."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
WipeWay = Literal["right", "left", "down", "up"]


def dissolve(old: Frame, new: Frame, share: float) -> Frame:
    """Both frames on top of each other; `share` (0..1) is that of the new one."""
    mixed = old.astype(np.float32) * (1 - share) + new.astype(np.float32) * share
    return np.rint(mixed).astype(np.uint8)


def fade(frame: Frame, share: float, colour: int = 0) -> Frame:
    """A frame that has gone to black (`colour=0`) or white (255) by `share`."""
    return dissolve(frame, np.full_like(frame, colour), share)


def wipe(old: Frame, new: Frame, share: float, way: WipeWay) -> Frame:
    """The new frame pushed over the old one behind a straight edge that travels `way`; the edge is two pixels soft."""
    height, width = old.shape[:2]
    length = width if way in ("left", "right") else height
    at = np.arange(length, dtype=np.float32)
    if way in ("left", "up"):
        at = length - 1 - at
    new_share = np.clip((share * (length + 2) - 1 - at) / 2 + 0.5, 0, 1)
    mask = new_share[None, :, None] if way in ("left", "right") else new_share[:, None, None]
    return np.asarray(np.rint(old * (1 - mask) + new * mask), np.uint8)


def flash(frame: Frame, strength: float) -> Frame:
    """A frame burnt towards white by `strength` (0..1)."""
    return fade(frame, strength, 255)


def inset(frame: Frame, small: Frame) -> Frame:
    """A small picture with a light rim in the upper right corner."""
    out = frame.copy()
    height, width = small.shape[:2]
    rim = max(1, frame.shape[0] // 90)
    top, right = rim * 3, frame.shape[1] - rim * 3
    out[top - rim : top + height + rim, right - width - rim : right + rim] = 235
    out[top : top + height, right - width : right] = small
    return out


def title(frame: Frame, text: str, place: Literal["bottom", "top", "middle"] = "bottom") -> Frame:
    """White letters with a dark rim, at most 0.8 of the frame wide."""
    height, width = frame.shape[:2]
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(height / 240))
    (long, tall), _ = cv2.getTextSize(text, font, 1.0, thickness)
    scale = min(0.09 * height / tall, 0.8 * width / long)
    (long, tall), _ = cv2.getTextSize(text, font, scale, thickness)
    y = {"bottom": round(0.92 * height), "top": round(0.06 * height) + tall, "middle": (height + tall) // 2}[place]
    letters = np.zeros((height, width), np.uint8)
    cv2.putText(letters, text, ((width - long) // 2, y), font, scale, 255, thickness, cv2.LINE_AA)
    size = 2 * max(1, round(height / 200)) + 1
    rim = cv2.dilate(letters, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    dark = fade_by(frame, rim, 20)
    return fade_by(dark, letters, 250)


def fade_by(frame: Frame, mask: NDArray[np.uint8], colour: int) -> Frame:
    """A grey laid over a frame where a mask (H,W; 255 is opaque) says so."""
    share = mask[..., None].astype(np.float32) / 255
    return np.asarray(np.rint(frame * (1 - share) + colour * share), np.uint8)
