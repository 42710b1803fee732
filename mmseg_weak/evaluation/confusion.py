"""Confusion matrices, and how far two label maps, or a map and clicks, agree."""

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


NAN = float('nan')


def pixel_agreement(
    first: np.ndarray, second: np.ndarray, ignore_index: int = 255
) -> float:
    """Share of pixels with one label in both maps, in percent.

    Args:
        first (np.ndarray): (H, W) class ids.
        second (np.ndarray): (H, W) class ids.
        ignore_index (int): Pixels with it in either map are left out. Defaults to 255.

    Returns:
        float: 0 to 100, NaN without a pixel to compare.
    """
    valid = (first != ignore_index) & (second != ignore_index)
    return float(100 * (first == second)[valid].mean()) if valid.any() else NAN


def click_agreement(labels: np.ndarray, xy: np.ndarray, classes: np.ndarray) -> float:
    """Share of clicks whose pixel has the clicked class, in percent.

    Args:
        labels (np.ndarray): (H, W) class ids.
        xy (np.ndarray): (n, 2) column and row; clicks outside the map are left out.
        classes (np.ndarray): (n,) clicked classes.

    Returns:
        float: 0 to 100, NaN without clicks.
    """
    xy = np.floor(np.asarray(xy, dtype=float)).astype(np.int64).reshape(-1, 2)
    inside = ((xy >= 0) & (xy < labels.shape[::-1])).all(1)
    x, y = xy[inside].T
    right = labels[y, x] == np.asarray(classes)[inside]
    return float(100 * right.mean()) if right.size else NAN


def mean_iou(
    labels: np.ndarray, mask: np.ndarray, num_classes: int, ignore_index: int = 255
) -> float:
    """Mean IoU over the classes that occur in the prediction or the mask, in percent.

    That of one image: a data set's mIoU sums over the images first.

    Args:
        labels (np.ndarray): (H, W) predicted class ids.
        mask (np.ndarray): (H, W) true class ids.
        num_classes (int): Number of classes.
        ignore_index (int): Pixels with it in the mask are left out. Defaults to 255.

    Returns:
        float: 0 to 100, NaN when everything is ignored.
    """
    valid = mask != ignore_index
    iou = class_iou(confusion_matrix(mask[valid], labels[valid], num_classes))
    return float(np.nanmean(iou)) if np.isfinite(iou).any() else NAN
