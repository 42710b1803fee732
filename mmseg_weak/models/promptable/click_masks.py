"""Clicks become prompts, and the masks of prompts become class probabilities."""

import hashlib
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from torch import Tensor

from .network import NEGATIVE, POSITIVE, PromptableNetwork

# Groups in one call of the model; bounds the memory for masks at full size.
BATCH = 8


# Logits of a mask, (h, w) in half precision, and its agreement with the clicks.
Chosen = tuple[Tensor, float]


class ClickGroup(NamedTuple):
    """Clicks on one object, as far as their distances tell.

    Attributes:
        label (int): Class.
        positives (np.ndarray): Column and row of its clicks, shape (p, 2).
        negatives (np.ndarray): Of the clicks of other classes, nearest first, (n, 2).
    """

    label: int
    positives: np.ndarray
    negatives: np.ndarray


def group_clicks(
    xy: np.ndarray,
    labels: np.ndarray,
    distance: float,
    background: int | None = 0,
    exclusions: np.ndarray | None = None,
) -> list[ClickGroup]:
    """Connect clicks of a class over gaps of at most a distance.

    Clicks of the same class in another group are neither inside nor outside: two groups
    may be one object.

    Args:
        xy (np.ndarray): Column and row of each click, shape (m, 2).
        labels (np.ndarray): Class of each, shape (m,).
        distance (float): Largest gap in pixels.
        background (int, optional): This class has no groups; its clicks are negatives.
        exclusions (np.ndarray, optional): Row, column and class of points that say "not
            this class", shape (k, 3): negatives of that class alone.

    Returns:
        list[ClickGroup]: By class.
    """
    xy, labels = np.asarray(xy, np.float64).reshape(-1, 2), np.asarray(labels)
    exclusions = np.zeros((0, 3)) if exclusions is None else np.asarray(exclusions)
    groups = []
    for label in np.unique(
        labels[labels != background] if background is not None else labels
    ):
        own = xy[labels == label]
        ruled_out = exclusions[exclusions[:, 2] == label][:, 1::-1]
        others = np.concatenate([xy[labels != label], ruled_out])
        _, parts = connected_components(cdist(own, own) <= distance)
        for part in np.unique(parts):
            positives = own[parts == part]
            near = cdist(others, positives).min(axis=1, initial=np.inf)
            order = near.argsort(kind='stable')
            groups.append(ClickGroup(int(label), positives, others[order]))
    return groups


