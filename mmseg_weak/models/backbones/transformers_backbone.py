"""Backbones of the library ``transformers``."""

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor

from ..._transformers import (
    build_config,
    name_libraries,
    read_pretrained,
    require_transformers,
)


@MODELS.register_module()
class TransformersBackbone(BaseModule):
    """Any ``AutoBackbone``: DINOv2, DINOv3, Swin, ConvNeXt, Hiera …; docs/foundation.md.

    An image is stretched to the next size that the model divides evenly, for instance 512
    to 518 with patches of 14: the maps then cover the whole image and nothing else, as
    heads assume. Position embeddings are those of the model at that size. Hiera has one
    size only, and gets it.

    A checkpoint of mmseg holds all weights and loads as any other; of the model's folder
    only ``config.json`` is read then. ``init_weights`` reads the pretrained weights.

    Args:
        model (str | Mapping): Folder of ``save_pretrained``, hub name, or settings with
            ``model_type`` (random weights).
        out_features (Sequence[str], optional): Names of the stages to return, e.g.
            ``('stage3', 'stage6', 'stage9', 'stage12')``. Defaults to those of the model.
        out_indices (Sequence[int], optional): The same by number; 0 is the stem.
        pretrained (bool): Read weights as well. Defaults to True.
        frozen (bool): Train nothing, without dropout, and store no activations. Defaults
            to False.
        gradient_checkpointing (bool): Compute activations again in the backward pass, for
            less memory. Defaults to False.
        divisor (int, optional): Sides are stretched to multiples of it; 1 gives images as
            they are. Defaults to the model's own.
        options (Mapping, optional): Settings that replace those of the model, such as
            ``drop_path_rate``.
        local_files_only (bool): Never download. Defaults to False.
        init_cfg (dict, optional): Of mmengine; instead of the model's own weights.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: transformers is not installed, the model cannot be read, has no form as
            a backbone, or an option does not suit it.
    """

    def __init__(
        self,
        model: str | Mapping,
        out_features: Sequence[str] | None = None,
        out_indices: Sequence[int] | None = None,
        pretrained: bool = True,
        frozen: bool = False,
        gradient_checkpointing: bool = False,
        divisor: int | None = None,
        options: Mapping | None = None,
        local_files_only: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.source, self.local_files_only = model, local_files_only
        self.pretrained = pretrained and isinstance(model, str) and init_cfg is None
        config = build_config(
            model, 'TransformersBackbone', local_files_only, **(options or {})
        )
        self._kind = backbone_class(config)
        choose_stages(config, out_features, out_indices)
        with name_libraries('TransformersBackbone', config.model_type):
            self.model = self._kind(config)
        self.frozen = frozen
        self.divisor = divisor or stride_of(config)
        # The only model whose layers are laid out for one size.
        self.fixed_size = tuple(config.image_size) if config.model_type == 'hiera' else None
        if gradient_checkpointing:
            self._checkpoint_gradients()
        for name, weight in self.model.named_parameters():
            if name.endswith('mask_token'):  # of pretraining; never used here
                weight.requires_grad_(False)
        self._freeze()

    @property
    def channels(self) -> list[int]:
        """Channels of each map: ``in_channels`` of a head."""
        return list(self.model.channels)

    def init_weights(self) -> None:
        """Read the pretrained weights.

        Raises:
            ValueError: They cannot be read.
        """
        if self._is_init:
            return
        if self.init_cfg is not None:
            super().init_weights()
        elif self.pretrained:
            loaded, info = read_pretrained(
                self._kind.from_pretrained,
                self.source,
                'TransformersBackbone',
                self.local_files_only,
                config=self.model.config,
                output_loading_info=True,
                dtype=torch.float32,
            )
            self.model.load_state_dict(loaded.state_dict())
            if missing := sorted(info['missing_keys']):
                print_log(
                    f'{self.source} has no weights of {", ".join(missing)}: these start '
                    'as new ones',
                    'current',
                )
        self._is_init = True

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of an image batch.

        Args:
            x (Tensor): Normalised as the model expects, shape (N, 3, H, W).

        Returns:
            tuple[Tensor]: One map (N, C, h, w) for each chosen stage; each covers the
            whole image.
        """
        size = self.input_size(*x.shape[2:])
        if size != tuple(x.shape[2:]):
            x = F.interpolate(x, size, mode='bilinear', align_corners=False)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return tuple(self.model(pixel_values=x).feature_maps)

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """Size that the model sees an image of ``height`` times ``width`` pixels at."""
        if self.fixed_size is not None:
            return self.fixed_size
        return tuple(math.ceil(n / self.divisor) * self.divisor for n in (height, width))

    def train(self, mode: bool = True) -> 'TransformersBackbone':
        """Keep what is frozen frozen."""
        super().train(mode)
        self._freeze()
        return self

    def _freeze(self) -> None:
        if self.frozen:
            self.model.eval()
            self.model.requires_grad_(False)

    def _checkpoint_gradients(self) -> None:
        if not self.model.supports_gradient_checkpointing:
            raise ValueError(
                f'TransformersBackbone: {self._kind.__name__} of transformers has no '
                'gradient checkpointing'
            )
        self.model.gradient_checkpointing_enable(dict(use_reentrant=False))


def backbone_class(config) -> type:
    """Class of the library that makes feature maps of a model.

    ``AutoBackbone.from_pretrained`` is not used: it asks the hub even for folders.

    Raises:
        ValueError: The model has no form as a backbone.
    """
    library = require_transformers('TransformersBackbone')
    kinds = library.AutoBackbone._model_mapping
    if type(config) not in kinds:
        names = ', '.join(sorted({kind.model_type for kind in kinds}))
        raise ValueError(
            f'TransformersBackbone: a {config.model_type} has no form as a backbone in '
            f'transformers {library.__version__}; there are {names}'
        )
    return kinds[type(config)]


def choose_stages(
    config, out_features: Sequence[str] | None, out_indices: Sequence[int] | None
) -> None:
    """Write the stages to return into the config of a model.

    Raises:
        ValueError: Both are given, or a stage does not exist.
    """
    if out_features is not None and out_indices is not None:
        raise ValueError('TransformersBackbone: give out_features or out_indices, not both')
    try:
        if out_features is not None:
            config.out_features = list(out_features)
        elif out_indices is not None:
            config.out_indices = list(out_indices)
    except (ValueError, IndexError):
        stages = ', '.join(f'{i} {name}' for i, name in enumerate(config.stage_names))
        chosen = out_indices if out_features is None else out_features
        raise ValueError(
            f'TransformersBackbone: stages must be ascending ones of {stages}; got '
            f'{list(chosen)}'
        ) from None
    if getattr(config, 'reshape_hidden_states', None) is False:
        config.reshape_hidden_states = True


def stride_of(config) -> int:
    """What a model divides sides by: its patch, or the product of the strides of stages."""
    patch = getattr(config, 'patch_size', None) or getattr(config, 'patch_sizes', 4)
    patch = max(patch) if isinstance(patch, (list, tuple)) else patch
    depths = getattr(config, 'depths', None)
    return patch * 2 ** (len(depths) - 1) if depths else patch
