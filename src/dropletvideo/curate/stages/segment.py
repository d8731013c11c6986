"""Shots by their edit boundaries, and clips of shots: trim, then limits of length.

`method` says who finds the boundaries: `shots` (`perception.cuts`: cuts, fades, dissolves, wipes; no weights),
`content` (`perception.content_cuts`: PySceneDetect's content detector at MiraData's 26; no weights; hard cuts, on
purpose too many, for `stitch` to join) or `transnet` (`perception.transnet_cuts`; needs the program `transnetv2`).
"""

from __future__ import annotations

from typing import Any, Literal

from dropletvideo.curate.lengths import LengthsConfig
from dropletvideo.perception.content_cuts import ContentCuts, ContentCutsConfig
from dropletvideo.perception.cuts import CutsConfig, ShotBoundaries
from dropletvideo.perception.judge import Judge
from dropletvideo.perception.transnet_cuts import WEIGHTS, TransNetConfig, TransNetCuts
from dropletvideo.tables.stage import Stage
from dropletvideo.weights import Found, look_for


class Config(LengthsConfig):
    """The detector with its limits (`detector` are those of `shots`), and what becomes of its shots (`curate.lengths`).

    A recipe that stitches or splits the clips afterwards leaves trim and limits of length to the stage `trim`
    (`min_seconds: 0, max_seconds: null` here).
    """

    method: Literal["shots", "content", "transnet"] = "shots"
    detector: CutsConfig = CutsConfig()
    content: ContentCutsConfig = ContentCutsConfig()
    transnet: TransNetConfig = TransNetConfig()


def build(config: Config) -> Stage:
    """The stage; with `transnet` and no program it lacks its weights, and a run says so and cuts nothing."""
    judge, own, found = _detector(config)
    lengths = config.lengths()
    return Stage(
        name="segment",
        version=1,
        kind="video->clips",
        params={**lengths.as_dict(), **own},
        judge=judge,
        function=lengths,
        weights_digest=found.digest,
        lacks=found.lacks,
    )


def _detector(config: Config) -> tuple[Judge, dict[str, Any], Found]:
    """The judge, what it adds to the fingerprint, and its weights."""
    if config.method == "content":
        own = config.content.model_dump(mode="json")
        return ContentCuts(config.content), {"method": "content", "content": own}, Found(path=None)
    if config.method == "transnet":
        found = look_for(WEIGHTS, config.transnet.program)
        judge = TransNetCuts(found.path, config.transnet.threshold)
        return judge, {"method": "transnet", "threshold": config.transnet.threshold}, found
    return ShotBoundaries(config.detector), {"detector": config.detector.model_dump(mode="json")}, Found(path=None)
