"""Every ratio of docs/benchmarks.md that has a target, as one table.

    python tools/benchmark/run_all.py
    python tools/benchmark/run_all.py --threads 2 --repeats 15

The refinement room has its own: tools/benchmark/refinement.py.
"""

import click_losses
import click_pipeline
import clustering
import ema_update
import label_transfer
import multi_scale_cam
import mutual_promotion
import regularised_losses
import training_step
from measure import print_table

BENCHMARKS = (
    click_losses,
    training_step,
    ema_update,
    click_pipeline,
    clustering,
    multi_scale_cam,
    mutual_promotion,
    regularised_losses,
)

if __name__ == '__main__':
    rows = [benchmark.rows for benchmark in BENCHMARKS]
    print_table([*rows, *label_transfer.BENCHMARKS], __doc__)
