# A second round with swapped roles: the primary network labels for a new ancillary one,
# which labels for a new primary one. Both start from their pre-trained weights again.
_base_ = 'seminar_tta.py'
metrics = 'test_2/metrics.json'
tta_metrics = 'test_tta_2/metrics.json'
# Networks that learnt from labels of the first round have another bias.
second_background_prior = 1.0
_, _labels, _primary, *_tests = _base_.stages
_how = dict(_base_.how, background_prior='{second_background_prior}')
stages = [
    *_base_.stages,
    dict(_labels, name='labels_2', network='primary', options=_how),
    dict(_primary, name='ancillary_2', config='{second_config}', labels='labels_2'),
    dict(_labels, name='labels_3', network='ancillary_2', options=_how),
    dict(_primary, name='primary_2', labels='labels_3'),
    *(dict(test, name=test['name'] + '_2', network='primary_2') for test in _tests),
]
