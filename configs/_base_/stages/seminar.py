# The road of seminar learning: an ancillary network learns from clicks and its teacher, it
# labels the training images, a primary network of another architecture learns from clicks,
# teacher and these labels. A list built on this one takes a file of values too, and sets
# configs and checkpoints.
# Where tools/compare.py finds the result, in the work dir.
metrics = 'test/metrics.json'

resumable = [
    *('--work-dir', '{stage}', '--seed', '{seed}', '--resume'),
    *('{train_options}', '{data_options}'),
]
label = ['{python}', '{tools}/make_pseudo_labels.py']
how = [
    *('--out', '{stage}', '--fusion', '{fusion}', '--threshold', '{threshold}'),
    *('--class-restriction', '{class_restriction}'),
    *('--background-prior', '{background_prior}'),
    *('--refinement', '{refinement}', '{refinement_options}'),
    *('--workers', '{workers}', '--device', '{device}'),
    *('{label_options}', '{data_options}'),
]
labelled = ['{stage}/report.json', '{stage}/manifest.json']
labels_go_to = 'train_dataloader.dataset.pipeline.1.pseudo_label_dir'

stages = [
    dict(
        name='ancillary',
        command=['{train}', '{ancillary_config}', '{processes}', *resumable],
        inputs=['{ancillary_config}', '{clicks}'],
        outputs=['{stage}/{ancillary_checkpoint}'],
    ),
    dict(
        name='labels',
        command=[
            '{label}',
            '{ancillary_config}',
            '{ancillary}/{ancillary_checkpoint}',
            *how,
        ],
        inputs=['{ancillary_config}', '{ancillary}/{ancillary_checkpoint}', '{clicks}'],
        outputs=labelled,
    ),
    dict(
        name='primary',
        command=[
            *('{train}', '{primary_config}', '{processes}', *resumable),
            *('--cfg-options', '{labels_go_to}={labels}'),
        ],
        inputs=['{primary_config}', '{labels}/manifest.json', '{clicks}'],
        outputs=['{stage}/{primary_checkpoint}'],
    ),
    dict(
        name='test',
        command=[
            *('{python}', '{tools}/test.py', '{primary_config}'),
            *('{primary}/{primary_checkpoint}', '--work-dir', '{stage}'),
            *('--metrics-out', '{stage}/metrics.json'),
        ],
        inputs=['{primary_config}', '{primary}/{primary_checkpoint}'],
        outputs=['{stage}/metrics.json'],
    ),
]
