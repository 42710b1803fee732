# A classifier of tags on a frozen DINOv2: docs/foundation.md.
_base_ = 'cam_r50_1xb16-3k_voc12-512x512.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='TransformersBackbone',
        model='facebook/dinov2-small',  # or a folder of save_pretrained
        out_indices=(12,),
        frozen=True,
    ),
    decode_head=dict(in_channels=384),
)
