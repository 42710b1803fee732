"""The local page of a live session: who may ask, and what it answers.

Only this machine is listened to, every request must know the token of the address, and a
page of another site can neither read nor write: see ``docs/live.md``.
"""

import hmac
import json
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..datasets.formats.writing import writable_formats
from .shared_session import SharedSession, as_points, page_file
from .suggestion import RULES

# With the port behind it: a browser sends the cookies of a host to all its ports, and two
# sessions may be open at once.
COOKIE = 'mmseg_weak_token_{}'
HOSTS = ('127.0.0.1', 'localhost', '[::1]')
# Bytes of a request: a file of clicks may be large, everything else is not.
MAX_BODY, MAX_FILE = 1 << 20, 64 << 20
TYPES = {
    '.html': 'text/html',
    '.js': 'text/javascript',
    '.css': 'text/css',
    '.svg': 'image/svg+xml',
}
POLICY = "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'"
HEADERS = {
    'Content-Security-Policy': POLICY,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
}
# Methods of Pages by method of HTTP; ``import`` is a word of Python.
ENDPOINTS = dict(
    GET=(
        *('state', 'news', 'image', 'photo', 'overlay'),
        *('suggest', 'quality', 'training', 'formats', 'exporting'),
    ),
    POST=('operation', 'train', 'deepen', 'export'),
)
# Seconds that a page waits for news of other pages.
PATIENCE = 20.0


def build_app(shared: SharedSession, token: str) -> Starlette:
    """The web application.

    Args:
        shared (SharedSession): What it shows.
        token (str): Secret that the address of the page holds.

    Returns:
        Starlette: For an ASGI server that listens to the loopback address.
    """
    guard = Guard(token)
    pages = Pages(shared)
    routes = [Route('/', guard(page, sets_cookie=True)), Route('/page/{name}', guard(page))]
    for method, names in ENDPOINTS.items():
        for name in names:
            answer = guard(getattr(pages, name))
            routes.append(Route(f'/api/{name}', answer, methods=[method]))
    routes.append(Route('/api/import', guard(pages.take), methods=['POST']))
    return Starlette(routes=routes)


class Guard:
    """Answers nobody but the page whose address holds the token.

    Args:
        token (str): The secret.
    """

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, answer: Callable, sets_cookie: bool = False) -> Callable:
        """Wrap an endpoint."""

        async def endpoint(request: Request) -> Response:
            refusal = self.refusal(request)
            response = refusal or await _answer(answer, request)
            response.headers.update(HEADERS)
            if sets_cookie and not refusal:
                response.set_cookie(
                    _cookie(request), self.token, httponly=True, samesite='strict'
                )
            return response

        return endpoint

    def refusal(self, request: Request) -> Response | None:
        """Why a request is not answered, None if it is."""
        host = request.headers.get('host', '').rsplit(':', 1)[0]
        if host not in HOSTS:
            return Response('unknown host', 403)
        origin = request.headers.get('origin')
        own = f'{request.url.scheme}://{request.headers.get("host")}'
        if origin is not None and origin != own:
            return Response('another origin', 403)
        given = request.query_params.get('token') or request.cookies.get(
            _cookie(request), ''
        )
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return Response('open the address that the command printed', 403)
        if request.method == 'POST' and origin is None:
            return Response('no origin', 403)
        return None


def _cookie(request: Request) -> str:
    return COOKIE.format(request.scope['server'][1])


async def _answer(answer: Callable, request: Request) -> Response:
    """Call an endpoint in a thread; mistakes become one line."""
    body = None
    if request.method == 'POST':
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > (MAX_FILE if request.url.path == '/api/import' else MAX_BODY):
                return Response('request too large', 413)
    try:
        content = await run_in_threadpool(answer, request, body)
    except (ValueError, OSError) as error:
        return JSONResponse(dict(error=str(error)), 400)
    return content if isinstance(content, Response) else JSONResponse(content)


