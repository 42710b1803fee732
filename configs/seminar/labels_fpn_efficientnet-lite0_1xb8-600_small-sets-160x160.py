# Pseudo-labels alone, as if they were masks, of nuclei, or SET=msrc21, SET=weeds.
_base_ = 'full_fpn_efficientnet-lite0_1xb8-600_small-sets-160x160.py'
_folders = dict(_delete_=True, img_path='JPEGImages')
train_dataloader = dict(
    dataset=dict(
        type='PseudoLabelDataset', pseudo_label_dir='work_dirs/labels', data_prefix=_folders
    )
)
