"""Tiny promptable models with random weights, and an oracle with their interface."""

from types import SimpleNamespace

import numpy as np
import torch
from scipy import ndimage
from torch import nn

SIDE = 64
DECODER = dict(hidden_size=16, mlp_dim=16, num_attention_heads=2, iou_head_hidden_dim=16)
SAM = dict(
    vision_config=dict(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        output_channels=16,
        image_size=SIDE,
        patch_size=8,
        num_pos_feats=8,
        window_size=4,
        global_attn_indexes=[0],
        mlp_dim=16,
    ),
    prompt_encoder_config=dict(
        hidden_size=16, image_size=SIDE, patch_size=8, mask_input_channels=4
    ),
    mask_decoder_config=DECODER,
)
SAM2 = dict(
    vision_config=dict(
        backbone_config=dict(
            model_type='sam2_hiera_det_model',
            hidden_size=8,
            image_size=[SIDE, SIDE],
            blocks_per_stage=[1, 1, 2, 1],
            embed_dim_per_stage=[8, 16, 32, 64],
            num_attention_heads_per_stage=[1, 1, 2, 2],
            window_size_per_stage=[4, 4, 4, 2],
            global_attention_blocks=[3],
            window_positional_embedding_background_size=[4, 4],
        ),
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
        fpn_hidden_size=16,
    ),
    prompt_encoder_config=dict(
        hidden_size=16, image_size=SIDE, patch_size=16, mask_input_channels=4
    ),
    mask_decoder_config=DECODER,
)
HQ_VISION = dict(SAM['vision_config'], num_hidden_layers=2, global_attn_indexes=[1])
SAM_HQ = dict(
    SAM,
    vision_config=HQ_VISION,
    mask_decoder_config=dict(DECODER, vit_dim=16),
)
# model_type to class of the library and settings.
PROMPTABLE = dict(
    sam=('SamModel', SAM), sam_hq=('SamHQModel', SAM_HQ), sam2=('Sam2Model', SAM2)
)


def save_promptable(kind, folder):
    """Save a model by the library; all weights are random."""
    import transformers

    name, settings = PROMPTABLE[kind]
    torch.manual_seed(0)
    model = getattr(transformers, name)(transformers.AutoConfig.for_model(kind, **settings))
    for weight in model.parameters():
        nn.init.normal_(weight, 0, 0.3)
    model.save_pretrained(folder)
    return str(folder)


class Oracle(nn.Module):
    """SAM's interface; masks are the blobs that the picture shows.

    A blob is what is not grey and hangs together around the first positive point, less the
    colours under negative points. Beside it stand the whole picture, of which the oracle
    is surest, and one pixel.
    """

    def __init__(self, kind):
        super().__init__()
        self.config = SimpleNamespace(
            model_type=kind, prompt_encoder_config=SimpleNamespace(image_size=256)
        )
        self.embedded, self.prompted, self.boxes = 0, [], []

    def get_image_embeddings(self, values):
        self.embedded += 1
        return values if self.config.model_type == 'sam' else [values]

    def forward(
        self,
        image_embeddings,
        multimask_output,
        input_points=None,
        input_labels=None,
        input_boxes=None,
    ):
        assert multimask_output
        if input_boxes is not None:  # its middle is a point, the first
            middle = input_boxes.unflatten(2, (2, 2)).mean(dim=2, keepdim=True)
            one = torch.ones(middle.shape[:3], dtype=torch.long)
            given = input_points is not None
            input_points = torch.cat([middle, input_points] if given else [middle], 2)
            input_labels = torch.cat([one, input_labels] if given else [one], 2)
        count = input_points.shape[1]
        self.boxes += [None] * count if input_boxes is None else input_boxes[0].tolist()
        values = image_embeddings
        values = values if isinstance(values, torch.Tensor) else values[-1]
        colours = values[0].permute(1, 2, 0).numpy()
        masks = []
        for points, labels in zip(input_points[0].tolist(), input_labels[0].tolist()):
            self.prompted.append((points, labels))
            masks.append(self.of(colours, points, labels))
        return SimpleNamespace(
            pred_masks=torch.stack(masks)[None] * 20 - 10,
            iou_scores=torch.tensor([[[0.99, 0.8, 0.7]] * len(masks)]),
        )

    @staticmethod
    def of(colours, points, labels):
        # Grey has equal channels; so has padding, which is 0 after normalisation.
        spread = np.ptp(colours * (0.229, 0.224, 0.225) + (0.485, 0.456, 0.406), axis=2)
        parts, _ = ndimage.label((spread > 0.15) & (colours.any(axis=2)))
        places = [(round(y), round(x)) for x, y in points]
        place = places[labels.index(1)]
        blob = parts == parts[place]
        for (y, x), label in zip(places, labels):
            if label == 0:
                blob &= abs(colours - colours[y, x]).sum(axis=2) > 0.5
        single = np.zeros_like(blob)
        single[place] = True
        masks = np.stack([np.ones_like(blob), blob, single])
        return torch.from_numpy(masks).float()
