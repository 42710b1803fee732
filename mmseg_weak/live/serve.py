"""Start the local page of a live session."""

import secrets
import socket
import webbrowser
from collections.abc import Sequence

from .labels import label_names
from .pyramid import FrozenPyramid
from .session import LiveSession
from .shared_session import SharedSession

LOOPBACK = '127.0.0.1'


def serve(
    photos: str,
    classes: Sequence[str] = (),
    work_dir: str | None = None,
    port: int = 0,
    network: Sequence[str] | None = None,
    device: str = 'cpu',
    browser: bool = True,
    export: str | None = None,
) -> None:
    """Serve the page on this machine until interrupted.

    Args:
        photos (str): Folder of photographs.
        classes (Sequence[str]): Names of a new session. Defaults to none.
        work_dir (str, optional): See :class:`~mmseg_weak.live.session.LiveSession`.
        port (int): 0 takes any free one. Defaults to 0.
        network (Sequence[str], optional): Config and checkpoint of a trained network whose
            features are used. Defaults to None, EfficientNet-Lite0.
        device (str): Where the network runs. Defaults to cpu.
        browser (bool): Open a browser. Defaults to True.
        export (str, optional): See
            :class:`~mmseg_weak.live.shared_session.SharedSession`.

    Raises:
        FileNotFoundError: Folder or network is absent.
        ValueError: The port is taken, a part of the installation is missing, or the folder
            holds no image.
    """
    try:
        import uvicorn

        from .server import build_app
    except ImportError as error:
        raise ValueError(
            f'the page needs {error.name}: pip install "mmseg_weak[annotate]"'
        ) from None
    listener = _listen(port)
    pyramid = (
        FrozenPyramid.from_segmentor(*network, device=device)
        if network
        else FrozenPyramid(device=device)
    )
    shared = SharedSession(LiveSession(photos, classes, work_dir, pyramid), export)
    tell_of_shared_masks(shared.session.images)
    token = secrets.token_urlsafe(24)
    address = f'http://{LOOPBACK}:{listener.getsockname()[1]}/?token={token}'
    print(f'{len(shared.session.images)} photographs: {address}', flush=True)
    if browser:
        webbrowser.open(address)
    shared.start()
    # Its own log settings would close the log files of everybody else in this process.
    config = uvicorn.Config(
        build_app(shared, token),
        log_config=None,
        log_level='error',
        timeout_graceful_shutdown=2,
    )
    try:
        uvicorn.Server(config).run([listener])
    except KeyboardInterrupt:  # uvicorn hands it on
        pass
    finally:
        shared.stop()


def tell_of_shared_masks(images: Sequence[str]) -> None:
    """Warn before anybody clicks of what export and training will refuse."""
    try:
        label_names(images)
    except ValueError as error:
        print(f'warning: {error}; masks cannot be exported or trained on before that')


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen()  # now: the browser opens before the server runs
    except (OSError, OverflowError) as error:
        raise ValueError(f'port {port} cannot be used ({error})') from None
    return listener
