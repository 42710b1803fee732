_base_ = '../_base_/stages/transfer_controls.py'
lnet_config = 'configs/transfer/lnet_fpn_mobilenetv2_1xb8-600_voc-animals-dhp-160x160.py'
cam_config = 'configs/sub_category/cam_mobilenetv2_1xb8-600_voc-animals-160x160.py'
seg_config = 'configs/transfer/seg_fpn_mobilenetv2_1xb8-600_voc-animals-dhp-160x160.py'
pretrain_config = (
    'configs/transfer/pnet-pretrain_fpn_mobilenetv2_1xb8-300_voc-animals-dhp-160x160.py'
)
pnet_config = 'configs/transfer/pnet_fpn_mobilenetv2_1xb8-300_voc-animals-dhp-160x160.py'
strong_only_config = (
    'configs/transfer/strong-only_fpn_mobilenetv2_1xb8-600_voc-animals-dhp-160x160.py'
)
full_config = 'configs/transfer/full_fpn_mobilenetv2_1xb8-600_voc-animals-dhp-160x160.py'
tags = ['data/voc_animals/points/main.json']
masks = ['data/voc_animals/SegmentationClass']
