# mmseg's own loss on rasterised clicks, without the losses of this package.
_base_ = [
    '../_base_/models/deeplabv3plus_mobilenetv2.py',
    '../_base_/datasets/voc_animals_clicks.py',
    '../_base_/schedules/schedule_cpu_600.py',
    '../_base_/default_runtime.py',
]
