"""Where a run's clips come from: rendered world shots, or the clips of a dataset."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from dropletvideo.data.catalog_clips import CatalogClips
from dropletvideo.data.clips import ClipList
from dropletvideo.data.windows import WindowConfig
from dropletvideo.errors import ConfigError
from dropletvideo.tables.views import read_clips
from dropletvideo.train.captions import caption_source, catalog_captions
from dropletvideo.train.world_clips import WorldClips, WorldData

WORLD_SOURCE = "world"


class DataConfig(BaseModel):
    """Clips of `dataset` (a catalog folder) for which the SQL condition `where` holds; without one, world shots.

    `limit` keeps the first so many clips in the order of their ids, which is random with regard to their videos.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Path | None = None
    where: str = "true"
    limit: int | None = Field(default=None, ge=1)
    world: WorldData = WorldData()


def clip_list(data: DataConfig, windows: WindowConfig) -> ClipList:
    """The clips that a recipe names.

    Raises:
        ConfigError: the dataset has no clip for which `where` holds.
        CatalogError: the dataset cannot be opened, or `where` is not valid.
    """
    if data.dataset is None:
        return WorldClips(data.world, windows.height, windows.width)
    rows = read_clips(data.dataset, data.where, order_by="clip_id")[: data.limit]
    if not rows:
        raise ConfigError(f"{data.dataset} has no clip where {data.where}: loosen data.where, or curate more videos")
    return CatalogClips(rows, catalog_captions, short_side=min(windows.height, windows.width))


def caption_sources(clips: ClipList) -> dict[str, int]:
    """How many clips have captions of which source."""
    if isinstance(clips, CatalogClips):
        return dict(Counter(caption_source(row) for row in clips.rows))
    return {WORLD_SOURCE: len(clips)}
