"""Two ranks of mmengine's own launcher have one teacher, and resume exactly."""

import shutil

import torch
import two_ranks
from toy import resumable_config

import mmseg_weak  # noqa: F401  (the spawned processes know no conftest)

CONSISTENCY = dict(type='TeacherConsistency', loss=dict(type='PixelConsistencyLoss'))


def run_rank(rank, port, root, folder, resume):
    """Body of one of two processes; batch norms are not synchronised."""
    config = resumable_config(root, folder, 4, consistency=CONSISTENCY)
    config.resume = resume
    model = two_ranks.train(rank, port, config).model.module
    state = dict(student=model.state_dict(), teacher=model.teacher.state_dict())
    torch.save(state, folder / f'{rank}.pt')
    two_ranks.leave()


def run(root, folder, resume=False):
    two_ranks.spawn(run_rank, root, folder, resume)
    return [torch.load(folder / f'{rank}.pt') for rank in (0, 1)]


def test_one_teacher_and_an_exact_resume(toy_root, tmp_path):
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    whole.mkdir()
    first, second = run(toy_root, whole)
    for part, weights in first.items():
        for key, value in weights.items():
            assert torch.equal(value, second[part][key]), f'{part}.{key}'
    parts.mkdir()
    shutil.copy(whole / 'iter_2.pth', parts)
    (parts / 'last_checkpoint').write_text(str(parts / 'iter_2.pth'))
    for again, once in zip(run(toy_root, parts, resume=True), (first, second)):
        for part, weights in once.items():
            for key, value in weights.items():
                assert torch.equal(value, again[part][key]), f'{part}.{key}'
