# Labels of a frozen peer on the student's crop instead of PNGs. No CRF there;
# pixel-adaptive refinement leaves probabilities soft, hence the lower threshold.
_base_ = 'teacher-restricted_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
model = dict(
    pseudo_label=dict(
        type='HeterogeneousPseudoLabelHead',
        # A list of stages puts its own ancillary network here.
        peers=[
            dict(
                config='configs/seminar/pce_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py',
                checkpoint='work_dirs/pce_fpn_mobilenetv2_1xb8-600_voc-animals-160x160/'
                'iter_600.pth',
            )
        ],
        background_prior=0.3,
        threshold=0.5,
        refinement=dict(type='PixelAdaptiveRefinement'),
        loss_weight=1.0,
    )
)
