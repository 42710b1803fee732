"""Train the real network on what a session knows, beside the page."""

import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from .._files import replace_file
from .._messages import reason_of
from .._processes import die_with_parent
from ..checkpoints import find_checkpoint
from ..datasets.pseudo_label_folder import MANIFEST
from .labels import write_labels
from .session import LiveSession

TAIL = 4000
COMMAND = (sys.executable, '-W', 'ignore', '-m', 'mmseg_weak')


class TrainingRun:
    """Labels from the live masks, ``mmseg-weak init`` and ``train`` on them, with a log.

    Stopped or killed, it goes on where it was; after other clicks it starts anew.

    Args:
        folder (str | os.PathLike): Where labels, config, log and checkpoints go.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder = Path(folder)
        self.project, self.labels = self.folder / 'project', self.folder / 'labels'
        self.process: subprocess.Popen | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._code: int | None = None

    @property
    def log(self) -> Path:
        """What the commands print."""
        return self.folder / 'train.log'

    def start(self, session: LiveSession) -> None:
        """Start to label, then to train.

        Args:
            session (LiveSession): Its masks and clicks of this moment are learnt from.

        Raises:
            ValueError: A training runs already, or there is no click.
        """
        if self.running:
            raise ValueError('a training is running')
        session = session.frozen()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.write_bytes(b'')
        self._code = self.process = None
        self._stop.clear()
        # The kernel ends a process with the thread that started it, and the one that
        # answers a request may end at any time.
        self._thread = threading.Thread(target=self._run, args=(session,), daemon=True)
        self._thread.start()

    def _run(self, session: LiveSession) -> None:
        """Label, train, and keep the exit status."""
        try:
            if self._label(session):
                self._code = self._call(self._command(session))
        except Exception as error:  # else nobody would learn of it
            self._say(f'\n{reason_of(error)}')
            self._code = 1

    def _label(self, session: LiveSession) -> bool:
        """Write the labels; False if it was stopped."""
        count = len(session.images)
        self._say(f'labels from the live masks of {count} photographs')
        for done, _ in enumerate(write_labels(session, self.labels), 1):
            self._say(f'\rlabels from the live masks: {done} of {count} photographs')
            if self._stop.is_set():
                return False
        self._say('\n')
        return True

    def _command(self, session: LiveSession) -> list[str]:
        """What trains; an earlier training on other labels is removed."""
        trained_on, manifest = self.folder / 'trained_on.json', self.labels / MANIFEST
        if not (trained_on.is_file() and trained_on.read_bytes() == manifest.read_bytes()):
            shutil.rmtree(self.project, ignore_errors=True)
            with replace_file(trained_on) as temporary:
                shutil.copyfile(manifest, temporary)
        photos, project = str(session.photos.resolve()), str(self.project)
        init = [*COMMAND, 'init', photos, str(self.labels), '--out', project, '--overwrite']
        train = [*COMMAND, 'train', str(self.project / 'config.py'), '--resume']
        return ['sh', '-c', f'{shlex.join(init)} && exec {shlex.join(train)}']

    def _say(self, text: str) -> None:
        with open(self.log, 'a', encoding='utf-8') as log:
            log.write(text)

    def _call(self, command: Sequence[str]) -> int:
        """Exit status of a command that ends with this process."""
        parent = os.getpid()
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: die_with_parent(parent),
            )
        if self._stop.is_set():
            self.process.terminate()
        return self.process.wait()

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._thread is not None and self._thread.is_alive()

    def status(self) -> dict:
        """State, end of the log and the newest checkpoint.

        Returns:
            dict: ``state`` (``none``, ``running``, ``failed`` or ``finished``), ``log``,
            ``config`` and ``checkpoint`` (None while there is none).
        """
        state = 'none'
        if self._thread is not None:
            ended = 'finished' if self._code == 0 else 'failed'
            state = 'running' if self.running else ended
        text = ''
        if self.log.is_file():
            with open(self.log, 'rb') as file:
                file.seek(max(0, self.log.stat().st_size - TAIL))
                text = file.read().decode(errors='replace')
        return dict(
            state=state,
            # A progress bar overwrites its line.
            log='\n'.join(line.rsplit('\r', 1)[-1] for line in text.split('\n')),
            config=str(self.project / 'config.py'),
            checkpoint=find_checkpoint(self.project / 'training'),
        )

    def stop(self) -> None:
        """End it; the same clicks go on from here."""
        self._stop.set()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
        if self._thread is not None:
            self._thread.join()
