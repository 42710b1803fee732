# Six scales from 0.5 to 1.75, each also mirrored: tools/test.py --tta.
_base_ = 'tta_4_scales.py'
tta_pipeline = _base_.tta_pipeline
tta_pipeline[1].transforms[0] = [
    dict(type='Resize', scale_factor=ratio, keep_ratio=True)
    for ratio in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
]
