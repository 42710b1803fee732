"""SAM and its successors in ``transformers``: points and boxes become masks of an image."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from ..._tensors import rgb_pixels
from ..._transformers import build_config, read_pretrained, require_transformers

# Class of the library by model_type; of a video model the image part is taken.
KINDS = {
    'sam': 'SamModel',
    'sam_hq': 'SamHQModel',
    'sam2': 'Sam2Model',
    'sam2_video': 'Sam2Model',
    'edgetam': 'EdgeTamModel',
    'edgetam_video': 'EdgeTamModel',
}
# Of all that are published: ImageNet's, for RGB in [0, 1].
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
POSITIVE, NEGATIVE = 1, 0


class PromptableNetwork(nn.Module):
    """A model with the interface of SAM, between images and masks of any size.

    Images are resized by Pillow, as the library's processor without torchvision does: SAM
    and SAM-HQ keep the proportions and pad at the right and the bottom, SAM 2 and EdgeTAM
    make squares.

    Args:
        model (nn.Module): ``SamModel``, ``Sam2Model`` or one called like them:
            ``get_image_embeddings(pixel_values)`` and ``forward(image_embeddings=,
            input_points=, input_labels=, multimask_output=)``, with boxes also
            ``input_boxes=``.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.side = int(model.config.prompt_encoder_config.image_size)
        self.kind = model.config.model_type
        self.pads = self.kind in ('sam', 'sam_hq')

    @classmethod
    def from_pretrained(
        cls, name: str, local_files_only: bool = False
    ) -> 'PromptableNetwork':
        """Read a model.

        Args:
            name (str): Folder of ``save_pretrained``, or name on the hub.
            local_files_only (bool): Never download. Defaults to False.

        Raises:
            FileNotFoundError: The folder does not exist.
            ValueError: transformers, or what the model needs beside it, is not installed,
                or the model cannot be read, lacks weights or takes no points.
        """
        owner = 'promptable model'
        config = build_config(name, owner, local_files_only)
        if config.model_type not in KINDS:
            raise ValueError(
                f'{owner}: {name} is a {config.model_type}, which takes no points; there '
                f'are {", ".join(KINDS)}'
            )
        kind = getattr(require_transformers(owner), KINDS[config.model_type])
        load, asked = kind.from_pretrained, dict(output_loading_info=True)
        model, info = read_pretrained(load, name, owner, local_files_only, **asked)
        if missing := sorted(info['missing_keys']):
            raise ValueError(
                f'{owner}: {name} lacks {len(missing)} weights, such as {missing[0]}'
            )
        return cls(model)

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """Size of an image inside of the model, before padding to a square."""
        if not self.pads:
            return self.side, self.side
        scale = self.side / max(height, width)
        return int(height * scale + 0.5), int(width * scale + 0.5)

    @torch.no_grad()
    def embed(self, image: Tensor) -> tuple[Tensor, ...]:
        """The costly part, once for each image.

        Args:
            image (Tensor): RGB in [0, 1], shape (1, 3, H, W).

        Returns:
            tuple[Tensor]: Embeddings; one of SAM, more of the others.
        """
        height, width = self.input_size(*image.shape[2:])
        resized = Image.fromarray(rgb_pixels(image)).resize((width, height), Image.BILINEAR)
        values = torch.from_numpy(np.array(resized)).permute(2, 0, 1)[None].float() / 255
        mean, std = (torch.tensor(v)[None, :, None, None] for v in (MEAN, STD))
        pad = (0, self.side - width, 0, self.side - height)
        values = F.pad((values - mean) / std, pad).to(image.device)
        return _flat(self.model.get_image_embeddings(values))

    @torch.no_grad()
    def decode(
        self,
        embeddings: tuple[Tensor, ...],
        size: tuple[int, int],
        points: Tensor,
        labels: Tensor,
        boxes: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Several masks for each set of prompts, at the resolution of the model.

        Args:
            embeddings (tuple[Tensor]): See :meth:`embed`.
            size (tuple[int, int]): Height H and width W of the image.
            points (Tensor): Column and row in pixels of the image, shape (G, P, 2).
            labels (Tensor): 1 inside, 0 outside of the object, long, shape (G, P); P may be
                0 beside boxes.
            boxes (Tensor, optional): One of each object, x0, y0, x1, y1 in pixels, shape
                (G, 4).

        Returns:
            tuple: Logits, shape (G, M, h, w), and the quality that the model expects of
            each mask, shape (G, M).
        """
        height, width = self.input_size(*size)
        factor = points.new_tensor([width / size[1], height / size[0]])
        told = dict(image_embeddings=embeddings[0] if self.pads else list(embeddings))
        if self.kind == 'sam_hq':
            told['intermediate_embeddings'] = list(embeddings[1:])
        if points.shape[1]:
            told.update(input_points=(points * factor)[None], input_labels=labels[None])
        if boxes is not None:
            told['input_boxes'] = (boxes * factor.repeat(2))[None]
        result = self.model(**told, multimask_output=True)
        return result.pred_masks[0], result.iou_scores[0]

    def enlarge(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """Logits of :meth:`decode` at the size of the image, shape (G, M, H, W)."""
        if self.pads:
            height, width = self.input_size(*size)
            logits = _resize(logits, (self.side, self.side))[..., :height, :width]
        return _resize(logits, size)


def _flat(found: Tensor | Sequence) -> tuple[Tensor, ...]:
    """Tensors of nested lists, in order."""
    if isinstance(found, Tensor):
        return (found,)
    return tuple(value for part in found for value in _flat(part))


def _resize(logits: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(logits, size, mode='bilinear', align_corners=False)
