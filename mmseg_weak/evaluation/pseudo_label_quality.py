"""How much pseudo-labels cover and, where masks are given, how right they are."""

from collections.abc import Sequence

import numpy as np

from ..constants import IGNORE_INDEX
from ..tables import markdown_table
from .confusion import class_iou, confusion_matrix


class PseudoLabelQuality:
    """Counts over the images of a data set.

    Accuracy and IoU are those of the labelled pixels: pixels without a label, and pixels
    that the mask ignores, are left out. Coverage tells how many are labelled.

    Args:
        classes (Sequence[str]): Class names.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.num_images = 0
        self.counts = np.zeros(256, np.int64)
        self.mask_ids: set[int] = set()
        # Row: the mask's class; column: the label.
        self.confusion = np.zeros((len(classes), len(classes)), np.int64)

    def add(self, labels: np.ndarray, mask: np.ndarray | None = None) -> None:
        """Count an image.

        Args:
            labels (np.ndarray): (H, W) uint8, 255 unlabelled.
            mask (np.ndarray, optional): (H, W) class ids, 255 ignored.

        Raises:
            ValueError: Sizes differ, or an id is no class.
        """
        self.num_images += 1
        self.counts += np.bincount(labels.ravel(), minlength=256)
        self._check_ids('pseudo-label', labels)
        if mask is None:
            return
        if mask.shape != labels.shape:
            raise ValueError(f'the mask is {mask.shape}, the pseudo-label {labels.shape}')
        self._check_ids('mask', mask)
        self.confusion += confusion_matrix(mask, labels, len(self.classes))
        self.mask_ids |= set(np.unique(mask).tolist())

    def _check_ids(self, name: str, ids: np.ndarray) -> None:
        wrong = ids[(ids >= len(self.classes)) & (ids != IGNORE_INDEX)]
        if wrong.size:
            raise ValueError(
                f'the {name} holds {wrong[0]}, the data set has {len(self.classes)} classes'
            )

    def summary(self) -> dict:
        """Results so far, all in percent.

        Returns:
            dict: ``images``; ``coverage``, labelled pixels of all; ``class_share``, class
            name to its share of the labelled pixels; with masks also ``accuracy``, ``mIoU``
            and ``IoU``, class name to IoU, None for a class in neither; a ``note`` where
            masks seem to mean an object by 255.
        """
        labelled = self.counts[: len(self.classes)]
        total = max(1, labelled.sum())
        result = dict(
            images=self.num_images,
            coverage=float(100 * labelled.sum() / max(1, self.counts.sum())),
            class_share=dict(zip(self.classes, (100 * labelled / total).tolist())),
        )
        if self.confusion.any():
            iou, right = class_iou(self.confusion), self.confusion.trace()
            result['accuracy'] = float(100 * right / self.confusion.sum())
            result['mIoU'] = float(np.nanmean(iou))
            known = [None if np.isnan(value) else float(value) for value in iou]
            result['IoU'] = dict(zip(self.classes, known))
        ids = self.mask_ids - {IGNORE_INDEX}
        if IGNORE_INDEX in self.mask_ids and len(ids) < 2:
            held = f'{min(ids)} and {IGNORE_INDEX}' if ids else f'{IGNORE_INDEX} alone'
            result['note'] = (
                f'the masks hold {held}: {IGNORE_INDEX} means unknown and is not scored; '
                'write the class id where it stands for an object'
            )
        return result


def format_summary(summary: dict) -> str:
    """Markdown table of :meth:`PseudoLabelQuality.summary`."""
    iou = summary.get('IoU')
    head = ['class', 'share of labels, %', *(['IoU, %'] if iou else [])]
    rows = []
    for name, share in summary['class_share'].items():
        cells = [name, f'{share:.2f}']
        if iou:
            cells.append('–' if iou[name] is None else f'{iou[name]:.2f}')
        rows.append(cells)
    facts = f'{summary["images"]} images, {summary["coverage"]:.2f} % of pixels labelled'
    if iou:
        facts += f', {summary["accuracy"]:.2f} % of them right, mIoU {summary["mIoU"]:.2f}'
    facts += f'\nwarning: {summary["note"]}' if 'note' in summary else ''
    return f'{facts}\n\n{markdown_table(head, rows)}'
