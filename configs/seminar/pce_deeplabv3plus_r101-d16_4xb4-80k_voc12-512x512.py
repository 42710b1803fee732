_base_ = [
    '../_base_/models/deeplabv3plus_r101-d16.py',
    '../_base_/datasets/voc12_clicks.py',
    '../_base_/schedules/schedule_voc_80k.py',
    '../_base_/default_runtime.py',
]
