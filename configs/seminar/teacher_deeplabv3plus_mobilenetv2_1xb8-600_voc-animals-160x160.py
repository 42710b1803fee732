_base_ = 'pce_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
model = dict(
    consistency=dict(
        type='TeacherConsistency',
        loss=dict(type='PixelConsistencyLoss', mode='mse', loss_weight=10.0),
    )
)
custom_hooks = [dict(type='ClassCheckHook'), dict(type='EMATeacherHook', momentum=0.01)]
