# A teacher that starts from a trained network: clicks alone first, then clicks and teacher.
# Beside it as many iterations of clicks alone.
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
# Where `mmseg-weak compare` finds the result, in the work dir.
metrics = 'test_teacher/metrics.json'
_clicks = dict(
    type='Train', name='clicks_first', config='{clicks_config}', inputs=['{clicks}']
)
_after = dict(_clicks, load_from='clicks_first')
_trainings = [
    _clicks,
    dict(_after, name='teacher', config='{teacher_config}'),
    dict(_after, name='teacher_free', config='{teacher_free_config}'),
    dict(_after, name='more_clicks'),
]
stages = [
    *_trainings,
    *(dict(type='Test', name=f'test_{s["name"]}', network=s['name']) for s in _trainings),
]
