"""Classifies the sub-categories that clustering found inside each class."""

from collections.abc import Mapping

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

UNASSIGNED = -1


@MODELS.register_module()
class SubCategoryHead(BaseModule):
    r"""Second classifier of sub-category exploration, C · K outputs on pooled features.

    Chang et al., "Weakly-Supervised Semantic Segmentation via Sub-category Exploration",
    CVPR 2020, `arXiv:2008.01183 <https://arxiv.org/abs/2008.01183>`_, Eq. 2 to 4: with
    :math:`L = L_{parent} + 5 L_{sub}`, both multi-label soft margin losses. Each class of
    an image switches on one output, ``class * K + cluster``.

    The clusters come from
    :class:`~mmseg_weak.engine.hooks.SubCategoryClusteringHook`. They are held by dataset
    position in a buffer of this module, so data loading workers need not know them, and
    stay out of the ``state_dict``: the hook saves them beside it. Until the first
    clustering the loss is 0.

    Args:
        in_channels (int): Channels D of the pooled features.
        num_classes (int): Classes of the data set, background included, as in
            :class:`~mmseg_weak.models.heads.CAMHead`.
        num_clusters (int): Sub-categories K of a class, >= 1. A class of fewer distinct
            features uses fewer. Defaults to 10.
        loss_decode (dict): Loss of logits and targets, with a weight for each image.
            Defaults to ``TagSoftMarginLoss`` with the published weight 5.
        init_cfg (dict, optional): Initialisation of the classifier.

    Raises:
        ValueError: A number is out of its range.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        num_clusters: int = 10,
        loss_decode: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            init_cfg or dict(type='Xavier', distribution='uniform', layer='Conv2d')
        )
        if num_classes < 2 or num_clusters < 1:
            raise ValueError(
                'SubCategoryHead: num_classes (with background) must be >= 2 and '
                f'num_clusters >= 1, got {num_classes} and {num_clusters}'
            )
        self.in_channels = in_channels
        self.num_classes = num_classes
        self.num_foreground = num_classes - 1
        self.num_clusters = num_clusters
        self.classifier = nn.Conv2d(
            in_channels, self.num_foreground * num_clusters, 1, bias=False
        )
        self.loss_decode = MODELS.build(
            loss_decode
            or dict(type='TagSoftMarginLoss', loss_weight=5.0, loss_name='loss_sub')
        )
        self.round = 0
        self.allocate(1)

    def allocate(self, num_images: int) -> None:
        """Make room for a data set; nothing is assigned yet.

        Args:
            num_images (int): Length of the training set.
        """
        device = self.classifier.weight.device
        empty = torch.full((num_images, self.num_foreground), UNASSIGNED, device=device)
        self.register_buffer('assignments', empty, persistent=False)
        self.round = 0

    @torch.no_grad()
    def assign(self, assignments: Tensor, round_index: int) -> None:
        """Take over the clusters of a round.

        Args:
            assignments (Tensor): Cluster of each image in each class, -1 where the image
                does not have it, long, shape (images, C).
            round_index (int): Which round begins, counted from 1.

        Raises:
            ValueError: The shape is another than that of the data set.
        """
        if assignments.shape != self.assignments.shape:
            raise ValueError(
                f'SubCategoryHead: assignments of shape {tuple(assignments.shape)} do not '
                f'fit a training set of {tuple(self.assignments.shape)} (images, classes)'
            )
        self.assignments.copy_(assignments)
        self.round = round_index

    def assignment_state(self) -> dict:
        """What a resumed run needs: the clusters and the round."""
        return dict(assignments=self.assignments.cpu().clone(), round=self.round)

    def load_assignment_state(self, state: Mapping) -> None:
        """Restore :meth:`assignment_state`.

        Raises:
            ValueError: The state is of another data set.
        """
        self.assign(state['assignments'], state['round'])

    def forward(self, pooled: Tensor) -> Tensor:
        """Logits of the sub-categories.

        Args:
            pooled (Tensor): Shape (N, D).

        Returns:
            Tensor: Shape (N, C · K), sub-category ``class * K + cluster``.
        """
        return self.classifier(pooled[:, :, None, None]).flatten(1)

    def targets(self, tags: Tensor, sample_idx: Tensor) -> tuple[Tensor, Tensor]:
        """Targets of a batch.

        Args:
            tags (Tensor): 0 or 1, shape (N, C).
            sample_idx (Tensor): Positions in the data set, long, shape (N,).

        Returns:
            tuple: Targets (N, C · K) and a weight for each image (N,), 0 where the clusters
            of its classes are not known.
        """
        if self.round == 0:  # no clusters, perhaps not even a table of them
            shape = len(tags), tags.shape[1] * self.num_clusters
            return tags.new_zeros(shape), tags.new_zeros(len(tags))
        clusters = self.assignments[sample_idx]
        columns = torch.arange(self.num_clusters, device=clusters.device)
        present = tags > 0
        targets = (clusters[..., None] == columns) & present[..., None]
        known = ((clusters != UNASSIGNED) | ~present).all(dim=1)
        return targets.flatten(1).to(tags.dtype), known.to(tags.dtype)

    def loss(self, pooled: Tensor, tags: Tensor, sample_idx: Tensor) -> dict[str, Tensor]:
        """Loss of the sub-categories.

        Args:
            pooled (Tensor): Shape (N, D).
            tags (Tensor): 0 or 1, shape (N, C).
            sample_idx (Tensor): Positions in the data set, long, shape (N,).

        Returns:
            dict[str, Tensor]: The loss under its ``loss_name``; 0 with zero gradient
            before the first clustering.
        """
        targets, weight = self.targets(tags, sample_idx)
        loss = self.loss_decode(self(pooled), targets, weight)
        return {self.loss_decode.loss_name: loss}
