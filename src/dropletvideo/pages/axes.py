"""Scales, ticks and numbers of a chart: plain arithmetic, no markup."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

MISSING = "–"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Maps values in `low` to `high` to positions in `start` to `end` (SVG units), linearly or by logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    fixed_ticks: tuple[float, ...] = ()

    def __call__(self, value: float) -> float:
        """Position of `value`; a value outside is placed outside."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, 1e-300))
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """Round values inside the range, about `count` of them."""
        if self.fixed_ticks:
            return [tick for tick in self.fixed_ticks if self.low <= tick <= self.high]
        return log_ticks(self.low, self.high) if self.log else nice_ticks(self.low, self.high, count)


def scale_over(
    values: Iterable[float], *, start: float, end: float, log: bool = False, include_zero: bool = False
) -> Scale:
    """A scale that shows all finite `values` with a little room; on a log scale only the positive ones count."""
    finite = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
    if not finite:
        finite = [1.0, 10.0] if log else [0.0, 1.0]
    low, high = min(finite), max(finite)
    if log:
        low, high = (low / 1.15, high * 1.15) if high / low > 1.01 else (low / 2, high * 2)
        return Scale(low=low, high=high, start=start, end=end, log=True)
    if include_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    room = (high - low) * 0.04 or abs(high) * 0.1 or 0.5
    low = low if include_zero and low == 0 else low - room
    high = high if include_zero and high == 0 and low < 0 else high + room
    return Scale(low=low, high=high, start=start, end=end)


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten in `low` to `high`."""
    if not high > low:
        return [low]
    rough = (high - low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten, or 1-2-5 (or powers of two) steps where the range spans less than two decades."""
    decades = math.log10(high / low)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    mantissas = (1,) if decades > 3 else (1, 2, 5)
    ticks = [m * 10.0**e for e in range(first, last + 1) for m in mantissas]
    inside = [t for t in ticks if low <= t <= high]
    return inside if len(inside) >= 2 else [low, high]


def format_number(value: float | None, digits: int | None = None) -> str:
    """A number as a person writes it: 12,345 · 0.0132 · 3.1e-07; a dash for none.

    `digits` fixes the places after the point; without it three to four significant figures are kept.
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if digits is not None:
        return f"{value:,.{digits}f}".replace("-", "−")
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e9):
        return f"{int(value):,}".replace("-", "−")
    size = abs(value)
    if size >= 1000:
        text = f"{value:,.0f}"
    elif size >= 1e-4:
        places = max(0, 2 - math.floor(math.log10(size)))
        text = f"{value:.{min(places, 6)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        text = f"{value:.1e}"
    return text.replace("-", "−") if "e" not in text else text


def format_tick(value: float, ticks: list[float]) -> str:
    """A tick's number, with as many places as its neighbours need to differ."""
    if value == 0:
        return "0"
    if abs(value) < 1e-3 or abs(value) >= 1e6:
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    steps = [b - a for a, b in pairwise(ticks) if b > a]
    step = min([*steps, abs(value)])
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    if round(step, places) != round(step, places + 1):  # 2.5, 0.25 ...
        places += 1
    return f"{value:,.{min(places, 6)}f}".replace("-", "−")


def format_bytes(size: int) -> str:
    """A size in KiB or MiB, one place after the point from a MiB up."""
    return f"{size / 1024:.0f} KiB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MiB"
