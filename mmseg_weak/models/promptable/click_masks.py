"""Clicks and boxes become prompts, and masks of prompts become class probabilities."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from torch import Tensor

from ..._tensors import evenly_spread
from .network import NEGATIVE, POSITIVE, PromptableNetwork

# Groups in one call of the model; bounds the memory for masks at full size.
BATCH = 8


# Agreements with a box that differ by less are alike; less than a click of 25 makes.
MARGIN = 0.02

# What a model offers for a group: logits of M masks, (M, h, w) in half precision, their
# agreement with the clicks, and the quality that the model expects, (M,) each.
Offer = tuple[Tensor, Tensor, Tensor]


class ClickGroup(NamedTuple):
    """Clicks on one object, as far as their distances tell.

    Attributes:
        label (int): Class.
        positives (np.ndarray): Column and row of its clicks, shape (p, 2).
        negatives (np.ndarray): Of the clicks of other classes, nearest first, (n, 2).
        box (np.ndarray, optional): What it lies in, x0, y0, x1, y1; it may do without
            positives then.
    """

    label: int
    positives: np.ndarray
    negatives: np.ndarray
    box: np.ndarray | None = None


def group_clicks(
    xy: np.ndarray,
    labels: np.ndarray,
    distance: float,
    background: int | None = 0,
    exclusions: np.ndarray | None = None,
    boxes: np.ndarray | None = None,
) -> list[ClickGroup]:
    """Connect clicks of a class over gaps of at most a distance.

    Clicks of the same class in another group are neither inside nor outside: two groups
    may be one object. A box is a group with the clicks of its class that lie in no smaller
    box of it.

    Args:
        xy (np.ndarray): Column and row of each click, shape (m, 2).
        labels (np.ndarray): Class of each, shape (m,).
        distance (float): Largest gap in pixels.
        background (int, optional): This class has no groups; its clicks are negatives.
        exclusions (np.ndarray, optional): Row, column and class of points that say "not
            this class", shape (k, 3): negatives of that class alone.
        boxes (np.ndarray, optional): x0, y0, x1, y1 and class, shape (b, 5); boxes without
            an area count for nothing.

    Returns:
        list[ClickGroup]: By class; boxes first.
    """
    xy, labels = np.asarray(xy, np.float64).reshape(-1, 2), np.asarray(labels)
    exclusions = np.zeros((0, 3)) if exclusions is None else np.asarray(exclusions)
    boxes = np.zeros((0, 5)) if boxes is None else np.asarray(boxes, np.float64)
    area = (boxes[:, 2:4] - boxes[:, :2]).clip(0).prod(axis=1)
    boxes = boxes[np.argsort(area, kind='stable')][(area <= 0).sum() :]
    groups = []
    for label in np.unique(np.concatenate([labels, boxes[:, 4]])):
        if label == background:
            continue
        own = xy[labels == label]
        ruled_out = exclusions[exclusions[:, 2] == label][:, 1::-1]
        others = np.concatenate([xy[labels != label], ruled_out])
        for positives, box in _parts(own, boxes[boxes[:, 4] == label, :4], distance):
            centres = positives if len(positives) else box.reshape(2, 2).mean(0)[None]
            near = cdist(others, centres).min(axis=1, initial=np.inf)
            order = near.argsort(kind='stable')
            groups.append(ClickGroup(int(label), positives, others[order], box))
    return groups


def boxes_of(metainfo: Mapping) -> np.ndarray | None:
    """Boxes of an image and their classes, shape (b, 5); None where there are none."""
    if not {'gt_bboxes', 'gt_bboxes_labels'} <= metainfo.keys():
        return None
    labels = np.asarray(metainfo['gt_bboxes_labels'], np.float64)
    return np.concatenate([metainfo['gt_bboxes'], labels[:, None]], axis=1)


def _parts(
    own: np.ndarray, boxes: np.ndarray, distance: float
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Clicks of a class by boxes, the smallest first, and by gaps where there is none."""
    for box in boxes:
        inside = ((own >= box[:2]) & (own <= box[2:])).all(axis=1)
        yield own[inside], box
        own = own[~inside]
    _, parts = connected_components(cdist(own, own) <= distance)
    for part in np.unique(parts):
        yield own[parts == part], None


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
    positives = positives[evenly_spread(len(positives), max_points)]
    labels = [POSITIVE] * len(positives) + [NEGATIVE] * len(negatives)
    return np.concatenate([positives, negatives]), np.array(labels)


def click_agreement(masks: Tensor, group: ClickGroup) -> Tensor:
    """How well masks agree with the clicks and the box of a group.

    Args:
        masks (Tensor): Bool, shape (M, H, W).
        group (ClickGroup): All its clicks count, also those that were no prompt.

    Returns:
        Tensor: Shape (M,), in [0, 1]: mean of the shares of positives inside, of negatives
        outside, and of the fit to the box, as far as there are such: the share of the mask
        in the box, times the share of the rows and columns of the box that it crosses.
    """
    shares = []
    if len(group.positives):
        shares.append(_read(masks, group.positives).float().mean(dim=1))
    if len(group.negatives):
        shares.append((~_read(masks, group.negatives)).float().mean(dim=1))
    if group.box is not None:
        shares.append(_fit(masks, group.box))
    return torch.stack(shares).mean(dim=0)


def peer_agreement(masks: Tensor, probs: Tensor) -> Tensor:
    """How well masks agree with what other networks say of a class.

    Args:
        masks (Tensor): Bool, shape (M, H, W).
        probs (Tensor): Probability of the class, shape (H, W).

    Returns:
        Tensor: Shape (M,), in [0, 1]: intersection over union, with probabilities as shares
        of pixels; pixels of none of the masks, where other objects are, do not count.
    """
    some = masks.any(dim=0)
    inside, probs = masks[:, some].to(probs), probs[some]
    common = inside @ probs
    return common / (inside.sum(dim=1) + probs.sum() - common).clamp(min=1e-6)


