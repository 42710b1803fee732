"""The config that `mmseg-weak init` writes, as text that a person can read."""

from dataclasses import dataclass

from .backbone_text import Backbone

HEAD = """\
# Written by `mmseg-weak init`: a plain config of MMSegmentation, edit what you like.
# {facts}
_base_ = [
    __import__('mmseg_weak').config_path(name)  # what the package ships
    for name in (
        '{network}',
        '_base_/schedules/budget_{budget}.py',  # or budget_{other}.py
        '_base_/default_runtime.py',
    )
]
work_dir = {work_dir!r}
# The values 0, 1, 2 … of a mask.
classes = {classes!r}
# Photographs are brought to this long side in training, and new ones likewise: larger shows
# small objects better and takes longer.
long_side = {long_side}
crop = {crop}

"""
PHOTOGRAPHS = """\
photographs = dict(
    type={dataset!r},
    data_prefix=dict({prefix}),
    img_suffix={suffix!r},
    metainfo=dict(classes=classes),
{source})
"""

MIXED = """\
# Masks of the strong classes; labels of the weak ones come from stages.py.
photographs = dict(
    type={dataset!r},
    dataset=dict(
        type='BaseSegDataset',
        ann_file={train_list!r},
        data_prefix=dict({prefix}),
        img_suffix={suffix!r},
        metainfo=dict(classes=classes),
    ),
    tags={tags!r},
    strong_classes={strong!r},
    weak_classes={weak!r},
    pseudo_label_dir={label_dir!r},
)
"""

TRAIN = """\
resizing = dict(
    type='RandomResize',
    scale=(long_side, long_side),
    ratio_range={ratios},
    keep_ratio=True,
)
train_dataloader = dict(
    batch_size=8,
    num_workers={workers},
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        **photographs,
{listing}        pipeline=[
            dict(type='LoadImageFromFile'),
{loading}            resizing,
            dict(type={crop_type!r}, crop_size=(crop, crop)),
            dict(type='RandomFlip', prob=0.5),
{packing}        ],
    ),
)
"""

VALIDATION = """\
# Photographs that are not trained on say how good the network is.
val_dataloader = dict(
    batch_size=1,
    num_workers={workers},
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **photographs,
        ann_file={held_out_list!r},
        pipeline=[
            dict(type='LoadImageFromFile'),
{testing}        ],
    ),
)
val_evaluator = {metric}
test_dataloader, test_evaluator = val_dataloader, val_evaluator
"""

NO_VALIDATION = """\
# {unscored}
val_cfg = test_cfg = None
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(long_side, long_side), keep_ratio=True),
    dict(type='PackSegInputs'),
]
"""

CLICK_MODEL = """\
model = dict(
    type='SeminarSegmentor',
    data_preprocessor=dict(size=(crop, crop)),
    decode_head=dict(
        num_classes=len(classes),
        loss_decode=dict(_delete_=True, type='PartialCrossEntropyLoss'),
    ),
)
"""
ONE_LOSS = "loss_decode=dict(_delete_=True, type='PartialCrossEntropyLoss'),"
TWO_LOSSES = """\
loss_decode=[
            dict(type='PartialCrossEntropyLoss'),
            dict(type='ExclusionLoss'),  # of marks that say "not this class"
        ],"""
MASK_MODEL = """\
model = dict(
    data_preprocessor=dict(size=(crop, crop)),
    decode_head=dict(num_classes=len(classes)),
)
"""
TAG_MODEL = """\
model = dict(
    data_preprocessor=dict(size=(crop, crop)),
    decode_head=dict(num_classes=len(classes)),
    test_cfg=dict(scales=(1.0,)),  # several are better and slower
)
"""


@dataclass(frozen=True)
class Method:
    """How one kind of labels is trained on.

    Attributes:
        network (str): Shipped config of the network.
        dataset (str): Registered data set.
        option (str): Its argument for the labels.
        load (str): Transform that loads them; '' where the data set does.
        ratios (str): Factors of the scale that training draws from.
        crop (str): Transform that crops.
        packing (tuple[str, ...]): Transforms behind it.
        testing (tuple[str, ...]): Steps behind loading the image; ``resize`` is one.
        metric (str): Of held-out photographs.
        model (str): Changes of the network.
        photographs (str): Template of the data set.
    """

    network: str
    dataset: str
    option: str
    load: str
    ratios: str
    crop: str
    packing: tuple[str, ...]
    testing: tuple[str, ...]
    metric: str
    model: str
    photographs: str = PHOTOGRAPHS