def page(request: Request, _) -> Response:
    """The page and its parts."""
    file = page_file(request.path_params.get('name', 'index.html'))
    if file is None or file.suffix not in TYPES:
        return Response('no such file', 404)
    return Response(file.read_bytes(), media_type=TYPES[file.suffix])


class Pages:
    """What the page asks for."""

    def __init__(self, shared: SharedSession) -> None:
        self.shared = shared

    def state(self, request: Request, _) -> dict:
        """Classes, images, counts."""
        return self.shared.state()

    def news(self, request: Request, _) -> dict:
        """The version, once it differs from ``since``."""
        since = int(request.query_params.get('since', -1))
        return dict(version=self.shared.wait(since, PATIENCE), ready=self.shared.ready)

    def image(self, request: Request, _) -> dict:
        """Size and clicks of ``name``."""
        return self.shared.clicks(request.query_params.get('name', ''))

    def photo(self, request: Request, _) -> Response:
        """JPEG of ``name``."""
        photo = self.shared.photo(request.query_params.get('name', ''))
        return Response(photo, media_type='image/jpeg')

    def overlay(self, request: Request, _) -> Response:
        """PNG of ``name``: ``kind`` is mask or doubt, ``hide`` lists classes."""
        values = request.query_params
        try:
            hide = frozenset(json.loads(values.get('hide', '[]')))
        except (ValueError, TypeError, RecursionError):
            raise ValueError('hide is a JSON list of classes') from None
        kind = values.get('kind', 'mask')
        picture = self.shared.overlay(values.get('name', ''), kind, hide)
        if picture is None:
            return Response(status_code=204)
        return Response(picture, media_type='image/png')

    def suggest(self, request: Request, _) -> dict:
        """Where to click next."""
        values = request.query_params
        session = self.shared.session
        options = {key: values[key] for key in ('rule', 'image') if values.get(key)}
        return vars(self.shared.locked(lambda: session.suggest(**options)))

    def quality(self, request: Request, _) -> dict:
        """Held-out agreement with the clicks; numbers that are none are null."""
        session = self.shared.session
        quality = vars(self.shared.locked(session.quality))
        known = session.journal.state.clicks
        clicks = [known[i] for i in quality['suspicious'][:20] if i in known]
        found = [dict(id=click.id, image=click.image) for click in clicks]
        text = json.dumps(dict(quality, suspicious=found, rules=list(RULES)))
        return json.loads(text, parse_constant=lambda _: None)

    def operation(self, request: Request, body: bytearray) -> dict:
        """One of :data:`~mmseg_weak.live.shared_session.OPERATIONS`."""
        try:
            values = json.loads(body)
            kind = values.pop('kind')
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise ValueError('an operation is JSON with a kind') from None
        if 'points' in values:
            values['points'] = as_points(values['points'])
        number = self.shared.operate(kind, values)
        return dict(version=self.shared.version, number=number)

    def train(self, request: Request, _) -> dict:
        """Label the photographs as the masks are now, and train the real network."""
        self.shared.locked(self.shared.training.start, self.shared.session)
        return self.shared.training.status()

    def training(self, request: Request, _) -> dict:
        """How the training is doing."""
        return self.shared.training.status()

    def deepen(self, request: Request, _) -> dict:
        """Use the trained network's features from now on."""
        self.shared.deepen()
        return self.shared.state()

    def formats(self, request: Request, _) -> list[str]:
        """Names of the formats that clicks can be exported in."""
        return writable_formats()

    def export(self, request: Request, body: bytearray) -> dict:
        """Write clicks as ``format``, with ``masks`` also masks and labels of all."""
        values = request.query_params
        return self.shared.export(values.get('format', 'clicks'), 'masks' in values)

    def exporting(self, request: Request, _) -> dict:
        """How many masks the export in progress has written."""
        return dict(done=self.shared.exported, total=len(self.shared.session.images))

    def take(self, request: Request, body: bytearray) -> dict:
        """Import the file in the body, called ``name``."""
        name = request.query_params.get('name', '')
        return dict(report=self.shared.take(bytes(body), name))
