"""VGG at output stride 8, the backbone of DeepLab-LargeFOV."""

from collections.abc import Sequence

from mmcv.cnn import VGG
from mmengine.model import BaseModule
from mmengine.runner import load_checkpoint
from mmseg.registry import MODELS
from torch import nn

# Stride of the pooling behind each stage.
POOL_STRIDES = (2, 2, 2, 1, 1)


@MODELS.register_module()
class VGGLargeFOV(VGG, BaseModule):
    """mmcv's VGG with the poolings of `DeepLab <https://arxiv.org/abs/1412.7062>`_.

    All poolings are 3x3; the last two keep the size, and the convolutions of the last stage
    are dilated by 2 instead. Parameters have torchvision's names, so ``torchvision://vgg16``
    loads.

    Args:
        depth (int): 11, 13, 16 or 19. Defaults to 16.
        out_indices (Sequence[int]): Stages whose pooled maps are returned, strides 2, 4, 8,
            8, 8 with 64, 128, 256, 512, 512 channels. Defaults to the last.
        init_cfg (dict, optional): ``dict(type='Pretrained', checkpoint=...)``; otherwise
            Kaiming initialisation.
        **kwargs: ``with_bn``, ``frozen_stages`` ... of ``mmcv.cnn.VGG``.
    """

    def __init__(
        self,
        depth: int = 16,
        out_indices: Sequence[int] = (4,),
        init_cfg: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            depth, out_indices=tuple(out_indices), dilations=(1, 1, 1, 1, 2), **kwargs
        )
        self.init_cfg = init_cfg
        for (_, end), stride in zip(self.range_sub_modules, POOL_STRIDES):
            if isinstance(self.features[end - 1], nn.MaxPool2d):  # with_last_pool
                self.features[end - 1] = nn.MaxPool2d(3, stride, padding=1)

    def init_weights(self) -> None:
        """Load the configured weights, or draw them."""
        if self.init_cfg is None:
            VGG.init_weights(self)
        else:
            # Not strict: published files hold a classifier as well.
            load_checkpoint(self, self.init_cfg['checkpoint'], 'cpu', strict=False)

    def forward(self, x) -> tuple:
        """Feature maps, always as a tuple."""
        outputs = super().forward(x)
        return outputs if isinstance(outputs, tuple) else (outputs,)
