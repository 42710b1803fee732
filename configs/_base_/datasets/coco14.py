# What replaces the data sets of VOC where COCO 2014 is trained and scored: the classes of
# the annotated objects as tags. Images without objects are left out.
coco_train = dict(
    _delete_=True,
    type='CocoTagDataset',
    data_root='data/coco',
    ann_file='annotations/instances_train2014.json',
    data_prefix=dict(img_path='train2014'),
)
coco_val = dict(
    _delete_=True,
    type='CocoTagDataset',
    test_mode=True,
    data_root='data/coco',
    ann_file='val2014_masks/val.txt',
    data_prefix=dict(img_path='val2014', seg_map_path='val2014_masks/masks'),
)