def choose_mask(
    network: PromptableNetwork,
    offer: Offer,
    size: tuple[int, int],
    probs: Tensor | None = None,
) -> int:
    """The mask that agrees with the clicks best, of these that agrees with the peers best.

    Args:
        network (PromptableNetwork): Whose masks they are.
        offer (Offer): Masks of a group.
        size (tuple[int, int]): Height H and width W of the image.
        probs (Tensor, optional): What other peers say of the class of the group, shape
            (H, W). Without, the model's own expectation decides instead.

    Returns:
        int: Which mask.
    """
    logits, agreement, quality = offer
    best = (agreement >= agreement.max() - MARGIN).nonzero()[:, 0]
    if probs is not None and len(best) > 1:
        masks = network.enlarge(logits[best][None].float(), size)[0] > 0
        score = peer_agreement(masks, probs)
        best = best[score == score.max()]
    return int(best[quality[best].argmax()])


def class_probabilities(
    network: PromptableNetwork,
    embed: Callable[[], tuple[Tensor, ...]],
    size: tuple[int, int],
    groups: Sequence[ClickGroup],
    num_classes: int,
    background: int | None = 0,
    max_points: int = 10,
    known: MutableMapping[str, Offer] | None = None,
    peers: Tensor | None = None,
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
        known (MutableMapping, optional): Masks of the same image from an earlier call; new
            ones are added.
        peers (Tensor, optional): What other networks say of the classes that the image
            holds, shape (C, H, W): of masks that agree with the clicks alike, theirs is
            taken.

    Returns:
        Tensor: Shape (1, C, H, W), float32, on the device of the masks.
    """
    known = {} if known is None else known
    keys = [_key(group, max_points) for group in groups]
    missing = [group for group, key in zip(groups, keys) if key not in known]
    if missing:
        for group, offer in _ask(network, embed(), size, missing, max_points):
            known[_key(group, max_points)] = offer
    scores = known[keys[0]][0].new_zeros(num_classes, *size, dtype=torch.float32)
    for group, key in zip(groups, keys):
        logits, agreement, _ = known[key]
        said = None if peers is None else peers[group.label].to(scores)
        best = choose_mask(network, known[key], size, said)
        mask = network.enlarge(logits[best][None, None].float(), size)[0, 0]
        probs = mask.sigmoid() * agreement[best]
        scores[group.label] = torch.maximum(scores[group.label], probs)
    rest = 1 - scores.amax(dim=0)
    if background is None:
        scores = scores + rest / num_classes
    else:
        scores[background] = rest
    return (scores / scores.sum(dim=0))[None]


def _ask(
    network: PromptableNetwork,
    embeddings: tuple[Tensor, ...],
    size: tuple[int, int],
    groups: Sequence[ClickGroup],
    max_points: int,
) -> Iterator[tuple[ClickGroup, Offer]]:
    """The masks that the model offers for each group."""
    for batch, *told in _batches(groups, max_points, embeddings[0].device):
        masks, quality = network.decode(embeddings, size, *told)
        for group, small, expected in zip(batch, masks, quality):
            large = network.enlarge(small[None], size)[0] > 0
            yield group, (small.half(), click_agreement(large, group), expected)


def _key(group: ClickGroup, max_points: int) -> str:
    """What the mask of a group depends on, beside the image and the model."""
    parts = [group.positives, group.negatives]
    parts += [] if group.box is None else [group.box]
    head = f'offer {max_points} {[part.shape for part in parts]}'.encode()
    return hashlib.sha256(head + b''.join(p.tobytes() for p in parts)).hexdigest()


def _batches(
    groups: Sequence[ClickGroup], max_points: int, device: torch.device
) -> Iterator[tuple[list[ClickGroup], Tensor, Tensor, Tensor | None]]:
    """Groups with the same number of prompts: padding would change what the model says."""
    made = [(group, *prompts(group, max_points)) for group in groups]

    def kind(one: tuple) -> tuple[int, bool]:
        return len(one[2]), one[0].box is not None

    made.sort(key=kind)
    for (_, has_box), same in groupby(made, key=kind):
        same = list(same)
        for i in range(0, len(same), BATCH):
            batch, points, labels = zip(*same[i : i + BATCH])
            points = torch.from_numpy(np.stack(points)).float().to(device)
            labels = torch.from_numpy(np.stack(labels)).long().to(device)
            boxes = None
            if has_box:
                boxes = torch.from_numpy(np.stack([g.box for g in batch])).to(points)
            yield list(batch), points, labels, boxes


def _fit(masks: Tensor, box: np.ndarray) -> Tensor:
    """How well masks (M, H, W) fill a box, shape (M,)."""
    x0, y0 = np.floor(box[:2]).astype(int).clip(0)
    x1, y1 = np.ceil(box[2:]).astype(int)
    inside = masks[:, y0:y1, x0:x1]
    share = inside.sum(dim=(1, 2)) / masks.sum(dim=(1, 2)).clamp(min=1)
    rows, columns = (inside.any(dim=d).float().mean(dim=1) for d in (2, 1))
    return share * (rows + columns) / 2


def _read(masks: Tensor, xy: np.ndarray) -> Tensor:
    """Values of masks (M, H, W) at points (n, 2), shape (M, n)."""
    last = np.array(masks.shape[:0:-1]) - 1
    columns, rows = torch.from_numpy(np.clip(xy.round().astype(np.int64), 0, last).T)
    return masks[:, rows.to(masks.device), columns.to(masks.device)]
