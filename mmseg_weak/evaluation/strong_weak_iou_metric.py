"""mIoU apart: of strong and weak classes, of the classification branch."""

import os
from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np
from mmengine.logging import print_log
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS

from ..datasets.class_splits import StrongWeakClasses

SCORES = ('mIoU', 'mIoU_strong', 'mIoU_weak', 'mIoU_harmonic')


@METRICS.register_module()
class StrongWeakIoUMetric(IoUMetric):
    """mmseg's ``IoUMetric`` with the means over strong and weak classes.

    Adds, in percent: ``mIoU_strong`` and ``mIoU_weak`` (background in neither),
    ``mIoU_harmonic`` (their harmonic mean), ``IoU.<class>``, and with ``full_result``
    ``ratio`` and the like: each score as a share of the fully supervised one, a number
    about 1.

    Args:
        strong_classes (Sequence[str]): Classes with masks in training.
        weak_classes (Sequence[str]): Classes with tags only.
        split (str, optional): Name of a published split instead of the two lists.
        full_result (float | Mapping, optional): mIoU of the fully supervised run in
            percent, or its scores by name (``mIoU``, ``mIoU_strong`` ...). Defaults to
            None.
        scored_classes (Sequence[str], optional): Classes that count, if the masks hold
            fewer than are trained (VOC's 21 of the 81 with COCO). Defaults to all.
        **kwargs: As for ``IoUMetric``.

    Raises:
        ValueError: ``full_result`` is not positive or has an unknown name; the class lists
            do not partition the classes, or a scored class is unknown (when scoring).
    """

    def __init__(
        self,
        strong_classes: Sequence[str] = (),
        weak_classes: Sequence[str] = (),
        split: str | None = None,
        full_result: float | Mapping[str, float] | None = None,
        scored_classes: Sequence[str] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.lists = (tuple(strong_classes), tuple(weak_classes), split)
        if full_result is None:
            full_result = {}
        elif not isinstance(full_result, Mapping):
            full_result = dict(mIoU=full_result)
        unknown = set(full_result) - set(SCORES)
        numbers = all(isinstance(v, Real) and v > 0 for v in full_result.values())
        if unknown or not numbers:
            raise ValueError(
                f'full_result must be a number > 0 or such by name, out of '
                f'{", ".join(SCORES)}; got {dict(full_result)}'
            )
        self.full_result = dict(full_result)
        self.scored_classes = scored_classes

    @staticmethod
    def as_stock(settings: dict) -> dict:
        """Config of mmseg's metric with the same means; itself with ``scored_classes``."""
        if settings.get('scored_classes'):
            return settings
        own = ('strong_classes', 'weak_classes', 'split', 'full_result', 'scored_classes')
        kept = {k: v for k, v in settings.items() if k not in own}
        return dict(kept, type='IoUMetric')

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Scores of the whole set.

        Args:
            results (list): Areas of each image, from ``process``.

        Returns:
            dict[str, float]: Those of ``IoUMetric`` and the additional ones.
        """
        classes = self.dataset_meta['classes']
        split = StrongWeakClasses.resolve(classes, *self.lists)
        metrics = super().compute_metrics(results)
        if self.format_only:
            return metrics
        intersect, union = (
            np.sum([np.asarray(areas[i]) for areas in results], axis=0) for i in (0, 1)
        )
        counted = self._counted(classes) & (union > 0)
        iou = np.full(len(classes), np.nan)
        iou[counted] = 100 * intersect[counted] / union[counted]
        scores = strong_weak_scores(iou, split.strong, split.weak)
        metrics.update(scores)
        metrics.update({f'IoU.{name}': float(v) for name, v in zip(classes, iou)})
        for name, value in self.full_result.items():
            metrics[name.replace('mIoU', 'ratio')] = scores[name] / value
        text = ', '.join(f'{key} {metrics[key]:.2f}' for key in scores)
        print_log(f'strong and weak classes: {text}', logger='current')
        return metrics

    def _counted(self, classes: Sequence[str]) -> np.ndarray:
        if self.scored_classes is None:
            return np.ones(len(classes), bool)
        unknown = [name for name in self.scored_classes if name not in classes]
        if unknown:
            raise ValueError(f'scored_classes: {", ".join(unknown)} not among the classes')
        return np.isin(classes, self.scored_classes)


def strong_weak_scores(
    iou: np.ndarray, strong: Sequence[int], weak: Sequence[int]
) -> dict[str, float]:
    """Means over groups of classes.

    Args:
        iou (np.ndarray): (C,) IoU of each class, NaN where it does not count.
        strong (Sequence[int]): Indices of the strong classes.
        weak (Sequence[int]): Indices of the weak classes.

    Returns:
        dict[str, float]: ``mIoU`` of all classes, ``mIoU_strong``, ``mIoU_weak`` and
        ``mIoU_harmonic``; NaN for a group of which nothing counts.
    """
    groups = dict(mIoU=iou, mIoU_strong=iou[list(strong)], mIoU_weak=iou[list(weak)])
    scores = {
        name: float(np.nanmean(values)) if np.isfinite(values).any() else float('nan')
        for name, values in groups.items()
    }
    one, other = scores['mIoU_strong'], scores['mIoU_weak']
    scores['mIoU_harmonic'] = 2 * one * other / (one + other) if one + other else 0.0
    return scores


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
