_base_ = [
    '../_base_/models/fcn_r18_narrow.py',
    '../_base_/datasets/synthetic_clicks.py',
    '../_base_/schedules/schedule_cpu_400.py',
    '../_base_/default_runtime.py',
]
