"""What `mmseg-weak init --backbone` changes in a config: another network below the head."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .._transformers import build_config
from ..models.backbones import TransformersBackbone

# Where the model's folder does not tell: ImageNet's, of 0 to 255.
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
BACKBONE = """\
# {name} of transformers below the head; docs/foundation.md.
model['data_preprocessor'].update(mean={mean}, std={std}, channels_last=False)
model['backbone'] = dict(
    _delete_=True,
    type='TransformersBackbone',
    model={name!r},
    out_indices={stages},
    frozen=True,  # False: it learns too, at a tenth of the rate
)
"""
CAM = """\
model['decode_head'].update(in_channels={last})
"""
PYRAMID = """\
model['neck'] = dict(in_channels={channels}, num_outs={count})
model['decode_head'].update(
    in_channels=[64] * {count},
    in_index=list(range({count})),
    feature_strides=[4 * 2**i for i in range({count})],
)
"""
PLAIN = """\
model['neck'] = None
model['decode_head'] = dict(
    dict(loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True)),
    **model['decode_head'],
    _delete_=True,
    type='FCNHead',
    in_channels={channels},
    in_index=list(range({count})),
    input_transform='resize_concat',
    channels=64,
    num_convs=1,
    dropout_ratio=0.1,
    norm_cfg=dict(type='BN'),
    align_corners=False,
)
if isinstance(model['decode_head']['loss_decode'], dict):
    model['decode_head']['loss_decode'].pop('_delete_', None)
"""


@dataclass(frozen=True)
class Backbone:
    """A model of transformers as far as a config has to know it.

    Attributes:
        name (str): Folder or hub name.
        stages (list[int]): Of the maps that are used; four of a plain transformer.
        channels (list[int]): Of the maps.
        plain (bool): Whether all maps have one size.
        mean, std (list[float]): Of images, 0 to 255.
    """

    name: str
    stages: list[int]
    channels: list[int]
    plain: bool
    mean: list[float]
    std: list[float]

    @classmethod
    def read(cls, name: str) -> 'Backbone':
        """Look at the config of a model; no weights are read.

        Raises:
            FileNotFoundError: The folder does not exist.
            ValueError: transformers is not installed, the hub cannot be reached, or the
                model has no form as a backbone.
        """
        config = build_config(name, 'init --backbone', False)
        depths = getattr(config, 'depths', None)
        count = len(depths) if depths else getattr(config, 'num_hidden_layers', 4)
        stages = np.linspace(count / 4, count, 4).round().astype(int)
        stages = sorted({max(1, n) for n in stages.tolist()})
        with torch.device('meta'):  # for its shapes alone
            backbone = TransformersBackbone(name, out_indices=stages, pretrained=False)
        mean, std = _preprocessing(Path(name).expanduser())
        return cls(name, stages, backbone.channels, not depths, mean, std)

    def text(self, kind: str) -> str:
        """Lines at the end of a config of one kind of labels, see ``config_text``."""
        head = CAM if kind == 'tags' else PLAIN if self.plain else PYRAMID
        values = dict(vars(self), count=len(self.channels), last=self.channels[-1])
        return (BACKBONE + head).format(**values)


def _preprocessing(folder: Path) -> tuple[list[float], list[float]]:
    """Mean and deviation that a model's folder tells, or ImageNet's."""
    try:
        content = json.loads((folder / 'preprocessor_config.json').read_text())
        mean, std = ([255 * v for v in content[f'image_{n}']] for n in ('mean', 'std'))
    except (OSError, ValueError, KeyError, TypeError):
        return list(MEAN), list(STD)
    return [round(v, 3) for v in mean], [round(v, 3) for v in std]
