# The training images of voc_animals with pseudo-labels: one PNG of class ids for each
# image, 255 where unknown. A command sets the folder with
# --cfg-options train_dataloader.dataset.pseudo_label_dir=FOLDER.
# Paths of this data set start in the current directory.
_base_ = 'voc_animals.py'
train_pipeline = _base_.mask_pipeline

train_dataloader = dict(
    dataset=dict(
        type='PseudoLabelDataset',
        data_root=None,
        ann_file=f'{_base_.data_root}/ImageSets/Segmentation/train.txt',
        img_suffix='.jpg',
        data_prefix=dict(img_path=f'{_base_.data_root}/JPEGImages'),
        pseudo_label_dir=f'{_base_.data_root}/PseudoLabels',
        metainfo={{_base_.metainfo}},
        pipeline=train_pipeline,
    )
)
