# COCO 2014: the classes of the annotated objects as tags. Images without objects are left
# out. The masks of val2014 come from tools/dataset_converters/coco_masks.py.
_base_ = ['voc12_tags.py']
data_root = 'data/coco'
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='CocoTagDataset',
        data_root=data_root,
        ann_file='annotations/instances_train2014.json',
        data_prefix=dict(img_path='train2014'),
        pipeline={{_base_.train_pipeline}},
    )
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='CocoTagDataset',
        test_mode=True,
        data_root=data_root,
        ann_file='val2014_masks/val.txt',
        data_prefix=dict(img_path='val2014', seg_map_path='val2014_masks/masks'),
        pipeline={{_base_.test_pipeline}},
    )
)
test_dataloader = val_dataloader
