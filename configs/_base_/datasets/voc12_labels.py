# VOC 2012 train_aug with pseudo-labels: one PNG of class ids for each image, 255 where
# unknown. A command sets the folder with
# --cfg-options train_dataloader.dataset.pseudo_label_dir=FOLDER.
# Paths of this data set start in the current directory.
_base_ = ['voc12_tags.py', 'tta_6_scales.py']
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size={{_base_.crop_size}}),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]

train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        _delete_=True,
        type='PseudoLabelDataset',
        data_root=None,
        img_suffix='.jpg',
        metainfo=dict(classes=_base_.classes),
        ann_file=f'{_base_.data_root}/ImageSets/Segmentation/train_aug.txt',
        data_prefix=dict(img_path=f'{_base_.data_root}/JPEGImages'),
        pseudo_label_dir=f'{_base_.data_root}/PseudoLabels',
        pipeline=train_pipeline,
    ),
)
val_evaluator = dict(_delete_=True, type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
