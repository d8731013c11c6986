"""A Ray cluster of two node processes on this machine, for tests; one node can be killed."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from pathlib import Path

import pytest

MEMORY = 80_000_000


@contextmanager
def two_nodes():
    """(address, the second node, which says that it has a GPU, the cluster); without Ray the test is skipped."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'dropletvideo[ray]'")
    with pytest.MonkeyPatch.context() as patch:
        here = str(Path(__file__).parent)  # worker processes import what tests define
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH")))))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")  # 15 is Ray's: starved on a busy machine
        patch.setenv("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
        patch.delenv("RAY_ADDRESS", raising=False)
        from ray.cluster_utils import Cluster

        logging.getLogger("ray").setLevel(logging.ERROR)
        size = {"num_cpus": 1, "object_store_memory": MEMORY}
        cluster = Cluster(initialize_head=True, head_node_args={**size, "include_dashboard": False})
        try:
            second = cluster.add_node(num_gpus=1, **size)  # Ray counts what it is told, GPU or not
            yield cluster.address, second, cluster
        finally:
            cluster.shutdown()
