"""A classifier whose weights also tell where in the image its classes are."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

POOLINGS = ('avg', 'max_features', 'max')


@MODELS.register_module()
class CAMHead(BaseModule):
    """Pooled classifier on one feature map: class activation maps (CAM).

    Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016. A
    1x1 convolution without bias takes the place of the last linear layer, so that its
    output before pooling is the activation map.

    Args:
        in_channels (int | Sequence[int]): Channels of the feature map, or of all maps of
            the backbone.
        num_classes (int): Number of classes of the data set, background included; the
            classifier has one output less.
        in_index (int): Which feature map. Defaults to -1, the last.
        pooling (str): What becomes of a map of features before it is classified. ``avg``:
            each channel's mean. ``max_features``: each channel's maximum, as AFA and BMP
            do. ``max``: classify everywhere and take each class's maximum, another
            function, which teaches a class at one cell only. Defaults to avg.
        dropout_ratio (float): Share of feature channels dropped in training, in [0, 1).
            Defaults to 0.
        background (int): Index of the background class. Defaults to 0.
        align_corners (bool): How maps are enlarged. Defaults to False.
        loss_decode (dict): Loss of logits and tags. Defaults to ``TagSoftMarginLoss``.
        init_cfg (dict, optional): Initialisation of the classifier.

    Raises:
        ValueError: An option is out of its range.
    """

    def __init__(
        self,
        in_channels: int | Sequence[int],
        num_classes: int,
        in_index: int = -1,
        pooling: str = 'avg',
        dropout_ratio: float = 0.0,
        background: int = 0,
        align_corners: bool = False,
        loss_decode: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        init_cfg = init_cfg or dict(
            type='Xavier', distribution='uniform', override=dict(name='classifier')
        )
        super().__init__(init_cfg)
        if pooling not in POOLINGS:
            raise ValueError(f'CAMHead: pooling must be in {POOLINGS}, got {pooling!r}')
        if num_classes < 2:
            raise ValueError(
                'CAMHead: num_classes counts background too and must be >= 2, got '
                f'{num_classes}'
            )
        if not 0 <= background < num_classes:
            raise ValueError(
                f'CAMHead: background must be in 0..{num_classes - 1}, got {background}'
            )
        if not 0 <= dropout_ratio < 1:
            raise ValueError(
                f'CAMHead: dropout_ratio must be in [0, 1), got {dropout_ratio}'
            )
        self.in_channels = in_channels
        self.in_index = in_index
        self.num_classes = self.out_channels = num_classes
        self.num_foreground = num_classes - 1
        self.pooling = pooling
        self.background = background
        self.align_corners = align_corners
        self.threshold = None
        self.dropout = nn.Dropout2d(dropout_ratio)
        several = isinstance(in_channels, Sequence)
        self.feature_channels = in_channels[in_index] if several else in_channels
        self.classifier = nn.Conv2d(
            self.feature_channels, self.num_foreground, 1, bias=False
        )
        self.loss_decode = MODELS.build(loss_decode or dict(type='TagSoftMarginLoss'))

    def select(self, features: Sequence[Tensor] | Tensor) -> Tensor:
        """The feature map to classify, shape (N, D, h, w)."""
        if not torch.is_tensor(features):
            features = features[self.in_index]
        # Some transformers hand on a class token behind the map.
        return features if torch.is_tensor(features) else features[0]

    def drop(self, features: Sequence[Tensor] | Tensor) -> Tensor:
        """The feature map without the channels that dropout takes in training."""
        return self.dropout(self.select(features))

    def pool(self, features: Sequence[Tensor] | Tensor) -> Tensor:
        """Global average of the feature map, shape (N, D)."""
        return self.select(features).mean(dim=(2, 3))

    def forward(self, features: Sequence[Tensor] | Tensor) -> Tensor:
        """Class activation maps before ReLU.

        Args:
            features (Sequence[Tensor] | Tensor): Maps of the backbone, or the map itself.

        Returns:
            Tensor: Shape (N, C, h, w), C without background.
        """
        return self.classifier(self.select(features))

    def classify(
        self, features: Sequence[Tensor] | Tensor, cams: Tensor | None = None
    ) -> Tensor:
        """Logits of the tags.

        Args:
            features (Sequence[Tensor] | Tensor): Maps of the backbone, or the map itself.
            cams (Tensor, optional): What :meth:`forward` makes of them, if it is at hand.

        Returns:
            Tensor: Shape (N, C).
        """
        features = self.select(features)
        if self.pooling == 'max':
            return (self.classifier(features) if cams is None else cams).amax(dim=(2, 3))
        if self.pooling == 'max_features':
            pooled = F.adaptive_max_pool2d(features, 1)
        else:  # the mean of the maps is the map of the mean, at 1/(h w) of the work
            pooled = features.mean(dim=(2, 3), keepdim=True)
        return self.classifier(pooled).flatten(1)

    def loss_by_tags(
        self, features: Sequence[Tensor] | Tensor, tags: Tensor
    ) -> dict[str, Tensor]:
        """Classification loss.

        Args:
            features (Sequence[Tensor] | Tensor): Maps of the backbone, or the map itself;
                see :meth:`drop`.
            tags (Tensor): 0 or 1, shape (N, C).

        Returns:
            dict[str, Tensor]: The loss under its ``loss_name``.
        """
        loss = self.loss_decode(self.classify(features), tags)
        return {self.loss_decode.loss_name: loss}


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
