"""`make bench`: measure every budget, print the table, exit with 1 when one is over."""

import asyncio
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from banyan.progress import Steps
from benchmarks.alert import alert
from benchmarks.change import alert_after_change
from benchmarks.cold import cold_share
from benchmarks.restart import restart
from benchmarks.parts import QUICK, FULL, stage

import logging, structlog
logging.getLogger("nio").setLevel(logging.CRITICAL)
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
async def main():
    sizes = QUICK if "--quick" in sys.argv else FULL
    with tempfile.TemporaryDirectory() as d, Steps(Console()) as steps:
        async with stage(Path(d), sizes, steps, rooms=True, big=True) as s:
            for b in (alert, alert_after_change, cold_share, restart):
                try:
                    r = await b(s, sizes, lambda n: None)
                    for x in r: print(x, x.ok)
                except Exception:
                    import traceback; traceback.print_exc()
asyncio.run(main())
