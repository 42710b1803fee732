"""The classification branch tells the segmentation branch where objects are."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn


def cam_gate(cam_logits: Tensor) -> Tensor:
    """Largest class probability of each cell (BMP's interaction from cls to seg).

    Args:
        cam_logits (Tensor): P_c on the grid of the features, shape (N, C, h, w).

    Returns:
        Tensor: g in (0, 1), shape (N, 1, h, w), no gradient.
    """
    return cam_logits.detach().amax(dim=1, keepdim=True).sigmoid()


def gate_features(features: Sequence[Tensor], gate: Tensor) -> list[Tensor]:
    """Multiply every scale of an encoder by the gate, resized bilinearly.

    Args:
        features (Sequence[Tensor]): Shape (N, D_i, h_i, w_i) each.
        gate (Tensor): Shape (N, 1, h, w).

    Returns:
        list[Tensor]: As ``features``.
    """
    gated = []
    for feature in features:
        size = tuple(feature.shape[2:])
        resized = gate
        if size != tuple(gate.shape[2:]):
            resized = F.interpolate(gate, size, mode='bilinear', align_corners=False)
        gated.append(feature * resized.to(feature.dtype))
    return gated


@MODELS.register_module()
class CAMGate(BaseModule):
    """The gate as a neck: a stock ``EncoderDecoder`` with it is the gated branch.

    Its only weight is the classifier of a
    :class:`~mmseg_weak.models.heads.CAMHead`; ``mmseg-weak export`` puts it here.

    Args:
        in_channels (int): Channels of the feature map that the classifier sees.
        num_foreground (int): Number of classes C without background.
        in_index (int): Which feature map. Defaults to -1, the last.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(
        self,
        in_channels: int,
        num_foreground: int,
        in_index: int = -1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_index = in_index
        self.classifier = nn.Conv2d(in_channels, num_foreground, 1, bias=False)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Gate the features, shapes (N, D_i, h_i, w_i), by their own CAMs."""
        return gate_features(features, cam_gate(self.classifier(features[self.in_index])))
