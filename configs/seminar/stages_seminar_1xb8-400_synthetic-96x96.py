_base_ = '../_base_/stages/seminar.py'
ancillary_config = 'configs/seminar/teacher_psp_r18-narrow_1xb8-400_synthetic-96x96.py'
primary_config = 'configs/seminar/hpl_fcn_r18-narrow_1xb8-400_synthetic-96x96.py'
# Clicks are few and background clicks half of them: networks give it too much.
background_prior = 0.35
clicks = [
    'work_dirs/data/synthetic/points/clicks.json',
    'work_dirs/data/synthetic/points/background.json',
]