def prompts(group: ClickGroup, max_points: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and labels of a group for the model.

    Args:
        group (ClickGroup): The clicks.
        max_points (int): Largest number of positives, evenly taken, and of negatives, the
            nearest.

    Returns:
        tuple: Columns and rows, shape (P, 2), and 1 or 0 of each, shape (P,).
    """
    positives, negatives = group.positives, group.negatives[:max_points]
    if len(positives) > max_points:
        index = np.linspace(0, len(positives) - 1, max_points).round().astype(int)
        positives = positives[index]
    labels = [POSITIVE] * len(positives) + [NEGATIVE] * len(negatives)
    return np.concatenate([positives, negatives]), np.array(labels)


def choose_mask(logits: Tensor, quality: Tensor, group: ClickGroup) -> tuple[int, float]:
    """The mask that agrees with the clicks best, then the one the model expects most of.

    Args:
        logits (Tensor): Masks of a group, shape (M, H, W).
        quality (Tensor): What the model expects, shape (M,).
        group (ClickGroup): All its clicks count, also those that were no prompt.

    Returns:
        tuple: Which mask, and its agreement in [0, 1]: mean of the shares of positives
        inside and of negatives outside.
    """
    inside = _read(logits > 0, group.positives).float().mean(dim=1)
    if len(group.negatives):
        outside = (~_read(logits > 0, group.negatives)).float().mean(dim=1)
        inside = (inside + outside) / 2
    order = zip(inside.tolist(), quality.tolist(), range(len(inside)))
    agreement, _, best = max(order, key=lambda one: one[:2])
    return best, agreement


def class_probabilities(
    network: PromptableNetwork,
    embed: Callable[[], tuple[Tensor, ...]],
    size: tuple[int, int],
    groups: Sequence[ClickGroup],
    num_classes: int,
    background: int | None = 0,
    max_points: int = 10,
    known: MutableMapping[str, Chosen] | None = None,
) -> Tensor:
    """What the masks of all groups say together.

    The score of a class is the largest of its masks' probabilities, each times the
    agreement of its mask with the clicks. What the strongest class leaves is background,
    or belongs to all classes alike where there is none; then scores are normalised, so
    that masks of two classes at one place halve each other.

    Args:
        network (PromptableNetwork): The model.
        embed (Callable): Gives the embeddings of the image; called if a mask is unknown.
        size (tuple[int, int]): Height H and width W of the image.
        groups (Sequence[ClickGroup]): The clicks, one group or more.
        num_classes (int): C.
        background (int, optional): Index of what lies outside all masks; None if it is
            unknown.
        max_points (int): See :func:`prompts`.
        known (MutableMapping, optional): Masks of the same image from an earlier call, as
            logits of half precision (h, w) and agreement; new ones are added.

    Returns:
        Tensor: Shape (1, C, H, W), float32, on the device of the masks.
    """
    known = {} if known is None else known
    keys = [_key(group, max_points) for group in groups]
    missing = [group for group, key in zip(groups, keys) if key not in known]
    if missing:
        for group, chosen in _choose(network, embed(), size, missing, max_points):
            known[_key(group, max_points)] = chosen
    scores = known[keys[0]][0].new_zeros(num_classes, *size, dtype=torch.float32)
    for group, key in zip(groups, keys):
        logits, agreement = known[key]
        mask = network.enlarge(logits[None, None].float(), size)[0, 0]
        probs = mask.sigmoid() * agreement
        scores[group.label] = torch.maximum(scores[group.label], probs)
    rest = 1 - scores.amax(dim=0)
    if background is None:
        scores = scores + rest / num_classes
    else:
        scores[background] = rest
    return (scores / scores.sum(dim=0))[None]


def _choose(
    network: PromptableNetwork,
    embeddings: tuple[Tensor, ...],
    size: tuple[int, int],
    groups: Sequence[ClickGroup],
    max_points: int,
) -> Iterator[tuple[ClickGroup, Chosen]]:
    """The best mask of each group."""
    for batch, points, labels in _batches(groups, max_points, embeddings[0].device):
        masks, quality = network.decode(embeddings, size, points, labels)
        for group, small, expected in zip(batch, masks, quality):
            large = network.enlarge(small[None], size)[0]
            best, agreement = choose_mask(large, expected, group)
            yield group, (small[best].half(), agreement)


def _key(group: ClickGroup, max_points: int) -> str:
    """What the mask of a group depends on, beside the image and the model."""
    parts = group.positives.tobytes(), group.negatives.tobytes()
    return hashlib.sha256(
        b'%d %d ' % (max_points, len(parts[0])) + b''.join(parts)
    ).hexdigest()


def _batches(
    groups: Sequence[ClickGroup], max_points: int, device: torch.device
) -> Iterator[tuple[list[ClickGroup], Tensor, Tensor]]:
    """Groups with the same number of points: padding would change what the model says."""
    made = [(group, *prompts(group, max_points)) for group in groups]
    made.sort(key=lambda one: len(one[2]))
    for _, same in groupby(made, key=lambda one: len(one[2])):
        same = list(same)
        for i in range(0, len(same), BATCH):
            batch, points, labels = zip(*same[i : i + BATCH])
            points = torch.from_numpy(np.stack(points)).float().to(device)
            yield list(batch), points, torch.from_numpy(np.stack(labels)).to(device)


def _read(masks: Tensor, xy: np.ndarray) -> Tensor:
    """Values of masks (M, H, W) at points (n, 2), shape (M, n)."""
    last = np.array(masks.shape[:0:-1]) - 1
    columns, rows = torch.from_numpy(np.clip(xy.round().astype(np.int64), 0, last).T)
    return masks[:, rows.to(masks.device), columns.to(masks.device)]
