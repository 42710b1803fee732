# All three terms: clicks, the teacher, labels of another network. To be started from a
# network that learnt from clicks, see stages_seminar-teacher.
_base_ = 'hpl_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
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
