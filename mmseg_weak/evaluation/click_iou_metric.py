"""Evaluation without masks: predictions at held-out clicks."""

import csv
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import mmcv
import numpy as np
import torch
import torch.nn.functional as F
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger, print_log
from mmseg.registry import METRICS
from prettytable import PrettyTable

from .._files import replace_file
from .._ranges import Count, CountOrZero, Share, check_ranges
from ..datasets.mask_files import write_mask
from ..visualization.palette import distinct_palette
from .click_scores import score_clicks
from .confusion import class_iou
from .grown_clicks import grown_confusion

# What a click is compared with: so far around it, as a share of the long side.
REACH = 0.01
SUSPICIOUS_FILE = 'suspicious_clicks.csv'


@METRICS.register_module()
@check_ranges
class ClickIoUMetric(BaseMetric):
    """Click accuracy and click-mIoU per class, with an interval; suspicious clicks.

    For data without masks. The pipeline of the data set, a :class:`ClickDataset`, has to
    load the clicks before it resizes::

        LoadImageFromFile, LoadClicks, Resize, PackWeakSegInputs

    Held-out clicks say how good a network is; clicks that it was trained on say how well it
    remembers, and which of them may be wrong. A click is suspicious when the network gives
    its class next to no probability anywhere around it.

    Logs ``click/accuracy``, ``click/mIoU`` with ``click/mIoU_low`` and ``click/mIoU_high``,
    in per cent, and a table of the classes. See :mod:`mmseg_weak.evaluation.click_scores`.
    Clicks sit inside things, one in a small thing as in a large one, so these scores say
    what a network recognises and nothing of its edges. ``click/grown_mIoU`` compares each
    pixel with the click that is nearest without crossing colour edges
    (:func:`~mmseg_weak.evaluation.grown_clicks.grow_clicks`): low, as such masks are poor,
    but the same for all networks, so that it ranks them.

    Args:
        confidence (float): Of the interval. Defaults to 0.95.
        rounds (int): Draws of the bootstrap. Defaults to 1000.
        doubt (float): Probability below which a click is suspicious. Defaults to 0.1.
        max_listed (int): Most suspicious clicks that are logged; all are written to
            ``suspicious_clicks.csv`` in ``output_dir``. Defaults to 10.
        output_dir (str, optional): Folder for that file and for label maps, PNGs named by
            the image. Defaults to None.
        grown (bool): Score against grown clicks too, about 10 ms for each clicked class of
            an image. Defaults to True.
        **kwargs: As for :class:`mmengine.evaluator.BaseMetric`.
    """

    default_prefix = 'click'

    def __init__(
        self,
        confidence: Share = 0.95,
        rounds: Count = 1000,
        doubt: Share = 0.1,
        max_listed: CountOrZero = 10,
        output_dir: str | None = None,
        grown: bool = True,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, **kwargs)
        self.confidence = confidence
        self.rounds = rounds
        self.doubt = doubt
        self.max_listed = max_listed
        self.output_dir = output_dir
        self.grown = grown

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Read the predictions at the clicks of a batch.

        Raises:
            ValueError: A sample brings no clicks.
        """
        for sample in data_samples:
            if 'clicks' not in sample or 'click_labels' not in sample:
                raise ValueError(
                    f'{sample.get("img_path")}: ClickIoUMetric needs the clicks: a '
                    'ClickDataset, and LoadClicks and PackWeakSegInputs in its pipeline'
                )
            mask = torch.as_tensor(sample['pred_sem_seg']['data'])[0]
            ratio = np.array(sample['ori_shape'][1::-1]) / sample['img_shape'][1::-1]
            xy = np.asarray(sample['clicks'], dtype=np.float64).reshape(-1, 2) * ratio
            labels = np.asarray(sample['click_labels'], dtype=np.int64)
            pixels = np.floor(xy).astype(np.int64).clip(0, np.array(mask.shape[::-1]) - 1)
            x, y = torch.from_numpy(pixels).unbind(1)
            support = np.full(len(labels), np.nan)
            if len(labels) and 'seg_logits' in sample:
                scores = torch.as_tensor(sample['seg_logits']['data'])
                support = label_support(scores, pixels, labels)
            found = mask.cpu()[y, x].numpy().astype(np.int64)
            name = sample.get('img_id') or sample.get('img_path')
            counts = self._against_grown(sample, xy, labels, mask)
            self.results.append((name, xy, labels, found, support, counts))
            if self.output_dir:
                self._write(mask, sample['img_path'])

    def _against_grown(
        self, sample: dict, xy: np.ndarray, labels: np.ndarray, mask: torch.Tensor
    ) -> np.ndarray:
        """Confusion matrix with the grown clicks of one image, (C, C)."""
        number = len(self.dataset_meta['classes'])
        if not self.grown or len(np.unique(labels)) < 2:
            return np.zeros((number, number), np.int64)
        image = mmcv.imread(sample['img_path'], channel_order='rgb')
        return grown_confusion(image, xy, labels, mask, number)

    def _write(self, mask: torch.Tensor, image: str) -> None:
        """Label map of one image, named as mmseg's ``IoUMetric`` names it."""
        palette = self.dataset_meta.get('palette')
        palette = palette or distinct_palette(self.dataset_meta['classes'])
        path = Path(self.output_dir) / f'{Path(image).stem}.png'
        with replace_file(path) as temporary:
            write_mask(temporary, mask.cpu().numpy().astype(np.uint8), np.array(palette))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Scores over all images.

        Raises:
            ValueError: No image has a click.
        """
        classes = self.dataset_meta['classes']
        image = np.repeat(np.arange(len(results)), [len(r[2]) for r in results])
        truth, found = (np.concatenate([r[i] for r in results]) for i in (2, 3))
        scores = score_clicks(
            image, truth, found, len(classes), self.confidence, self.rounds
        )
        logger: MMLogger = MMLogger.get_current_instance()
        grown = class_iou(sum(row[5] for row in results))
        table = PrettyTable(['class', 'clicks', 'IoU at clicks', 'IoU with grown clicks'])
        for name, number, *ious in zip(classes, scores.clicks, scores.iou, grown):
            table.add_row([name, number, *('-' if i != i else f'{i:.1f}' for i in ious)])
        print_log(f'\n{table.get_string()}', logger=logger)
        self._report_suspicious(results, classes, logger)
        low, high = scores.interval
        metrics = dict(
            accuracy=scores.accuracy, mIoU=scores.miou, mIoU_low=low, mIoU_high=high
        )
        if not np.isnan(grown).all():
            metrics['grown_mIoU'] = float(np.nanmean(grown))
        return metrics

    def _report_suspicious(
        self, results: list, classes: Sequence[str], logger: MMLogger
    ) -> None:
        """Log and write the clicks that everything around them contradicts."""
        rows = [
            (float(p), name, float(x), float(y), classes[label], classes[guess])
            for name, xy, labels, found, support, _ in results
            for (x, y), label, guess, p in zip(xy, labels, found, support)
            if p < self.doubt
        ]
        rows.sort(key=lambda row: row[0])
        for p, name, x, y, label, guess in rows[: self.max_listed]:
            text = f'suspicious click: {name} ({x:.0f}, {y:.0f}) {label}, around it {guess}'
            print_log(f'{text} (p {p:.3f})', logger=logger, level=logging.WARNING)
        if len(rows) > self.max_listed:
            where = f', see {SUSPICIOUS_FILE}' if self.output_dir else ''
            print_log(f'{len(rows)} suspicious clicks in all{where}', logger=logger)
        if self.output_dir:
            path = os.path.join(self.output_dir, SUSPICIOUS_FILE)
            with replace_file(path) as temporary, open(temporary, 'w', newline='') as file:
                table = csv.writer(file)
                table.writerow(['probability', 'image', 'x', 'y', 'class', 'around it'])
                table.writerows(rows)


def label_support(
    scores: torch.Tensor, pixels: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Largest probability of a click's class in the square around it.

    Args:
        scores (Tensor): (C, H, W) logits; a single one holds what mmseg has made of it,
            probabilities of the foreground.
        pixels (np.ndarray): (n, 2) int column and row, inside.
        labels (np.ndarray): (n,) class of each click.

    Returns:
        np.ndarray: (n,) in [0, 1].
    """
    reach = max(1, round(REACH * max(scores.shape[1:])))
    offsets = torch.arange(-reach, reach + 1)
    x, y = torch.from_numpy(pixels).unbind(1)
    height, width = scores.shape[1:]
    columns = (x[:, None] + offsets).clamp(0, width - 1)
    rows = (y[:, None] + offsets).clamp(0, height - 1)
    near = scores[:, rows[:, :, None], columns[:, None, :]].float()  # C, n, side, side
    near = torch.cat([1 - near, near]) if len(near) == 1 else F.softmax(near, dim=0)
    probability = near.flatten(2).amax(-1)
    return probability[torch.from_numpy(labels), torch.arange(len(labels))].cpu().numpy()
