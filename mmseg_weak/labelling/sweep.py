"""What each background score would make of stored activation maps."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import init_default_scope

from ..constants import IGNORE_INDEX
from ..evaluation.confusion import class_iou
from ..refinement.background_threshold import NUM_BINS, RULES, background_threshold
from ..tables import markdown_table
from .folder import read_maps
from .sources import LabelSource

STEP = 0.05


class ThresholdSweep:
    """Counts pixels by mask, strongest class and its activation, in one pass.

    The labels of every background score follow from these counts, to 1/256 exactly.

    Args:
        num_classes (int): Classes of the data set, background included.
        background (int): Index of the background class. Defaults to 0.
    """

    def __init__(self, num_classes: int, background: int = 0) -> None:
        self.num_classes, self.background = num_classes, background
        self.masked = False
        # Mask, strongest class, bin; without masks the first axis is background alone.
        self.counts = np.zeros((num_classes, num_classes, NUM_BINS), np.int64)

    def add(
        self,
        cams: np.ndarray,
        labels: Sequence[int],
        size: tuple[int, int],
        mask: np.ndarray | None = None,
    ) -> None:
        """Count an image.

        Args:
            cams (np.ndarray): Maps in [0, 1], (n, h, w), enlarged bilinearly.
            labels (Sequence[int]): Class index of each.
            size (tuple[int, int]): Height H and width W of the image.
            mask (np.ndarray, optional): (H, W) class indices, 255 ignored.

        Raises:
            ValueError: The mask has another size.
        """
        strongest = np.zeros(size, np.float32)
        names = np.full(size, self.background)
        if len(labels):
            maps = torch.from_numpy(np.asarray(cams, np.float32))[None]
            large = F.interpolate(maps, size, mode='bilinear', align_corners=False)[0]
            strongest = large.amax(0).numpy()
            names = np.asarray(labels)[large.argmax(0).numpy()]
        bins = np.minimum((strongest * NUM_BINS).astype(np.int64), NUM_BINS - 1)
        truth = np.full(size, self.background)
        if mask is not None:
            if mask.shape != tuple(size):
                raise ValueError(f'the mask is {mask.shape}, the image {tuple(size)}')
            self.masked, truth = True, mask.astype(np.int64)
        kept = truth != IGNORE_INDEX
        n = self.num_classes
        index = (truth[kept] * n + names[kept]) * NUM_BINS + bins[kept]
        self.counts += np.bincount(index, minlength=n * n * NUM_BINS).reshape(n, n, -1)

    def histogram(self) -> np.ndarray:
        """Counts by activation of all pixels with a class, (NUM_BINS,)."""
        others = np.arange(self.num_classes) != self.background
        return self.counts[:, others].sum((0, 1))

    def confusion(self, threshold: float) -> np.ndarray:
        """Mask by label when background has a constant score, (C, C)."""
        first = round(threshold * NUM_BINS)
        result = self.counts[:, :, first:].sum(2)
        result[:, self.background] += self.counts[:, :, :first].sum((1, 2))
        return result

    def row(self, threshold: float) -> dict[str, float]:
        """Foreground share and, with masks, mIoU at a threshold, in percent."""
        confusion = self.confusion(threshold)
        labelled = confusion.sum(0)
        others = labelled.sum() - labelled[self.background]
        result = dict(foreground=float(100 * others / max(1, labelled.sum())))
        if self.masked:
            result['mIoU'] = float(np.nanmean(class_iou(confusion)))
        return result


def sweep_thresholds(
    config: Config,
    cams: str,
    masks: str | None = None,
    thresholds: Sequence[float] | None = None,
) -> list[dict]:
    """Sweep over the training set of a config.

    Args:
        config (Config): Its ``train_dataloader`` names the images.
        cams (str): Folder of ``mmseg-weak label --cams``.
        masks (str, optional): Folder of ``{img_id}.png`` to score with.
        thresholds (Sequence[float], optional): In [0, 1]. Defaults to 0.05, 0.1, ..., 0.8.

    Returns:
        list[dict]: ``name`` (a rule, or ''), ``threshold``, ``foreground`` (share in
        percent) and with masks ``mIoU``; the rules that need no mask come first.

    Raises:
        FileNotFoundError: Maps or a mask are absent.
        ValueError: A file does not fit.
    """
    init_default_scope(config.get('default_scope', 'mmseg'))
    source = LabelSource(config)
    sweep = ThresholdSweep(len(source.classes), source.background or 0)
    for i, image in enumerate(source.images):
        try:
            mask = None if masks is None else source.mask(i, masks)
            sweep.add(*read_maps(cams, image), mask)
        except ValueError as error:
            raise ValueError(f'image {image!r}: {error}') from None
    named = [(rule, background_threshold(sweep.histogram(), rule)) for rule in RULES]
    if thresholds is None:
        thresholds = [round(i * STEP, 2) for i in range(1, 17)]
    rows = [*named, *(('', threshold) for threshold in thresholds)]
    return [dict(name=n, threshold=t, **sweep.row(t)) for n, t in rows]


def format_sweep(rows: Sequence[dict]) -> str:
    """Markdown table of :func:`sweep_thresholds`."""
    scored = 'mIoU' in rows[0]
    head = ['background score', 'rule', 'foreground, %', *(['mIoU'] if scored else [])]
    lines = []
    for row in rows:
        cells = [f'{row["threshold"]:.3f}', row['name'], f'{row["foreground"]:.2f}']
        lines.append([*cells, *([f'{row["mIoU"]:.2f}'] if scored else [])])
    return markdown_table(head, lines)
