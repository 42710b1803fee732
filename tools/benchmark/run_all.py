"""Every ratio of docs/benchmarks.md that has a target, as one table.

    python tools/benchmark/run_all.py
    python tools/benchmark/run_all.py --threads 2 --repeats 15

The refinement room has its own: tools/benchmark/refinement.py.
"""

import click_losses
import click_pipeline
import clustering
import ema_update
import multi_scale_cam
import training_step
from measure import print_table

BENCHMARKS = (
    click_losses,
    training_step,
    ema_update,
    click_pipeline,
    clustering,
    multi_scale_cam,
)

if __name__ == '__main__':
    print_table([benchmark.rows for benchmark in BENCHMARKS], __doc__)
