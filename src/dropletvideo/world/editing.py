"""The edit of raw footage: which shots, how long, how they are joined, and what effects lie on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from dropletvideo.errors import ConfigError
from dropletvideo.world import effects
from dropletvideo.world.config import Span, WorldConfig
from dropletvideo.world.effects import Frame
from dropletvideo.world.shot import Shot, draw_shot
from dropletvideo.world.truth import Take, Title, TrueBoundary

JoinKind = Literal["cut", "fade", "dissolve", "wipe"]
EffectKind = Literal["speed_ramp", "flash", "inset"]
_TITLES = (
    "Chapter One",
    "A quiet morning",
    "Meanwhile",
    "The next day",
    "Part two",
    "Somewhere else",
    "Hello there",
    "To be continued",
)
_INSET_SCALE = 0.3


class FootageConfig(BaseModel):
    """Distribution of raw footage. Shares are those of shots; `joins` weighs the kinds of boundary."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    world: WorldConfig = Field(default_factory=WorldConfig.validation)
    shots: tuple[int, int] = (2, 6)
    seconds: Span = (1.5, 4.5)
    joins: dict[JoinKind, float] = {"cut": 0.55, "fade": 0.15, "dissolve": 0.18, "wipe": 0.12}
    join_seconds: Span = (0.35, 1.0)
    effect_share: float = 0.15
    title_share: float = 0.2
    still_share: float = 0.1

    @classmethod
    def validation(cls) -> FootageConfig:
        """Wide: what cut finders and camera judges are held against."""
        return cls(world=WorldConfig.validation().model_copy(update={"seconds": (1.5, 4.5)}))

    @classmethod
    def training(cls) -> FootageConfig:
        """Long plain shots for a nano model, with the edits that curation has to find."""
        return cls(
            world=WorldConfig.training(), seconds=(5.8, 6.6), effect_share=0.06, title_share=0.08, still_share=0.0
        )

    @classmethod
    def preset(cls, name: str) -> FootageConfig:
        """The preset called `name`.

        Raises:
            ConfigError: no such preset.
        """
        presets = {"validation": cls.validation, "training": cls.training}
        if name not in presets:
            raise ConfigError(f"footage preset {name!r} is unknown: one of {', '.join(presets)}")
        return presets[name]()


@dataclass(frozen=True, kw_only=True)
class Join:
    """How a take hands over to the next: kind, length in frames, and its look."""

    kind: JoinKind
    length: int
    colour: int = 0
    way: effects.WipeWay = "right"


