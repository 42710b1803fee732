"""One iteration of BMP written step by step from its definition: test oracle, benchmark.

It shares weights and options with a :class:`MutualPromotionSegmentor` and no code: every
attention matrix is stored, every class enlarged, every image labelled on its own with
all neighbours materialised, zero-weighted losses are computed and multiplied by zero.
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from mmseg.models.decode_heads import SegformerHead

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'refinement'))

from plain_refinement import plain_pixel_adaptive


def resize(maps, size):
    return F.interpolate(maps, size, mode='bilinear', align_corners=False)


def min_max(maps):
    maps = maps - maps.amin(dim=(2, 3), keepdim=True)
    return maps / (maps.amax(dim=(2, 3), keepdim=True) + 1e-5)


def attend(module, x, shape):
    """SegFormer's attention with its raw logits, (N, heads, L, L')."""
    n, length, width = x.shape
    source = x
    if module.sr_ratio > 1:
        source = module.sr(x.transpose(1, 2).reshape(n, width, *shape))
        source = module.norm(source.flatten(2).transpose(1, 2))
    heads = module.attn.num_heads
    weight, bias = module.attn.in_proj_weight, module.attn.in_proj_bias
    parts = []
    for i, tokens in enumerate((x, source, source)):
        rows = slice(i * width, (i + 1) * width)
        part = F.linear(tokens, weight[rows], bias[rows])
        parts.append(part.reshape(n, -1, heads, width // heads).permute(0, 2, 1, 3))
    queries, keys, values = parts
    logits = queries @ keys.transpose(2, 3)
    shares = (logits * (width // heads) ** -0.5).softmax(dim=3)
    mixed = (shares @ values).permute(0, 2, 1, 3).reshape(n, length, width)
    return module.attn.out_proj(mixed), logits


def encode(backbone, x):
    """Features, and the raw attention logits of all blocks of a transformer."""
    if not hasattr(backbone, 'forward_with_attention'):
        return backbone(x), []
    features, attentions = [], []
    for embed, blocks, norm in backbone.layers:
        x, shape = embed(x)
        for block in blocks:
            out, logits = attend(block.attn, block.norm1(x), shape)
            attentions.append(logits)
            x = x + block.attn.dropout_layer(out)
            x = block.ffn(block.norm2(x), shape, identity=x)
        x = norm(x).transpose(1, 2).reshape(len(x), -1, *shape)
        features.append(x)
    return features, attentions


def forward(model, images):
    """CAM logits P_c, segmentation logits, attention logits, and what is classified."""
    features, attentions = encode(model.backbone, images)
    classified = features[model.cam_head.in_index]
    cams = model.cam_head.classifier(classified)
    if model.gate:
        gate = cams.detach().sigmoid().max(dim=1, keepdim=True).values
        features = [f * resize(gate, f.shape[2:]) for f in features]
    return cams, decode(model.decode_head, features), attentions, classified


def classify(head, features, cams):
    """Tag logits: every channel pooled on its own, then one product with the weights."""
    if head.pooling == 'max':  # no published form
        return torch.stack([row.flatten(1).max(dim=1).values for row in cams])
    rows = [[channel.flatten() for channel in maps] for maps in features]
    if head.pooling == 'avg':
        pooled = torch.stack([torch.stack([c.mean() for c in row]) for row in rows])
    else:  # one of several equal maxima gets the gradient
        pooled = torch.stack([torch.stack([c[c.argmax()] for c in row]) for row in rows])
    return pooled @ head.classifier.weight[:, :, 0, 0].T


def decode(head, features):
    """Logits by mmseg's own forward."""
    if isinstance(head, SegformerHead):
        return SegformerHead.forward(head, features)
    return head(features)


@torch.no_grad()
def multi_scale(model, images):
    """Normalised CAMs (N, C, H, W) and segmentation background (N, H, W)."""
    n, size = len(images), images.shape[2:]
    cam_sum = seg_sum = 0
    for scale in model.label_options.scales:
        small = [int(side * scale) for side in size]
        view = images if scale == 1 else resize(images, small)
        cams, seg, *_ = forward(model, torch.cat([view, view.flip(3)]))
        cams, seg = resize(cams, size), resize(seg, size)
        cam_sum = cam_sum + torch.max(cams[:n], cams[n:].flip(3)).relu()
        seg_sum = seg_sum + (seg[:n] + seg[n:].flip(3)) / 2
    return min_max(cam_sum), min_max(seg_sum)[:, 0]


def refine(options, image, masks):
    return plain_pixel_adaptive(
        image[None], masks[None], options.dilations, options.num_iters
    )[0]


