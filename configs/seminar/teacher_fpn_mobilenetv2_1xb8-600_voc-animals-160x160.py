# The ancillary network with a teacher that knows which classes were clicked.
_base_ = 'pce_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py'
model = dict(
    consistency=dict(
        type='TeacherConsistency',
        loss=dict(type='DecoupledConsistencyLoss', background_weight=1.0, class_weight=3.0),
        class_restriction='renormalise',
        refinement=dict(dilations=(1, 2, 4), num_iters=5),
    )
)
custom_hooks = [
    dict(type='ClassCheckHook'),
    dict(type='IterationSeedHook'),
    dict(type='EMATeacherHook', momentum=0.01),
]
