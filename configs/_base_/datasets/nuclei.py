# Cell nuclei of the Data Science Bowl 2018, two stains, 256 to 360 pixels.
_base_ = 'dev_masks.py'
data_root = 'data/nuclei'
metainfo = dict(classes=('background', 'nucleus'))
val_dataloader = dict(dataset=dict(data_root=data_root, metainfo=metainfo))
test_dataloader = val_dataloader
