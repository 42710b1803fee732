# Strong are the 60 COCO classes that VOC lacks; their masks come from
# tools/dataset_converters/coco_strong_masks.py.
_base_ = 'lnet_largefov_vgg16_1xb30-3k_voc12-321x321.py'
train_dataloader = dict(
    dataset=dict(
        dataset=dict(
            _delete_=True,
            type='PascalVOCCoco60Dataset',
            data_root='data/coco',
            ann_file='strong60/train.txt',
            data_prefix=dict(img_path='train2017', seg_map_path='strong60/masks'),
        ),
        tags='data/coco/strong60/tags.json',
        split='voc-4',
    )
)
