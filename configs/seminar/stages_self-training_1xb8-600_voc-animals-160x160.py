_base_ = 'stages_seminar_1xb8-600_voc-animals-160x160.py'
primary_config = (
    'configs/seminar/hpl-teacher_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py'
)
stages = _base_.self_training