FPN = '_base_/models/fpn_efficientnet-lite0.py'
METHODS = dict(
    clicks=Method(
        network=FPN,
        dataset='ClickDataset',
        option='click_file',
        load='LoadClicks',
        ratios='(0.5, 1.5)',
        crop='ClickRandomCrop',
        packing=('RasterizeClicks', 'PackWeakSegInputs'),
        testing=('LoadClicks', 'resize', 'PackWeakSegInputs'),
        metric="dict(type='ClickIoUMetric')",
        model=CLICK_MODEL,
    ),
    # A classifier: its activation maps say where a class is.
    tags=Method(
        network='_base_/models/cam_efficientnet-lite0.py',
        dataset='ImageTagDataset',
        option='tag_file',
        load='LoadImageTags',
        # A crop has to show what its tags say.
        ratios='(0.55, 1.0)',
        crop='RandomCrop',
        packing=('PackWeakSegInputs',),
        testing=('LoadImageTags', 'resize', 'PackWeakSegInputs'),
        metric="dict(type='TagMetric')",
        model=TAG_MODEL,
    ),
    # Labels of every pixel that a network made.
    labels=Method(
        network=FPN,
        dataset='PseudoLabelDataset',
        option='pseudo_label_dir',
        load='LoadAnnotations',
        ratios='(0.5, 1.5)',
        crop='RandomCrop',
        packing=('PackSegInputs',),
        testing=(),
        metric='',
        model=MASK_MODEL,
    ),
    masks=Method(
        network=FPN,
        dataset='BaseSegDataset',
        option='',
        load='LoadAnnotations',
        ratios='(0.5, 1.5)',
        crop='RandomCrop',
        packing=('PackSegInputs',),
        testing=('resize', 'LoadAnnotations', 'PackSegInputs'),
        metric="dict(type='IoUMetric', iou_metrics=['mIoU'])",
        model=MASK_MODEL,
    ),
    # Masks of some classes, tags of the rest.
    mixed=Method(
        network=FPN,
        dataset='StrongWeakDataset',
        option='',
        load='',
        ratios='(0.5, 1.5)',
        crop='RandomCrop',
        packing=('ListMaskClasses', 'PackWeakSegInputs'),
        testing=(),
        metric='',
        model=MASK_MODEL,
        photographs=MIXED,
    ),
)
INDENT = ' ' * 12


def config_text(
    kind: str,
    labels: str,
    held_out: bool,
    says_no: bool = False,
    backbone: Backbone | None = None,
    **values,
) -> str:
    """Fill the template of one kind of labels.

    Args:
        kind (str): ``clicks``, ``tags``, ``labels``, ``masks`` or ``mixed``.
        labels (str): File or folder of the labels.
        held_out (bool): Whether photographs are kept for scoring.
        says_no (bool): Whether some clicks say "not this class". Defaults to False.
        backbone (Backbone, optional): Of transformers, below the head.
        **values: ``facts``, ``budget``, ``work_dir``, ``classes``, ``long_side``, ``crop``,
            ``images``, ``suffix``, ``workers``, ``train_list`` and ``held_out_list``; of
            ``mixed`` also ``tags``, ``strong``, ``weak`` and ``label_dir``.

    Returns:
        str: The config.
    """
    method = METHODS[kind]
    prefix = f'img_path={values["images"]!r}'
    source = f'    {method.option}={labels!r},\n'
    if not method.option:
        prefix, source = f'{prefix}, seg_map_path={labels!r}', ''
    values.setdefault(
        'unscored', 'Too few photographs have labels to keep some for scoring.'
    )
    values.update(
        network=method.network,
        other='quick' if values['budget'] == 'full' else 'full',
        dataset=method.dataset,
        prefix=prefix,
        source=source,
        listing='' if kind == 'mixed' else f'        ann_file={values["train_list"]!r},\n',
        loading=_step(method.load) if method.load else '',
        ratios=method.ratios,
        crop_type=method.crop,
        packing=''.join(_step(name) for name in method.packing),
        testing=''.join(_step(name) for name in method.testing),
        metric=method.metric,
    )
    parts = [HEAD, method.photographs, TRAIN, VALIDATION if held_out else NO_VALIDATION]
    model = method.model.replace(ONE_LOSS, TWO_LOSSES) if says_no else method.model
    model += '' if backbone is None else backbone.text(kind)
    return ''.join(part.format(**values) for part in parts) + model


def _step(name: str) -> str:
    if name == 'resize':
        scale = 'scale=(long_side, long_side), keep_ratio=True'
        return f"{INDENT}dict(type='Resize', {scale}),\n"
    return f'{INDENT}dict(type={name!r}),\n'
