# Masks of dog, horse and person, tags of cat, cow and sheep; put `SPLIT=ccs` before the
# command for the reverse.
_base_ = '../_base_/stages/transfer.py'
split = '{{$SPLIT:dhp}}'
env = dict(SPLIT='{split}')
work_dir = 'work_dirs/stages_transfer_1xb8-1500_voc-animals-160x160/{split}/seed_{seed}'
lnet_config = (
    'configs/transfer/lnet_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
)
cam_config = 'configs/sub_category/cam_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
seg_config = 'configs/transfer/seg_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
pretrain_config = (
    'configs/transfer/pnet-pretrain_fpn_efficientnet-lite0_1xb8-300_voc-animals-160x160.py'
)
pnet_config = 'configs/transfer/pnet_fpn_efficientnet-lite0_1xb8-300_voc-animals-160x160.py'
tags = ['data/voc_animals/points/main.json']
masks = ['data/voc_animals/SegmentationClass']
