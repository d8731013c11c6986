"""Map a function over rows: in this process, in processes that can be killed, or on a Ray cluster; same results.

Functions, rows and results travel by pickle: functions of a module, not lambdas. A script that uses workers needs
`if __name__ == "__main__":` round its own work.

A row that is silent for `timeout_seconds` has its worker killed; a worker that dies (segmentation fault, out of
memory) takes only its row with it. Both give an error for that row, and a new worker goes on with the next.
`heartbeat()` inside the function starts the clock anew, so that a long video is not mistaken for a hung decoder. A row
whose machine is lost is done anew on another one.

    for row, result in map_rows(function, rows, workers=4, timeout_seconds=300):             # this machine
    for row, result in map_rows(function, rows, workers=OnRay("auto"), timeout_seconds=300):  # a cluster
"""

from dropletvideo.engine.mapping import ENGINES, TOLERATED, OnRay, Results, Workers, map_in_order, map_rows, workers_of
from dropletvideo.engine.processes import heartbeat

__all__ = ["ENGINES", "TOLERATED", "OnRay", "Results", "Workers", "heartbeat", "map_in_order", "map_rows", "workers_of"]
