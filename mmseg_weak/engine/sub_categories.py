"""Clusters every class of a training set, the classes shared by all ranks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_dist_info
from torch import Tensor

from ..models.cam.clustering import kmeans, nearest_members
from ..models.cam.feature_rows import FeatureRows
from ..models.heads.cam_head import UNASSIGNED


@dataclass(frozen=True)
class ClassClusters:
    """Sub-categories of one class.

    Attributes:
        index (int): Foreground class, 0 to C - 1.
        members (list[int]): Positions of the images that have it.
        labels (list[int]): Their clusters.
        sizes (list[int]): Images of each cluster.
        inertia (float): Sum of squared distances to the centroids.
        nearest (list[list[int]]): Positions of the images nearest to each centroid.
    """

    index: int
    members: list[int]
    labels: list[int]
    sizes: list[int]
    inertia: float
    nearest: list[list[int]]


def cluster_classes(
    features: Sequence[Tensor],
    tags: Tensor,
    num_clusters: int,
    num_restarts: int,
    seed: Sequence[int],
    device: torch.device | str = 'cpu',
    num_nearest: int = 0,
) -> list[ClassClusters]:
    """k-means inside every class; an image counts in each class it has.

    Rank r of W clusters the classes r, r + W, ... and all exchange the results. A class
    draws from a generator of its own, so the number of ranks changes nothing.

    Args:
        features (Sequence[Tensor]): Shards of the features (images, D), see
            :class:`~mmseg_weak.models.cam.feature_rows.FeatureRows`; the same on every
            rank. Those of a class are read in chunks.
        tags (Tensor): 0 or 1, shape (images, C).
        num_clusters (int): K, capped at the distinct features of a class.
        num_restarts (int): k-means++ starts.
        seed (Sequence[int]): Seed of the run and number of the round.
        device (torch.device | str): Where to compute. Defaults to the CPU.
        num_nearest (int): How many nearest images to name for a cluster. Defaults to 0.

    Returns:
        list[ClassClusters]: For each class; one without images has no cluster.
    """
    rank, world_size = get_dist_info()
    mine = []
    for index in range(rank, tags.shape[1], world_size):
        members = tags[:, index].nonzero().flatten()
        if not len(members):
            mine.append(ClassClusters(index, [], [], [], 0.0, []))
            continue
        points = FeatureRows(features, members, device)
        drawn = np.random.SeedSequence((*seed, index)).generate_state(1)[0]
        result = kmeans(points, num_clusters, num_restarts, seed=int(drawn))
        nearest = nearest_members(points, result, num_nearest)
        mine.append(
            ClassClusters(
                index,
                members.tolist(),
                result.labels.tolist(),
                result.sizes.tolist(),
                result.inertia,
                [members[positions].tolist() for positions in nearest],
            )
        )
    found = all_gather_object(mine) if world_size > 1 else [mine]
    return sorted((c for part in found for c in part), key=lambda c: c.index)


def assignment_table(classes: Sequence[ClassClusters], num_images: int) -> Tensor:
    """Cluster of each image in each class.

    Args:
        classes (Sequence[ClassClusters]): One for each class.
        num_images (int): Length of the data set.

    Returns:
        Tensor: Long, shape (images, C), -1 where the image does not have the class.
    """
    table = torch.full((num_images, len(classes)), UNASSIGNED)
    for found in classes:
        table[found.members, found.index] = torch.tensor(found.labels, dtype=torch.long)
    return table
