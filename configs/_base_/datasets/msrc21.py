# The 21 classes of MSRC v2 at 320 pixels: everything is named, there is no background.
_base_ = 'dev_masks.py'
data_root = 'data/msrc21'
metainfo = dict(
    classes=(
        *('building', 'grass', 'tree', 'cow', 'sheep', 'sky', 'aeroplane', 'water', 'face'),
        *('car', 'bicycle', 'flower', 'sign', 'bird', 'book', 'chair', 'road', 'cat'),
        *('dog', 'body', 'boat'),
    ),
    background=None,
)
val_dataloader = dict(dataset=dict(data_root=data_root, metainfo=metainfo))
test_dataloader = val_dataloader
