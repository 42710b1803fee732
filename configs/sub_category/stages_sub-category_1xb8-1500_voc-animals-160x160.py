# A classifier, three rounds of sub-categories as long as it is, and the maps of each. A
# round clusters the features of the network before it and starts from ImageNet's weights,
# so the classifier is the control of as many iterations as a round.
_base_ = 'stages_tags_1xb8-1500_voc-animals-160x160.py'
round_config = (
    'configs/sub_category/'
    'sub-category-r1-k10_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
)
_training, _maps = _base_.stages[:2]
stages = [_training, _maps]
for _number, _before in enumerate(('training', 'round_1', 'round_2'), 1):
    _features = '{' + _before + '.checkpoint}'
    _round = dict(
        type='Train',
        name=f'round_{_number}',
        config='{round_config}',
        options={'custom_hooks.2.features_from': _features},
        inputs=['{tags}', _features],
    )
    stages += [_round, dict(_maps, name=f'maps_{_number}', network=f'round_{_number}')]
stages.append(dict(_base_.stages[-1], network='round_3'))
