"""How well the classes of an image are predicted."""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger, print_log
from mmseg.registry import METRICS
from prettytable import PrettyTable

from ..datasets.class_splits import background_of


def average_precision(scores: np.ndarray, tags: np.ndarray) -> np.ndarray:
    """Area below the precision-recall curve of each class, without interpolation.

    Images of one score enter the curve together, as in scikit-learn's
    ``average_precision_score``.

    Args:
        scores (np.ndarray): (n, C) scores of any range.
        tags (np.ndarray): (n, C) bool.

    Returns:
        np.ndarray: (C,) in [0, 1], NaN for a class that no image shows.
    """
    result = np.full(scores.shape[1], np.nan)
    for i in np.flatnonzero(tags.any(0)):
        order = np.argsort(-scores[:, i], kind='stable')
        ranked, hits = scores[order, i], np.cumsum(tags[order, i])
        last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
        recall = hits[last] / hits[-1]
        precision = hits[last] / (last + 1)
        result[i] = np.sum(np.diff(recall, prepend=0) * precision)
    return result


def f1_score(predicted: np.ndarray, tags: np.ndarray) -> np.ndarray:
    """Harmonic mean of precision and recall of each class.

    Args:
        predicted (np.ndarray): (n, C) bool.
        tags (np.ndarray): (n, C) bool.

    Returns:
        np.ndarray: (C,) in [0, 1], NaN for a class neither shown nor predicted.
    """
    both = (predicted & tags).sum(0)
    total = predicted.sum(0) + tags.sum(0)
    return np.where(total > 0, 2 * both / np.maximum(total, 1), np.nan)


@METRICS.register_module()
class TagMetric(BaseMetric):
    """Average precision and F1 of the tags that a :class:`CAMSegmentor` predicts.

    A sample needs ``pred_tags`` ((C,) logits of the foreground classes; above 0 is a
    prediction). True tags are the metainfo ``image_classes`` if the sample has it, else the
    foreground classes in its mask ``gt_sem_seg``.

    Logs ``mAP`` and ``mF1`` in percent over the classes that occur, and a table of all.

    Args:
        background (int, optional): Index of the background class. Defaults to None: that of
            the data set, 0 where it names none.
        ignore_index (int): Value of pixels that are not counted. Defaults to 255.
        collect_device (str): See mmengine. Defaults to ``'cpu'``.
        prefix (str, optional): See mmengine. Defaults to ``'tags'``.
        **kwargs: As for :class:`mmengine.evaluator.BaseMetric`.
    """

    default_prefix = 'tags'

    def __init__(
        self,
        background: int | None = None,
        ignore_index: int = 255,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, **kwargs)
        self.background = background
        self.ignore_index = ignore_index

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep logits and tags of the images.

        Raises:
            ValueError: A sample has no ``pred_tags``, or neither tags nor a mask.
        """
        for sample in data_samples:
            if 'pred_tags' not in sample:
                raise ValueError(
                    'TagMetric needs pred_tags, which a CAMSegmentor predicts; take it out '
                    'of the evaluator of other models'
                )
            logits = torch.as_tensor(sample['pred_tags']).float().cpu().numpy()
            tags = np.zeros(len(logits) + 1, dtype=bool)
            tags[self._true_classes(sample)] = True
            self.results.append((logits, np.delete(tags, self._background_index())))

    def _background_index(self) -> int:
        if self.background is not None:
            return self.background
        return background_of(self.dataset_meta or {}) or 0

    def _true_classes(self, sample: dict) -> list[int]:
        if sample.get('image_classes') is not None:
            return list(sample['image_classes'])
        if 'gt_sem_seg' not in sample:
            raise ValueError(
                f'{sample.get("img_path", "a sample")} has neither tags nor a mask to '
                'compare with'
            )
        labels = sample['gt_sem_seg']['data'].unique().tolist()
        return [label for label in labels if label != self.ignore_index]

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Means over the classes.

        Args:
            results (list): Logits and tags of every image.

        Returns:
            dict[str, float]: ``mAP`` and ``mF1`` in percent.
        """
        scores = np.stack([logits for logits, _ in results])
        tags = np.stack([tags for _, tags in results])
        columns = dict(
            AP=100 * average_precision(scores, tags), F1=100 * f1_score(scores > 0, tags)
        )
        names = list((self.dataset_meta or {}).get('classes', ()))
        if len(names) == len(scores[0]) + 1:
            del names[self._background_index()]
        else:
            names = [str(i) for i in range(len(scores[0]))]
        table = PrettyTable()
        table.add_column('Class', names)
        table.add_column('images', tags.sum(0).tolist())
        for name, values in columns.items():
            table.add_column(name, [f'{value:.2f}' for value in values])
        logger = MMLogger.get_current_instance()
        print_log('tags per class:', logger)
        print_log('\n' + table.get_string(), logger=logger)
        return OrderedDict(
            (f'm{name}', float(np.nanmean(values)) if tags.any() else float('nan'))
            for name, values in columns.items()
        )
