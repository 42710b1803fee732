"""Small models with two branches and batches of tagged images."""

import torch
from mmengine.logging import MessageHub
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from toy import toy_model

import mmseg_weak  # noqa: F401  (spawned processes know no conftest)

SCHEDULE = dict(segmentation_start=2, propagation_start=4)
CLS, PAR, BSP = 0, 3, 4  # an iteration of each part of the schedule


def set_iteration(iteration):
    MessageHub.get_current_instance().update_info('iter', iteration)


def toy_mutual(num_classes=4, backbone='conv', **options):
    """Config of a MutualPromotionSegmentor on a ResNet or a MiT."""
    model = toy_model()
    head = model['decode_head']
    head.update(num_classes=num_classes)
    width = 16
    if backbone == 'mit':
        width = 32
        model['backbone'] = dict(
            type='AttentionMixVisionTransformer',
            embed_dims=8,
            num_layers=[1, 1, 1, 2],
            num_heads=[1, 2, 2, 4],
            sr_ratios=[4, 2, 2, 1],
            mlp_ratio=2,
        )
        head = dict(
            type='LeanSegformerHead',
            in_channels=[8, 16, 16, 32],
            in_index=[0, 1, 2, 3],
            channels=16,
            dropout_ratio=0,
            num_classes=num_classes,
            norm_cfg=dict(type='BN'),
            align_corners=False,
            loss_decode=dict(type='CrossEntropyLoss'),
        )
        options.setdefault('affinity_head', dict(type='AttentionAffinityHead', num_maps=8))
        options.setdefault('affinity_loss', dict(radius=2))
    cam = dict(type='CAMHead', in_channels=width, num_classes=num_classes)
    model.update(type='MutualPromotionSegmentor', decode_head=head, cam_head=cam)
    model.update(schedule=SCHEDULE, labels=dict(dilations=(1, 2, 4), num_iters=3))
    model.update(options)
    return model


def build(model, sharpen=True):
    """Seeded weights; sharpened so that no branch is undecided."""
    torch.manual_seed(0)
    segmentor = MODELS.build(model)
    segmentor.init_weights()
    if sharpen:
        with torch.no_grad():
            segmentor.cam_head.classifier.weight.mul_(4)
            segmentor.decode_head.conv_seg.weight.normal_(0, 0.7)
            if model['backbone']['type'] != 'ResNet':
                for p in segmentor.backbone.parameters():
                    if p.ndim > 1:
                        p.normal_(0, p[0].numel() ** -0.5)
    return segmentor.train()


def tagged_batch(tags=((1,), (2, 3), ()), size=(48, 40), paddings=None, seed=0):
    """Smooth coloured images and their samples; paddings are left, right, top, bottom."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(len(tags), 3, 5, 5, generator=generator)
    inputs = torch.nn.functional.interpolate(coarse, size, mode='bicubic')
    inputs = inputs.clamp(-2, 2)
    samples = []
    for i, classes in enumerate(tags):
        padding = [0, 0, 0, 0] if paddings is None else list(paddings[i])
        left, right, top, bottom = padding
        inside = torch.zeros(size, dtype=torch.bool)
        inside[top : size[0] - bottom, left : size[1] - right] = True
        inputs[i] *= inside
        shape = (size[0] - top - bottom, size[1] - left - right)
        sample = SegDataSample()
        sample.set_metainfo(
            dict(image_classes=tuple(classes), padding_size=padding, img_shape=shape)
        )
        samples.append(sample)
    return inputs, samples


def total(losses):
    return sum(value for key, value in losses.items() if 'loss' in key)
