_base_ = 'pce_fcn_r18-narrow_1xb8-400_synthetic-96x96.py'
model = dict(
    consistency=dict(
        type='TeacherConsistency',
        loss=dict(type='PixelConsistencyLoss', mode='kl', loss_weight=1.0),
        class_restriction='foreground',
    )
)
custom_hooks = [*_base_.custom_hooks, dict(type='EMATeacherHook', momentum=0.01)]
