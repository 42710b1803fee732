"""Batches of images with an optional second view for the teacher."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList

from ...constants import IGNORE_INDEX
from . import mixing  # noqa: F401  registers the mixers

VIEWS = {'inputs', 'teacher_inputs'}


@MODELS.register_module()
class WeakSegDataPreProcessor(SegDataPreProcessor):
    """mmseg's preprocessor that also handles the teacher's view and pseudo-labels.

    Where the pipeline packed ``inputs_teacher`` (the weak photometric view of the same
    crop), it is converted like ``inputs`` and handed to the segmentor as
    ``teacher_inputs``. ``pseudo_sem_seg`` of the samples is padded with 255 like the image.
    Without either this is :class:`mmseg.models.SegDataPreProcessor`.

    Args:
        *args: As for :class:`mmseg.models.SegDataPreProcessor`.
        channels_last (bool): Lay images out channels last; convolutions keep the layout and
            are faster in it (a fifth on a CPU). The values are the same. Defaults to False.
        mix (dict, optional): ``dict(type='BatchCutMix' | 'BatchClassMix')``, parts of one
            image in another in training, see :mod:`mmseg_weak.models.inputs.mixing`.
            Defaults to None.
        **kwargs: As for :class:`mmseg.models.SegDataPreProcessor`.
    """

    def __init__(
        self, *args, channels_last: bool = False, mix: dict | None = None, **kwargs
    ) -> None:
        super().__init__(*args, **kwargs)
        self.channels_last = channels_last
        self.mix = MODELS.build(mix) if mix else None

    @staticmethod
    def as_stock(settings: dict) -> dict:
        """Config of mmseg's preprocessor that treats test images alike."""
        kept = {k: v for k, v in settings.items() if k not in ('channels_last', 'mix')}
        return dict(kept, type='SegDataPreProcessor')

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        """Normalise, convert and pad.

        Args:
            data (dict): ``inputs`` (list of (3, H, W) uint8 tensors), ``data_samples`` and
                optionally ``inputs_teacher`` of the same shapes.
            training (bool): Whether samples are padded to a common size.

        Returns:
            dict: ``inputs`` (N, 3, H, W) float, ``data_samples`` and, if given,
            ``teacher_inputs`` (N, 3, H, W) float.

        Raises:
            ValueError: ``size`` is smaller than crops of different shapes, which then do
                not make a batch.
        """
        data = dict(data)
        if training:
            self._check_size(data['inputs'])
        teacher_views = data.pop('inputs_teacher', None)
        batch = super().forward(data, training)
        if teacher_views is not None and training:
            unlabelled = [SegDataSample() for _ in teacher_views]
            views = dict(inputs=teacher_views, data_samples=unlabelled)
            batch['teacher_inputs'] = super().forward(views, training)['inputs']
        if training:
            self._pad_pseudo_labels(batch['data_samples'])
        if training and self.mix is not None:
            keys = sorted(VIEWS & batch.keys())
            mixed = self.mix([batch[key] for key in keys], batch['data_samples'])
            batch.update(zip(keys, mixed))
        if self.channels_last:
            for key in VIEWS & batch.keys():
                batch[key] = batch[key].contiguous(memory_format=torch.channels_last)
        return batch

    def _check_size(self, images: Sequence[torch.Tensor]) -> None:
        if self.size is None:
            return
        height, width = self.size
        padded = {
            (max(h, height), max(w, width)) for h, w in (i.shape[-2:] for i in images)
        }
        if len(padded) > 1:
            raise ValueError(
                f'data_preprocessor.size {tuple(self.size)} is smaller than the crops of '
                f'the training pipeline, here up to {max(padded)}: give both the same size'
            )

    @staticmethod
    def _pad_pseudo_labels(data_samples: SampleList) -> None:
        """Pad as the parent padded the image; it knows mmseg's own label maps only."""
        for sample in data_samples:
            if 'pseudo_sem_seg' in sample:
                padding = sample.metainfo['padding_size']
                labels = F.pad(sample.pseudo_sem_seg.data, padding, value=IGNORE_INDEX)
                sample.pseudo_sem_seg = PixelData(data=labels)
