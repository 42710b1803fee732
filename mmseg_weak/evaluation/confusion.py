"""Confusion matrices of label maps."""

import numpy as np


def confusion_matrix(truth: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Count pixels by true and by given class.

    Args:
        truth (np.ndarray): Class ids, any shape; ids of ``num_classes`` or more, such as
            255, are left out.
        labels (np.ndarray): Class ids of the same shape; left out likewise.
        num_classes (int): Number of classes C.

    Returns:
        np.ndarray: (C, C) int64, rows are true classes.
    """
    valid = (truth < num_classes) & (labels < num_classes)
    pairs = truth[valid].astype(np.int64) * num_classes + labels[valid]
    counts = np.bincount(pairs, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def class_iou(confusion: np.ndarray) -> np.ndarray:
    """IoU of each class in percent, (C,) float64; NaN for a class in neither."""
    right = confusion.diagonal()
    union = confusion.sum(0) + confusion.sum(1) - right
    return np.where(union > 0, 100 * right / np.maximum(union, 1), np.nan)
