"""Every ratio of docs/benchmarks.md that needs no GPU, as one table.

    python tools/benchmark/run_all.py --clock cpu --repeats 5
    python tools/benchmark/run_all.py --full --threads 2 --repeats 15

``--full`` adds sizes that take an hour: pictures of 20,000 pixels, a million features.
Each part runs by itself as well. Not here: ``click_sets.py`` (10^7 clicks, half an hour),
``promptable.py`` (needs transformers), ``live.py`` (needs data), ``gpu.py`` (needs a GPU).
"""

import click_losses
import click_pipeline
import clustering
import ema_update
import feature_extraction
import label_transfer
import large_pictures
import multi_scale_cam
import mutual_promotion
import refinement
import regularised_losses
import training_step
from measure import print_table

BENCHMARKS = (
    click_losses.rows,
    *training_step.BENCHMARKS,
    ema_update.rows,
    click_pipeline.rows,
    *clustering.BENCHMARKS,
    feature_extraction.rows,
    multi_scale_cam.rows,
    mutual_promotion.rows,
    refinement.rows,
    regularised_losses.rows,
    *label_transfer.BENCHMARKS,
    large_pictures.rows,
)

if __name__ == '__main__':
    print_table(BENCHMARKS, __doc__)
