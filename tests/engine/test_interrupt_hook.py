"""An interrupted training keeps what it learnt, and goes on as if it had not been."""

import multiprocessing
import os
import signal
import threading
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as torch_dist
from mmengine.hooks import Hook
from toy import resumable_config

from mmseg_weak.apis import training
from mmseg_weak.apis.training import train
from mmseg_weak.checkpoints import find_checkpoint
from mmseg_weak.engine.hooks import interrupt_hook
from mmseg_weak.engine.hooks.interrupt_hook import InterruptHook

ITERATIONS = 4


@pytest.fixture(autouse=True)
def usual_handlers():
    """Those of a program in the foreground; a shell's background job ignores ctrl-C."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, usual[number]) for number in usual}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Sender(Hook):
    """Sends signals to this process in the midst of an iteration, or of a validation."""

    def __init__(self, *numbers, iteration=1, validation=False):
        self.numbers, self.iteration, self.validation = numbers, iteration, validation

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration and not self.validation:
            self.send()

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        if self.validation:
            self.send()

    def send(self):
        for number in self.numbers:
            signal.raise_signal(number)


def config_of(toy_root, folder, **changes):
    config = resumable_config(toy_root, folder, ITERATIONS)
    config.default_hooks.checkpoint.interval = 100
    config.merge_from_dict(changes)
    return config


def run(config, monkeypatch, sender=None, **options):
    """Train with a hook that interrupts, or without."""
    build = training.build_runner

    def build_with_sender(*args):
        runner = build(*args)
        if sender:
            runner.register_hook(sender)
        return runner

    with monkeypatch.context() as patch:
        patch.setattr(training, 'build_runner', build_with_sender)
        train(config, **options)


def load(folder):
    return torch.load(folder / f'iter_{ITERATIONS}.pth', weights_only=False)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_it_is_saved_and_resumed_to_the_same_bits(toy_root, tmp_path, monkeypatch, number):
    whole, broken = tmp_path / 'whole', tmp_path / 'broken'
    run(config_of(toy_root, whole), monkeypatch)
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyboardInterrupt):
        run(config_of(toy_root, broken), monkeypatch, Sender(number))
    assert handlers == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    assert find_checkpoint(str(broken)) == str(broken / 'iter_2.pth')
    run(config_of(toy_root, broken), monkeypatch, resume='auto')
    a, b = load(whole), load(broken)
    assert a['param_schedulers'] == b['param_schedulers']
    for group in ('state_dict', 'ema_state_dict'):
        for key, value in a[group].items():
            torch.testing.assert_close(value, b[group][key], rtol=0, atol=0, msg=key)


@pytest.mark.parametrize(
    'sender',
    [Sender(signal.SIGINT, signal.SIGINT), Sender(signal.SIGINT, validation=True)],
    ids=['twice', 'validation'],
)
def test_it_ends_at_once(toy_root, tmp_path, monkeypatch, sender):
    config = config_of(toy_root, tmp_path, **{'train_cfg.val_interval': 2})
    with pytest.raises(KeyboardInterrupt):
        run(config, monkeypatch, sender)
    assert find_checkpoint(str(tmp_path)) is None


def test_a_regular_checkpoint_is_not_written_twice_and_counts(
    toy_root, tmp_path, monkeypatch
):
    keep = {'default_hooks.checkpoint.max_keep_ckpts': 1}
    with pytest.raises(KeyboardInterrupt):
        run(config_of(toy_root, tmp_path, **keep), monkeypatch, Sender(signal.SIGINT))
    keep['default_hooks.checkpoint.interval'] = 3
    saved = []
    monkeypatch.setattr(
        InterruptHook,
        'before_save_checkpoint',
        lambda self, runner, checkpoint: saved.append(checkpoint['meta']['iter']),
        raising=False,
    )
    with pytest.raises(KeyboardInterrupt):
        sender = Sender(signal.SIGTERM, iteration=2)
        run(config_of(toy_root, tmp_path, **keep), monkeypatch, sender, resume='auto')
    assert saved == [3]
    assert [path.name for path in tmp_path.glob('*.pth')] == ['iter_3.pth']


def test_summed_gradients_are_waited_for(toy_root, tmp_path, monkeypatch):
    config = config_of(toy_root, tmp_path, **{'optim_wrapper.accumulative_counts': 3})
    with pytest.raises(KeyboardInterrupt):
        run(config, monkeypatch, Sender(signal.SIGTERM, iteration=0))
    assert find_checkpoint(str(tmp_path)) == str(tmp_path / 'iter_3.pth')


def test_children_leave_ctrl_c_to_their_parent_and_end_by_sigterm():
    hook = InterruptHook()
    hook._iterates = True

    def child():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)

    with hook.listening():
        process = multiprocessing.get_context('fork').Process(target=child)
        process.start()
        process.join(60)
    assert process.exitcode == -signal.SIGTERM


def rank(number, folder, ends):
    """One of two processes, of which the second alone gets a signal."""
    torch_dist.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=number, world_size=2
    )
    interrupt_hook.ASK_EVERY = 1
    hook = InterruptHook()
    hook.before_train(None)
    with hook.listening():
        for iteration in range(3):
            if number == iteration == 1:
                signal.raise_signal(signal.SIGTERM)
            try:
                hook.after_train_iter(
                    SimpleNamespace(iter=iteration, hooks=[], optim_wrapper=None), 0
                )
            except KeyboardInterrupt:
                ends.put((number, iteration))
                break
    torch_dist.destroy_process_group()


def test_all_processes_end_in_the_same_iteration(tmp_path):
    context = multiprocessing.get_context('fork')
    ends = context.SimpleQueue()
    both = [context.Process(target=rank, args=(i, tmp_path, ends)) for i in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    assert sorted([ends.get(), ends.get()]) == [(0, 1), (1, 1)]


def test_what_is_ignored_stays_so():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with InterruptHook().listening():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL


def test_elsewhere_than_in_the_main_thread_signals_stay_as_they_are():
    seen = []

    def listen():
        with InterruptHook().listening():
            seen.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert seen == [before]
