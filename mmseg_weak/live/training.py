"""Train the real network on the clicks of a session, beside the page."""

import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from .._processes import die_with_parent
from ..checkpoints import find_checkpoint
from .export import export_clicks
from .session import LiveSession

TAIL = 4000
COMMAND = (sys.executable, '-W', 'ignore', '-m', 'mmseg_weak')


class TrainingRun:
    """``mmseg-weak init`` and the whole road that it writes, as one process with a log.

    Args:
        folder (str | os.PathLike): Where clicks, config, log and checkpoints go.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder = Path(folder)
        self.process: subprocess.Popen | None = None

    @property
    def log(self) -> Path:
        """What the commands print."""
        return self.folder / 'train.log'

    def start(self, session: LiveSession) -> None:
        """Write the clicks and start.

        Args:
            session (LiveSession): Its clicks are trained on.

        Raises:
            ValueError: A training runs already, or there is no click.
        """
        if self.running:
            raise ValueError('a training is running')
        self.folder.mkdir(parents=True, exist_ok=True)
        clicks = self.folder / 'clicks.json'
        export_clicks(session, clicks)
        project = self.folder / 'project'
        photos = str(session.photos.resolve())
        init = [*COMMAND, 'init', photos, str(clicks), '--out', str(project)]
        init += ['--overwrite', '--classes', *session.classes]
        road = [*COMMAND, 'stages', str(project / 'stages.py')]
        self._launch(['sh', '-c', f'{shlex.join(init)} && exec {shlex.join(road)}'])

    def _launch(self, command: Sequence[str]) -> None:
        """Start in a thread that waits for the process.

        The kernel ends it with the thread that started it, and the one that answers a
        request may end at any time.
        """
        started: Future = Future()
        parent = os.getpid()

        def run() -> None:
            try:
                with open(self.log, 'wb') as log:
                    process = subprocess.Popen(
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        preexec_fn=lambda: die_with_parent(parent),
                    )
            except OSError as error:
                started.set_exception(error)
                return
            started.set_result(process)
            process.wait()

        threading.Thread(target=run, daemon=True).start()
        self.process = started.result()

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def status(self) -> dict:
        """State, end of the log and the newest checkpoint, the second network's first.

        Returns:
            dict: ``state`` (``none``, ``running``, ``failed`` or ``finished``), ``log``,
            ``config`` and ``checkpoint`` (None while there is none).
        """
        code = None if self.process is None else self.process.poll()
        state = 'running' if self.running else 'finished' if code == 0 else 'failed'
        if self.process is None:
            state = 'none'
        text = ''
        if self.log.is_file():
            with open(self.log, 'rb') as file:
                file.seek(max(0, self.log.stat().st_size - TAIL))
                text = file.read().decode(errors='replace')
        project = self.folder / 'project'
        networks = dict(student='student.py', training='config.py')
        found = {name: find_checkpoint(project / name) for name in networks}
        name = next((name for name in networks if found[name]), 'training')
        return dict(
            state=state,
            # A progress bar overwrites its line.
            log='\n'.join(line.rsplit('\r', 1)[-1] for line in text.split('\n')),
            config=str(project / networks[name]),
            checkpoint=found[name],
        )

    def stop(self) -> None:
        """End the process."""
        if self.running:
            self.process.terminate()
            self.process.wait()
