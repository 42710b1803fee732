"""Batches of images with an optional second view for the teacher."""

from typing import Any

from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS
from mmseg.utils import stack_batch


@MODELS.register_module()
class WeakSegDataPreProcessor(SegDataPreProcessor):
    """mmseg's preprocessor that also normalises and pads the teacher's view.

    Where the pipeline packed ``inputs_teacher`` (the weak photometric view of the same
    crop), it is converted like ``inputs`` and handed to the segmentor as
    ``teacher_inputs``. Without it this is :class:`mmseg.models.SegDataPreProcessor`.
    Takes the same arguments.
    """

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        """Normalise, convert and pad.

        Args:
            data (dict): ``inputs`` (list of (3, H, W) uint8 tensors), ``data_samples`` and
                optionally ``inputs_teacher`` of the same shapes.
            training (bool): Whether samples are padded to a common size.

        Returns:
            dict: ``inputs`` (N, 3, H, W) float, ``data_samples`` and, if given,
            ``teacher_inputs`` (N, 3, H, W) float.
        """
        teacher_views = data.pop('inputs_teacher', None)
        batch = super().forward(data, training)
        if teacher_views is not None and training:
            batch['teacher_inputs'] = self._convert(teacher_views)
        return batch

    def _convert(self, images: list):
        """The image half of the parent's work; labels are padded by the parent."""
        images = [image.float() for image in self.cast_data(images)]
        if self._channel_conversion and images[0].size(0) == 3:
            images = [image[[2, 1, 0], ...] for image in images]
        if self._enable_normalize:
            images = [(image - self.mean) / self.std for image in images]
        return stack_batch(
            images,
            size=self.size,
            size_divisor=self.size_divisor,
            pad_val=self.pad_val,
        )[0]
