_base_ = '../_base_/stages/teacher.py'
clicks_config = (
    'configs/seminar/pce_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
)
teacher_config = (
    'configs/seminar/'
    'teacher-restricted_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
)
teacher_free_config = (
    'configs/seminar/teacher_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
)
clicks = [
    'data/voc_animals/points/main.json',
    'data/voc_animals/points/bg_from_scribbles.json',
]
