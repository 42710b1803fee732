"""Each branch of mutual promotion as a model of its own."""

import copy
from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor

from ..declaration import WeakSegmentor, without_parts

# How the classification branch pools where its config does not say so.
POOLING = 'max_features'
CLASSIFIER = 'cam_head.classifier.weight'


class BranchExportMixin(WeakSegmentor):
    """``as_stock`` of a segmentor with ``cam_head`` and perhaps a gate."""

    stock_type = 'EncoderDecoder'
    branches = ('segmentation', 'cam')

    @classmethod
    def as_stock(
        cls, model: Mapping, state: Mapping[str, Tensor], branch: str = 'segmentation'
    ) -> tuple[dict, OrderedDict]:
        """The segmentation branch as mmseg's model, or the CAMs as a ``CAMSegmentor``.

        With a gate, the neck of the first is
        :class:`~mmseg_weak.models.mutual_promotion.gate.CAMGate`, of this package; without
        it every part is mmseg's own, so far as backbone and decode head are.

        Raises:
            ValueError: The model has a gate and a neck, or the weights no classifier.
        """
        stock, kept = super().as_stock(model, state)
        if branch == 'cam':
            head = {'pooling': POOLING, **copy.deepcopy(model['cam_head'])}
            stock.update(type='CAMSegmentor', decode_head=head, test_cfg=dict())
            kept = without_parts(kept, ('decode_head',))
            names = {k: k.replace('cam_head.', 'decode_head.', 1) for k in kept}
            return stock, OrderedDict((names[k], v) for k, v in kept.items())
        kept = without_parts(kept, ('cam_head',))
        if model.get('gate', True):
            stock['neck'] = _gate(model)
            if CLASSIFIER not in state:
                raise ValueError(
                    f'the checkpoint has no {CLASSIFIER}, which the gate needs'
                )
            kept['neck.classifier.weight'] = state[CLASSIFIER]
        return stock, kept


def _gate(model: Mapping) -> dict:
    """Config of the gate as a neck."""
    if model.get('neck') is not None:
        raise ValueError('a gate behind a neck cannot be exported; train with gate=False')
    head = model['cam_head']
    channels, index = head['in_channels'], head.get('in_index', -1)
    return dict(
        type='CAMGate',
        in_channels=channels if isinstance(channels, int) else channels[index],
        num_foreground=head['num_classes'] - 1,
        in_index=index,
    )
