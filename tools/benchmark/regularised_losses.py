"""A training step with a regularised loss against mmseg's plain step.

    python tools/benchmark/regularised_losses.py

Both train the network of a shipped config on one batch: forward, backward, optimiser. The
plain step is ``EncoderDecoder`` with mmseg's cross-entropy; ours is ``SeminarSegmentor``
with partial cross-entropy and one more term.
"""

from argparse import Namespace
from collections.abc import Iterator

from measure import Row, print_table, seconds_in_turn, time_row
from mmengine.config import Config
from mmengine.registry import init_default_scope
from training_step import CONFIGS, make_step

CONFIG = 'pce_fpn_efficientnet-lite0_1xb8-1500_*.py'
TERMS = dict(
    AbsentClassLoss=0.87,
    PottsLoss=0.87,
    CollisionCrossEntropyLoss=0.87,
    GatedCRFLoss=0.87,
    DenseCRFLoss=0.77,
)


def rows(options: Namespace) -> Iterator[Row]:
    """Measure each loss."""
    init_default_scope('mmseg')
    config = Config.fromfile(min(CONFIGS.glob(CONFIG)))
    size, images = (64, 2) if options.tiny else (160, 8)
    for term, target in TERMS.items():
        ours = config.copy()
        ours.model = dict(config.model, regularisation=dict(type=term))
        forms = dict(
            stock=make_step(config, size, images, True, options.device),
            ours=make_step(ours, size, images, False, options.device, teacher=False),
        )
        what = f'step with {term}, FPN EfficientNet-Lite0, {images}x3x{size}x{size}'
        yield time_row(what, seconds_in_turn(forms, options), target)


if __name__ == '__main__':
    print_table([rows], __doc__)