def par_label(options, image, cams, classes, box):
    """PAR label of one image; classes lists those that are present."""
    height, width = image.shape[1:]
    half = (max(1, height // 2), max(1, width // 2))
    keep = [0] + [k + 1 for k in classes]
    small_image = resize(image[None], half)[0]
    labels = []
    for threshold in (options.high, options.low):
        background = torch.full_like(cams[:1], threshold)
        scores = resize(torch.cat([background, cams])[None], half)[0]
        refined = refine(options, small_image, scores[keep].softmax(dim=0))
        refined = resize(refined[None], (height, width))[0]
        labels.append(torch.tensor(keep, device=image.device)[refined.argmax(dim=0)])
    high, low = labels
    label = high.clone()
    label[high == 0] = 255
    label[(high == 0) & (low == 0)] = 0
    inside = torch.zeros_like(label, dtype=torch.bool)
    inside[box[0] : box[1], box[2] : box[3]] = True
    label[~inside] = 255
    return label


def propagated_label(options, image, background, cams, classes, box):
    """BSP label of one image."""
    keep = [0] + [k + 1 for k in classes]
    pasted = image.new_zeros(len(cams) + 1, *image.shape[1:])
    y0, y1, x0, x1 = box
    if y1 > y0 and x1 > x0:
        half = (max(1, (y1 - y0) // 2), max(1, (x1 - x0) // 2))
        masks = torch.cat([background[None], cams])[keep, y0:y1, x0:x1]
        small = resize(image[None, :, y0:y1, x0:x1], half)[0]
        refined = refine(options, small, masks)
        pasted[keep, y0:y1, x0:x1] = resize(refined[None], (y1 - y0, x1 - x0))[0]
    best, label = pasted.max(dim=0)
    label[best < options.propagation_threshold] = 255
    return label


def seg_label(supervision, logits, box):
    """Y_s of one image."""
    best, label = logits.max(dim=0)
    if supervision.threshold_on_probability:
        best = best.sigmoid()
    label = label.clone()
    label[best < supervision.threshold] = 255
    if not supervision.s2c_with_background:
        label[label == 0] = 255
    outside = torch.ones_like(label, dtype=torch.bool)
    outside[box[0] : box[1], box[2] : box[3]] = False
    label[outside] = 255
    return label


def c2s_loss(supervision, logits, labels):
    pixels = logits.permute(0, 2, 3, 1)
    if supervision.c2s_loss == 'balanced_ce':
        parts = [labels == 0, (labels != 0) & (labels != 255)]
        means = [
            F.cross_entropy(pixels[part], labels[part]) for part in parts if part.any()
        ]
        return 0.5 * sum(means) + 0 * logits.sum()
    known = labels != 255
    if not known.any():
        return 0 * logits.sum()
    target = F.one_hot(labels[known], logits.shape[1]).to(logits)
    return F.binary_cross_entropy_with_logits(pixels[known], target)


def s2c_loss(supervision, cams, labels):
    known = labels != 255
    if not known.any():
        return 0 * cams.sum()
    pixels, target = cams.permute(0, 2, 3, 1)[known], labels[known]
    if supervision.s2c_with_background:
        pixels = torch.cat([torch.zeros_like(pixels[:, :1]), pixels], dim=1)
    else:
        target = target - 1
    return F.cross_entropy(pixels, target)


def affinity_loss(model, attentions, labels, grid):
    """Affinity of the exposed blocks against the PAR label."""
    exposed = attentions[-model.backbone.num_exposed :]
    logits = torch.cat(exposed, dim=1)
    predicted = model.affinity_head.proj(logits + logits.transpose(2, 3))
    predicted = predicted.sigmoid()[:, 0]
    labels = F.interpolate(labels[:, None].float(), grid, mode='nearest').flatten(1)
    radius = model.affinity_loss.radius
    axes = [torch.arange(side, device=labels.device) for side in grid]
    y, x = torch.meshgrid(*axes, indexing='ij')
    near = (y.flatten()[:, None] - y.flatten()).abs() <= radius
    near &= (x.flatten()[:, None] - x.flatten()).abs() <= radius
    positive = negative = 0
    num_positive = num_negative = 1
    for p, row in zip(predicted, labels):
        known = near & (row != 255)[:, None] & (row != 255)
        same = row[:, None] == row
        positive = positive + (1 - p[known & same]).sum()
        negative = negative + p[known & ~same].sum()
        num_positive += (known & same).sum()
        num_negative += (known & ~same).sum()
    return (positive / num_positive + negative / num_negative) / 2


def plain_iteration(model, inputs, samples, iteration):
    """Losses by name, and the labels ``Y_par``, ``Y_c`` and ``Y_s``."""
    n, _, height, width = inputs.shape
    supervision, options = model.supervision, model.label_options
    classes, tags = [], inputs.new_zeros(n, model.cam_head.num_foreground)
    for i, sample in enumerate(samples):
        classes.append(sorted(k - 1 for k in sample.metainfo['image_classes']))
        tags[i, classes[i]] = 1
    boxes = []
    for sample in samples:
        left, right, top, bottom = sample.metainfo.get('padding_size', (0, 0, 0, 0))
        boxes.append((top, height - bottom, left, width - right))

    cams_small, seg_small, attentions, classified = forward(model, inputs)
    tag_logits = classify(model.cam_head, classified, cams_small)
    seg, cam_logits = (resize(m, (height, width)) for m in (seg_small, cams_small))

    cams, background = multi_scale(model, inputs)
    mean, std = model.data_preprocessor.mean, model.data_preprocessor.std
    images = (inputs * std + mean) / 255
    views = list(zip(images, cams, classes, boxes))
    par = torch.stack([par_label(options, *view) for view in views])
    propagated = torch.stack(
        [
            propagated_label(options, image, b, cam, known, box)
            for b, (image, cam, known, box) in zip(background, views)
        ]
    )
    start = model.schedule.propagation_start
    cam_labels = par if start is None or iteration < start else propagated
    seg_labels = torch.stack(
        [seg_label(supervision, *pair) for pair in zip(seg.detach(), boxes)]
    )
    on = 0.0 if iteration <= model.schedule.segmentation_start else 1.0
    losses = dict(
        loss_cls=supervision.cls * F.multilabel_soft_margin_loss(tag_logits, tags),
        loss_c2s=on * supervision.c2s * c2s_loss(supervision, seg, cam_labels),
        loss_s2c=on * supervision.s2c * s2c_loss(supervision, cam_logits, seg_labels),
    )
    if model.affinity_head is not None:
        loss = affinity_loss(model, attentions, par, cams_small.shape[2:])
        losses['loss_aff'] = on * supervision.affinity * loss
    return losses, dict(Y_par=par, Y_c=cam_labels, Y_s=seg_labels)
