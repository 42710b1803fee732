"""mIoU of the classification branch beside that of the segmentation branch."""

import os
from collections.abc import Sequence

from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS

KEY = 'pred_cam_sem_seg'


@METRICS.register_module()
class CAMIoUMetric(IoUMetric):
    """``IoUMetric`` of ``pred_cam_sem_seg``, the segmentation by activation maps.

    Put it beside an ``IoUMetric`` in the evaluator of a ``MutualPromotionSegmentor``. It
    logs ``cam/mIoU`` and so on, and writes label maps to the folder ``cam`` of
    ``output_dir``.

    Args:
        *args: As for :class:`mmseg.evaluation.IoUMetric`.
        output_dir (str, optional): Parent of the folder of label maps. Defaults to None.
        prefix (str): Beginning of the logged names. Defaults to ``'cam'``.
        **kwargs: As for :class:`mmseg.evaluation.IoUMetric`.
    """

    def __init__(
        self, *args, output_dir: str | None = None, prefix: str = 'cam', **kwargs
    ) -> None:
        if output_dir is not None:
            output_dir = os.path.join(output_dir, 'cam')
        super().__init__(*args, output_dir=output_dir, prefix=prefix, **kwargs)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Compare the CAMs' segmentation with the mask.

        Raises:
            ValueError: A sample has no ``pred_cam_sem_seg``.
        """
        for sample in data_samples:
            if KEY not in sample:
                raise ValueError(
                    f'CAMIoUMetric needs {KEY}, which a MutualPromotionSegmentor predicts; '
                    'take it out of the evaluator of other models'
                )
        samples = [dict(sample, pred_sem_seg=sample[KEY]) for sample in data_samples]
        super().process(data_batch, samples)