RenderStill = Callable[[int, float, float], Frame]
"""(take, seconds of the shot, scale) to a frame."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Raw footage before rendering: takes, how they are joined, titles; every frame can be made by itself."""

    takes: tuple[Take, ...]
    joins: tuple[Join, ...]
    titles: tuple[Title, ...]
    source_fps: float
    height: int
    width: int
    crf: int

    @property
    def num_frames(self) -> int:
        """Frames of the file."""
        return self.takes[-1].end_frame

    @cached_property
    def boundaries(self) -> tuple[TrueBoundary, ...]:
        """True boundaries. A fade's span lies around the moment of pure black or white, where the new shot starts."""
        found = []
        for join, take in zip(self.joins, self.takes[1:], strict=True):
            first = take.start_frame - (join.length // 2 if join.kind == "fade" else 0)
            found.append(TrueBoundary(frame=first, end_frame=first + join.length, kind=join.kind))
        return tuple(found)

    def frame(self, number: int, render: RenderStill) -> Frame:
        """One frame of the file."""
        index = next(k for k, take in enumerate(self.takes) if number < take.end_frame)
        picture = self._plain(index, number, render)
        if index and number < self.takes[index].start_frame + self.joins[index - 1].length:
            picture = self._joined(index, number, picture, render)
        if index < len(self.joins) and self.joins[index].kind == "fade":
            half = self.joins[index].length // 2
            done = number - (self.takes[index].end_frame - half)
            if done >= 0:
                picture = effects.fade(picture, (done + 1) / (half + 1), self.joins[index].colour)
        for title in self.titles:
            if title.start <= number < title.end:
                picture = effects.title(picture, title.text, title.place)
        return picture

    def _joined(self, index: int, number: int, picture: Frame, render: RenderStill) -> Frame:
        """A frame inside the join at the start of a take."""
        join, done = self.joins[index - 1], number - self.takes[index].start_frame
        if join.kind == "fade":
            rest = join.length - join.length // 2
            share = 1 - (done + 1) / (rest + 1)
            return effects.fade(picture, max(0.0, share), join.colour) if done < rest else picture
        share = (done + 1) / (join.length + 1)
        old = self._plain(index - 1, number, render)
        if join.kind == "wipe":
            return effects.wipe(old, picture, share, join.way)
        return effects.dissolve(old, picture, share)

    def _plain(self, index: int, number: int, render: RenderStill) -> Frame:
        """A take's frame with its own effects; after its end (under a blend) the shot goes on."""
        take = self.takes[index]
        offset = number - take.start_frame
        picture = render(index, take.time_of(offset), 1.0)
        now = offset / self.source_fps
        for effect in take.effects:
            if effect["start"] <= now < effect["end"]:
                picture = self._with_effect(picture, effect, now, render)
        return picture

    def _with_effect(self, picture: Frame, effect: dict[str, Any], now: float, render: RenderStill) -> Frame:
        if effect["effect"] == "flash":
            middle = (effect["start"] + effect["end"]) / 2
            half = (effect["end"] - effect["start"]) / 2
            return effects.flash(picture, float(np.clip(1 - abs(now - middle) / half, 0, 1)))
        if effect["effect"] == "inset":
            return effects.inset(picture, render(int(effect["take"]), now, _INSET_SCALE))
        return picture


def draw_cut(seed: int, config: FootageConfig, *, size: tuple[int, int] | None = None) -> Cut:
    """Raw footage from a seed; all shots share the size, rate and compression that the first one draws."""
    rng = np.random.default_rng([seed, 31])
    count = int(rng.integers(config.shots[0], config.shots[1] + 1))
    joins = tuple(_draw_join(rng, config) for _ in range(count - 1))
    first = draw_shot(seed, config.world)
    height, width = size or first.delivery_shape
    rate = first.source_fps
    takes: list[Take] = []
    at = 0
    for k in range(count):
        tail = 0.0 if k == count - 1 or joins[k].kind == "fade" else joins[k].length / 30
        frames = round(rate * float(rng.uniform(*config.seconds)))
        shot = _draw_take(rng, seed, k, config, frames / rate + tail + 0.1)
        shot = replace(shot, height=height, width=width, source_fps=rate, crf=first.crf)
        takes.append(_with_effects(rng, config, Take(shot=shot, start_frame=at, end_frame=at + frames), k, count))
        at += frames
    joins = tuple(_in_frames(join, rate) for join in joins)
    return Cut(
        takes=tuple(takes),
        joins=joins,
        titles=_draw_titles(rng, config, takes),
        source_fps=rate,
        height=height,
        width=width,
        crf=first.crf,
    )


def _draw_join(rng: np.random.Generator, config: FootageConfig) -> Join:
    """Length in thirtieths of a second until the rate is known."""
    kinds = list(config.joins)
    weights = np.array([config.joins[kind] for kind in kinds])
    kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
    length = 0 if kind == "cut" else round(30 * float(rng.uniform(*config.join_seconds)))
    ways: tuple[effects.WipeWay, ...] = ("right", "left", "down", "up")
    return Join(kind=kind, length=length, colour=int(rng.choice([0, 0, 255])), way=ways[int(rng.integers(4))])


def _in_frames(join: Join, rate: float) -> Join:
    return join if join.kind == "cut" else replace(join, length=max(3, round(join.length / 30 * rate)))


def _draw_take(rng: np.random.Generator, seed: int, number: int, config: FootageConfig, seconds: float) -> Shot:
    world = config.world.model_copy(update={"seconds": (seconds, seconds)})
    if rng.random() < config.still_share:
        still: dict[str, Any] = {"move_weights": {"static": 1.0}, "compositions": {"single": 1.0}}
        world = world.model_copy(update=still | {"moving_share": 0.0, "jitter_share": 0.0})
    return draw_shot(seed, world, take=number)


def _with_effects(rng: np.random.Generator, config: FootageConfig, take: Take, number: int, count: int) -> Take:
    if rng.random() >= config.effect_share:
        return take
    rate = take.shot.source_fps
    frames = take.end_frame - take.start_frame
    seconds = frames / rate
    kind: EffectKind = ("speed_ramp", "flash", "inset")[int(rng.integers(3 if count > 1 else 2))]
    start = round(seconds * float(rng.uniform(0.35, 0.5)), 3)
    if kind == "flash":
        end = round(start + max(0.2, 3 / rate), 3)
        return replace(take, effects=({"effect": kind, "start": start, "end": end},))
    if kind == "inset":
        other = (number + 1) % count
        return replace(take, effects=({"effect": kind, "start": start, "end": round(0.9 * seconds, 3), "take": other},))
    steps = np.where(np.arange(frames) < start * rate, 0.45, 2.0 if rng.random() < 0.5 else 0.1) / rate
    times = np.concatenate([[0.0], np.cumsum(steps)[:-1]])
    times *= min(1.0, take.shot.seconds / max(times[-1], 1e-6))
    effect = {"effect": kind, "start": start, "end": round(seconds, 3)}
    return replace(take, effects=(effect,), frame_times=tuple(float(value) for value in times))


def _draw_titles(rng: np.random.Generator, config: FootageConfig, takes: list[Take]) -> tuple[Title, ...]:
    titles = []
    for take in takes:
        if rng.random() < config.title_share:
            places: tuple[Literal["bottom", "top", "middle"], ...] = ("bottom", "top", "middle")
            titles.append(
                Title(
                    text=str(rng.choice(_TITLES)),
                    place=places[int(rng.choice(3, p=[0.6, 0.2, 0.2]))],
                    start=take.start_frame,
                    end=take.end_frame,
                )
            )
    return tuple(titles)
