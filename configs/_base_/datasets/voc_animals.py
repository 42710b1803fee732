# The six animal classes of PASCAL VOC 2012 at 300 pixels.
_base_ = 'dev_masks.py'
data_root = 'data/voc_animals'
metainfo = dict(classes=('background', 'cat', 'cow', 'dog', 'horse', 'person', 'sheep'))
# What the training sets of all kinds of labels share.
images = dict(
    data_root=data_root, ann_file='ImageSets/Segmentation/train.txt', metainfo=metainfo
)
click_pipeline, mask_pipeline = _base_.click_pipeline, _base_.mask_pipeline
click_pipeline[2].scale = mask_pipeline[2].scale = (300, 300)
val_dataloader = dict(
    dataset=dict(type='PascalVOCDataset', data_root=data_root, metainfo=metainfo)
)
test_dataloader = val_dataloader
