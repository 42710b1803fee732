_base_ = 'pce_deeplabv3plus_r101-d16_4xb4-80k_voc12-512x512.py'
model = dict(
    consistency=dict(
        type='TeacherConsistency',
        loss=dict(type='PixelConsistencyLoss', mode='mse', loss_weight=10.0),
    )
)
custom_hooks = [*_base_.custom_hooks, dict(type='EMATeacherHook', momentum=0.001)]
