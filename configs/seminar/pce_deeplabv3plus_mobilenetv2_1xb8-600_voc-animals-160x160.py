_base_ = 'stock-ce_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
model = dict(
    type='SeminarSegmentor',
    decode_head=dict(loss_decode=dict(_delete_=True, type='PartialCrossEntropyLoss')),
)
