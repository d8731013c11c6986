"""What a suite is: the metrics that name it, the order of its columns, and totals made from their means.

One file in `evaluate/suites/` with a `build()` adds a suite. Which metrics take part is said by the metrics
(`Metric.suites`), so that a new metric is one new file; a suite only orders and sums up what they give. A column of the
suite that nobody gives, or whose metric is absent, is listed as absent; a total that needs it is None, never a sum with
a zero in its place.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from dropletvideo.errors import ConfigError
from dropletvideo.evaluate.metric import Metric, load_metrics

Totals = Callable[[Mapping[str, float | None]], dict[str, float | None]]
"""Column name -> mean (None: absent) to total name -> value; pure, since its interval comes from drawn means."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """See the module text.

    Attributes:
        name: as `--suite` takes it; the file has `_` for `-`.
        about: what it answers and what it does not, for the report.
        columns: column names in the order of the suite's own table; None shows what its metrics give.
        totals: of the means of `columns`; total_labels names them in the order of the table.
        needs: what a manifest must hold, as a sentence for people.
    """

    name: str
    title: str
    about: str
    columns: tuple[str, ...] | None = None
    totals: Totals | None = None
    total_labels: Mapping[str, str] | None = None
    needs: str = ""


def with_columns(suite: Suite, told: Collection[str]) -> Suite:
    """The suite with its columns of `told` alone, and the totals that can be made of them; itself without columns."""
    if suite.columns is None:
        return suite
    columns = tuple(name for name in suite.columns if name in told)
    made = suite.totals(dict.fromkeys(columns, 0.5)) if suite.totals else {}
    labels = {name: label for name, label in (suite.total_labels or {}).items() if made.get(name) is not None}
    return replace(suite, columns=columns, total_labels=labels, totals=suite.totals if labels else None)


def suite_names() -> list[str]:
    """Names of the files in `evaluate/suites/`, as `--suite` takes them."""
    package = importlib.import_module("dropletvideo.evaluate.suites")
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(package.__path__))


def load_suite(name: str) -> Suite:
    """The suite of one file.

    Raises:
        ConfigError: an unknown name, with the known ones.
    """
    if name not in suite_names():
        raise ConfigError(f"suite {name!r} is unknown: one of {', '.join(suite_names())}, or all")
    suite: Suite = importlib.import_module(f"dropletvideo.evaluate.suites.{name.replace('-', '_')}").build()
    return suite


def metrics_of(suite: str) -> list[Metric]:
    """The metrics that take part in a suite, in the order of the alphabet; `all` gives every metric there is."""
    return [metric for metric in load_metrics() if suite == "all" or suite in metric.suites]
