"""CLIP of ``transformers``: how much each place of an image is like a text."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..._transformers import build_config, read_pretrained, require_transformers

OWNER = 'CLIP'
# Of all that OpenAI published, for RGB in [0, 1].
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


class ClipNetwork(nn.Module):
    """Patches and texts in one space; no gradient is needed for maps of classes.

    The last layer of the vision tower gathers what is needed for the whole image. With
    ``values`` each patch keeps its own value there, without attention and without what
    follows: `MaskCLIP <https://arxiv.org/abs/2112.01071>`_, section 3.

    Args:
        model (nn.Module): ``CLIPModel``.
        tokenizer: Of the model: texts to ``input_ids`` and ``attention_mask``.
        values (bool): Take the values of the last layer instead of its output. Defaults to
            True.
    """

    def __init__(self, model: nn.Module, tokenizer: Any, values: bool = True) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.tokenizer, self.values = tokenizer, values
        self.patch = model.config.vision_config.patch_size

    @classmethod
    def from_pretrained(
        cls, name: str, values: bool = True, local_files_only: bool = False
    ) -> 'ClipNetwork':
        """Read a model and its tokenizer.

        Args:
            name (str): Folder of ``save_pretrained``, or name on the hub.
            values (bool): See the class. Defaults to True.
            local_files_only (bool): Never download. Defaults to False.

        Raises:
            FileNotFoundError: The folder does not exist.
            ValueError: transformers is not installed, or the model cannot be read, lacks
                weights or is no CLIP.
        """
        config = build_config(name, OWNER, local_files_only)
        if config.model_type != 'clip':
            raise ValueError(f'{OWNER}: {name} is a {config.model_type}, no clip')
        library = require_transformers(OWNER)
        told = (name, OWNER, local_files_only)
        tokenizer = read_pretrained(library.AutoTokenizer.from_pretrained, *told)
        load, asked = library.CLIPModel.from_pretrained, dict(output_loading_info=True)
        model, info = read_pretrained(load, *told, **asked)
        if missing := sorted(info['missing_keys']):
            raise ValueError(
                f'{OWNER}: {name} lacks {len(missing)} weights, such as {missing[0]}'
            )
        return cls(model, tokenizer, values)

    @torch.no_grad()
    def texts(self, texts: Sequence[str]) -> Tensor:
        """Embeddings of texts, of length 1, shape (C, D)."""
        tokens = self.tokenizer(list(texts), padding=True, return_tensors='pt')
        device = self.model.logit_scale.device
        names = ('input_ids', 'attention_mask')
        told = {name: tokens[name].to(device) for name in names}
        pooled = self.model.text_model(**told).pooler_output
        return F.normalize(self.model.text_projection(pooled), dim=1)

    @torch.no_grad()
    def patches(self, images: Tensor) -> Tensor:
        """Embeddings of patches.

        An image is stretched to the next size that the model divides into patches;
        position embeddings are interpolated, as the library does.

        Args:
            images (Tensor): RGB in [0, 1], shape (N, 3, H, W).

        Returns:
            Tensor: Of length 1, shape (N, D, h, w).
        """
        size = [-(-side // self.patch) * self.patch for side in images.shape[2:]]
        if size != list(images.shape[2:]):
            images = F.interpolate(images, size, mode='bilinear', align_corners=False)
        mean, std = (images.new_tensor(v)[:, None, None] for v in (MEAN, STD))
        tower = self.model.vision_model
        told = dict(pixel_values=(images - mean) / std, interpolate_pos_encoding=True)
        if self.values:
            tokens = self._values(tower, told)
        else:
            tokens = tower(**told).last_hidden_state
        tokens = self.model.visual_projection(tower.post_layernorm(tokens[:, 1:]))
        height, width = (side // self.patch for side in size)
        return F.normalize(tokens, dim=2).transpose(1, 2).unflatten(2, (height, width))

    def similarities(self, images: Tensor, texts: Tensor) -> Tensor:
        """Cosines of patches and texts.

        Args:
            images (Tensor): RGB in [0, 1], shape (N, 3, H, W).
            texts (Tensor): Of :meth:`texts`, shape (C, D).

        Returns:
            Tensor: In [-1, 1], shape (N, C, h, w).
        """
        return torch.einsum('ndhw,cd->nchw', self.patches(images), texts)

    @torch.no_grad()
    def shares(self, images: Tensor, texts: Tensor) -> Tensor:
        """Softmax of the similarities over the texts, as CLIP was trained: (N, C, h, w)."""
        scale = self.model.logit_scale.exp()
        return (scale * self.similarities(images, texts)).softmax(dim=1)

    @staticmethod
    def _values(tower: nn.Module, told: dict) -> Tensor:
        """Values of the last layer for each token, (N, L, D)."""
        hidden = tower(**told, output_hidden_states=True).hidden_states[-2]
        layer = tower.encoder.layers[-1]
        attention = layer.self_attn
        return attention.out_proj(attention.v_proj(layer.layer_norm1(hidden)))
