# Crop and weed in a field (CWFID) at 480 pixels, thin leaves, 30 training images.
_base_ = 'dev_masks.py'
data_root = 'data/weeds'
metainfo = dict(classes=('soil', 'crop', 'weed'), background=0)
click_pipeline, mask_pipeline = _base_.click_pipeline, _base_.mask_pipeline
click_pipeline[2].scale = mask_pipeline[2].scale = (480, 480)
val_dataloader = dict(dataset=dict(data_root=data_root, metainfo=metainfo))
test_dataloader = val_dataloader
