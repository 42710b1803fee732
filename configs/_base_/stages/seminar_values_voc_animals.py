# Those of voc_animals, chosen on 200 images held out of train (numbers in
# configs/seminar/README.md).
_base_ = 'seminar_values.py'
background_prior = 0.3
threshold = 0.6
label_options = ['--scales', '1.0']
refinement_options = ['bilateral_sxy=50', 'bilateral_srgb=5', 'bilateral_compat=4']
workers = 2
clicks = [
    'data/voc_animals/points/main.json',
    'data/voc_animals/points/bg_from_scribbles.json',
]
