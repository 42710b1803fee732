"""A classifier whose weights also tell where in the image its classes are."""

from collections.abc import Sequence

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
        return features if torch.is_tensor(features) else features[self.in_index]

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
