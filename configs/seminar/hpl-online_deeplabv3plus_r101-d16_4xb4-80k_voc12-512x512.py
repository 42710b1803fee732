# Labels of a frozen peer on the student's crop instead of PNGs. No CRF: it runs on the CPU.
_base_ = 'teacher_deeplabv3plus_r101-d16_4xb4-80k_voc12-512x512.py'
model = dict(
    pseudo_label=dict(
        type='HeterogeneousPseudoLabelHead',
        # A list of stages puts its own ancillary network here.
        peers=[
            dict(
                config='configs/seminar/teacher_pspnet_r50-d16_4xb4-80k_voc12-512x512.py',
                checkpoint='work_dirs/teacher_pspnet_r50-d16_4xb4-80k_voc12-512x512/'
                'iter_80000.pth',
            )
        ],
        threshold=0.7,
        class_restriction='foreground',
        refinement=dict(type='PixelAdaptiveRefinement'),
        loss_weight=1.0,
    )
)
