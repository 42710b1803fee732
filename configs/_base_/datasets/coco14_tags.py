# COCO 2014: the classes of the annotated objects as tags. Images without objects are left
# out. The masks of val2014 come from tools/dataset_converters/coco_masks.py.
_base_ = ['voc12_tags.py', 'coco14.py']
train_dataloader = dict(
    dataset=dict(**_base_.coco_train, pipeline=_base_.train_pipeline),
)
val_dataloader = dict(dataset=dict(**_base_.coco_val, pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
