# Masks of 60 COCO classes, labels of VOC's 20 weak classes: one model of 81 classes.
_base_ = 'seg_largefov_vgg16_1xb30-6k_voc12-321x321.py'
model = dict(decode_head=dict(num_classes=81))
voc = dict(_base_.train_dataloader.dataset, split='voc-4', images='weak')
coco = dict(
    type='StrongWeakDataset',
    dataset=dict(
        type='PascalVOCCoco60Dataset',
        data_root='data/coco',
        ann_file='strong60/train.txt',
        data_prefix=dict(img_path='train2017', seg_map_path='strong60/masks'),
    ),
    tags='data/coco/strong60/tags.json',
    split='voc-4',
    images='strong',
    pipeline={{_base_.train_pipeline}},
)
train_dataloader = dict(
    dataset=dict(_delete_=True, type='ConcatDataset', datasets=[voc, coco])
)
val_dataloader = dict(dataset=dict(type='PascalVOCCoco60Dataset'))
test_dataloader = val_dataloader
# VOC's masks hold its own classes only.
val_evaluator = dict(split='voc-4', scored_classes=list(_base_.classes))
test_evaluator = val_evaluator
