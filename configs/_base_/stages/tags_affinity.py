# The same through an affinity network: it learns from what the maps are sure of, and the
# maps walk along its affinities before they become labels.
_base_ = 'tags.py'
sure = ['--affinity-labels', '4', '32', '--refinement', 'crf']
how = ['--background-power', '16', '--refinement', 'none']
_inputs = ['{classifier_config}', '{classifier}/{classifier_checkpoint}', '{tags}']
stages = [
    _base_.classifier,
    dict(
        name='affinity_labels',
        command=[*_base_.label, '{sure}'],
        inputs=_inputs,
        outputs=_base_.labelled,
    ),
    dict(
        name='affinity',
        command=[
            *('{train}', '{affinity_config}', '{processes}', *_base_.resumable),
            *('--cfg-options', '{labels_go_to}={affinity_labels}'),
        ],
        inputs=['{affinity_config}', '{affinity_labels}/manifest.json'],
        outputs=['{stage}/{affinity_checkpoint}'],
    ),
    dict(
        name='labels',
        command=[
            *(*_base_.label, '--affinity-walk', '{affinity_config}'),
            *('{affinity}/{affinity_checkpoint}', '{how}'),
        ],
        inputs=[*_inputs, '{affinity_config}', '{affinity}/{affinity_checkpoint}'],
        outputs=_base_.labelled,
    ),
    *_base_.segmenter,
]
