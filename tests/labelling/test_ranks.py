"""Labels of one process, of three workers and of two ranks are the same bytes."""

import os
import signal

import pytest
import torch
import torch.multiprocessing as mp
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from toy import CLASSES, toy_config, toy_model
from two_ranks import leave, spawn

from mmseg_weak.labelling import CAMLabeller, SegmentorLabeller, make_labels
from mmseg_weak.labelling.folder import LabelFolder


@pytest.fixture(scope='module')
def peers(toy_root, tmp_path_factory):
    """Untrained segmentor and tag classifier, on the tags of the toy clicks."""
    init_default_scope('mmseg')
    folder, found = tmp_path_factory.mktemp('ranks'), {}
    cam = dict(toy_model(), type='CAMSegmentor')
    cam['decode_head'] = dict(type='CAMHead', in_channels=16, num_classes=3)
    for name, model in dict(segmentor=toy_model(), cam=cam).items():
        config = toy_config(toy_root, folder, model)
        torch.manual_seed(0)
        network = MODELS.build(config.model)
        head = network.decode_head
        (head.classifier if name == 'cam' else head.conv_seg).weight.data.normal_(0, 5)
        config.dump(folder / f'{name}.py')
        meta = dict(dataset_meta=dict(classes=CLASSES))
        state = dict(state_dict=network.state_dict(), meta=meta)
        torch.save(state, folder / f'{name}.pth')
        found[name] = (str(folder / f'{name}.py'), str(folder / f'{name}.pth'))
    return found


def make(peers, folder, name, **job):
    """Labels of both kinds; gives the report of one."""
    if name == 'segmentor':
        options = dict(scales=(1.0, 0.5), threshold=0.4, refinement='par')
        labeller = SegmentorLabeller([peers[name]], **options)
    else:
        maps = f'{folder}/maps'
        labeller = CAMLabeller([peers[name]], scales=(1.0, 0.5), walk=True, cams=maps)
    config = Config.fromfile(peers[name][0])
    return make_labels(config, labeller, f'{folder}/{name}', **job)


def join(rank, port):
    """What torchrun sets."""
    import mmseg_weak

    torch.set_num_threads(1)
    mmseg_weak.register()
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE='2',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )


def label_as_ranks(rank, port, peers, folder, masks):
    join(rank, port)
    written, write = [], LabelFolder.write
    LabelFolder.write = lambda *args: written.append(args[1]) or write(*args)
    reports = [make(peers, folder, name, masks=masks) for name in peers]
    assert sorted(written) == sorted([f'toy_{i:02d}' for i in range(rank, 12, 2)] * 2)
    assert all(report['images'] == 12 for report in reports)
    # What the first rank refuses ends the others as well.
    with pytest.raises(ValueError if rank == 0 else SystemExit):
        make({**peers, 'segmentor': peers['cam']}, folder, 'segmentor')
    leave()


def label_and_die(rank, port, peers, folder):
    join(rank, port)
    written, write = [], LabelFolder.write

    def die(*args):
        write(*args)
        written.append(args[1])
        if rank == 1 and len(written) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    LabelFolder.write = die
    with pytest.raises(ValueError, match='another rank has ended'):
        make(peers, folder, 'segmentor')


def contents(folder):
    """Labels, maps and reports, as bytes."""
    files = [*folder.rglob('*.png'), *folder.rglob('*.npz'), *folder.rglob('*.json')]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_workers_and_ranks_write_the_same_bytes(peers, toy_root, tmp_path):
    masks, threads = str(toy_root / 'masks'), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for name in peers:
            make(peers, tmp_path / 'one', name, masks=masks)
        make(peers, tmp_path / 'three', 'cam', masks=masks, workers=3)
    finally:
        torch.set_num_threads(threads)
    spawn(label_as_ranks, peers, tmp_path / 'ranks', masks)
    one = contents(tmp_path / 'one')
    assert len(one) == 12 + 12 + 12 + 3 + 4 + 1
    assert contents(tmp_path / 'ranks') == one
    three = contents(tmp_path / 'three')
    assert len(three) == 12 + 12 + 4 + 1 and three.items() <= one.items()


def test_images_of_a_dead_rank_are_done_by_the_next_call(peers, tmp_path):
    with pytest.raises(mp.ProcessExitedException, match='SIGKILL'):
        spawn(label_and_die, peers, tmp_path / 'dead')
    done = len(list((tmp_path / 'dead/segmentor').glob('*.png')))
    assert 2 <= done < 12 and not (tmp_path / 'dead/segmentor/report.json').is_file()
    torch.set_num_threads(1)
    for folder in ('dead', 'whole'):
        make(peers, tmp_path / folder, 'segmentor')
    assert contents(tmp_path / 'dead') == contents(tmp_path / 'whole')
