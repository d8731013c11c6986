"""Shared backbones by name: what several judges need is computed once per frame. See `judge.Features`.

A backbone has `start(row) -> state` and `__call__(state, chunk) -> output`, and may name the `colour` of its frames. A
learned one takes the path of its weights, which follows its name after `@`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from dropletvideo.perception.clip_backbone import ClipImage
from dropletvideo.perception.flow import DisFlow
from dropletvideo.perception.frame_embeddings import MAKERS
from dropletvideo.perception.point_tracks import PointTracks
from dropletvideo.perception.raft_things import RaftThings

BACKBONES: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        DisFlow.name: DisFlow,
        PointTracks.name: PointTracks,
        ClipImage.name: ClipImage,
        RaftThings.name: RaftThings,
        **MAKERS,
    }
)


def make(name: str) -> Any:
    """The backbone that `Features.backbone` names: `dis_flow`, `clip_image`, `clip_image@/path/to/folder`."""
    kind, _, path = name.partition("@")
    return BACKBONES[kind](path) if path else BACKBONES[kind]()
