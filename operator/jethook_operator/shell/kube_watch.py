"""The watches: kopf, with a handler for each kind that hands every event to the operator's own loop.

kopf runs in a thread with a loop of its own, since it cancels tasks that it did not start and takes the process's
signals. Only `on.event` is used: handlers for create and update write to each object, an index is quadratic.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import kopf

from jethook_contract.errors import Unavailable
from jethook_operator.core.resources import Kind
from jethook_operator.shell.kube_kinds import COLLECTIONS, Collection
from jethook_operator.shell.kube_session import listening_session
from jethook_operator.shell.watch_life import SERVER_SECONDS, WatchLife

_STOP_SECONDS = 10.0
_GONE_SECONDS = 5.0
_CLOSE_SECONDS = 0.25
Json = dict[str, Any]
Login = Callable[[], Coroutine[Any, Any, kopf.ConnectionInfo]]


class Observer(Protocol):
    """Hear of every event, in the loop that called `run`."""

    def __call__(self, kind: Kind, event_type: str | None, raw: Json) -> None:
        """Take one event; the type None belongs to a list."""


class Watches:
    """Watch every kind in the whole cluster until cancelled; each watch that begins is a sign in `life`."""

    def __init__(self, *, login: Login, observer: Observer, life: WatchLife) -> None:
        self._login = login
        self._observer = observer
        self._life = life
        self._stop: Callable[[], None] = lambda: None
        self._gone: Callable[[str], None] = lambda _path: None

    async def run(self) -> None:
        """Watch; raise Unavailable `WatchEnded` when kopf gives up, as it does on a CRD that is removed."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[BaseException | None] = loop.create_future()

        def give_up(path: str) -> None:
            _settle(ended, Unavailable("WatchEnded", f"{path} is not there any more"))

        def gone(path: str) -> None:
            """End what kopf does not: its other watches may wait for a login that it has cancelled already."""
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(lambda: loop.call_later(_GONE_SECONDS, give_up, path))

        self._gone = gone
        thread = threading.Thread(target=self._work, args=(loop, ended), name="kopf", daemon=True)
        thread.start()
        try:
            outcome = await asyncio.shield(ended)
        except asyncio.CancelledError:
            self._stop()
            await asyncio.wait({ended}, timeout=_STOP_SECONDS)
            raise
        cause = str(outcome or "no reason given")
        raise Unavailable("WatchEnded", f"the watches of the Kubernetes API ended: {cause}") from outcome

    def _work(self, main_loop: asyncio.AbstractEventLoop, ended: asyncio.Future[BaseException | None]) -> None:
        outcome: BaseException | None = None
        try:
            asyncio.run(self._operate(main_loop))
        except BaseException as exc:  # noqa: BLE001 -- the top of a thread: its end is told, whatever it was
            outcome = exc
        with contextlib.suppress(RuntimeError):  # the other loop has gone: nobody asks any more
            main_loop.call_soon_threadsafe(_settle, ended, outcome)

    async def _operate(self, main_loop: asyncio.AbstractEventLoop) -> None:
        # An event of this loop, not of threading: kopf would wait for the latter in a thread that nothing ends.
        stop, own_loop = asyncio.Event(), asyncio.get_running_loop()
        self._stop = lambda: _call_in(own_loop, stop.set)
        registry = kopf.OperatorRegistry()
        for collection in COLLECTIONS.values():
            _register(registry, collection, main_loop=main_loop, observer=self._observer)

        @kopf.on.login(registry=registry)
        async def login(**_: Any) -> kopf.AiohttpSession:
            return listening_session(await self._login(), accepted=self._accepted, gone=self._gone)

        try:
            settings = _settings()
            await kopf.operator(registry=registry, settings=settings, clusterwide=True, standalone=True, stop_flag=stop)
        finally:
            await asyncio.sleep(_CLOSE_SECONDS)  # kopf does not wait until its TLS connections are closed

    def _accepted(self, path: str) -> None:
        for kind, collection in COLLECTIONS.items():
            if path.endswith(collection.path):  # what is before it belongs to the server's address
                self._life.saw(kind)


def _settle(ended: asyncio.Future[BaseException | None], outcome: BaseException | None) -> None:
    if not ended.done():
        ended.set_result(outcome)


def _call_in(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended already
        loop.call_soon_threadsafe(call)


def _register(
    registry: kopf.OperatorRegistry,
    collection: Collection,
    *,
    main_loop: asyncio.AbstractEventLoop,
    observer: Observer,
) -> None:
    kind = collection.kind

    @kopf.on.event(collection.group, collection.version, collection.plural, registry=registry, id=kind.lower())
    async def on_event(event: Any, **_: Any) -> None:
        # A plain copy: kopf's body is a view that the other thread must not share.
        main_loop.call_soon_threadsafe(observer, kind, event["type"], dict(event["object"]))


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.watching.server_timeout = SERVER_SECONDS
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.process.ultimate_exiting_timeout = None
    # kopf removes its finalizer wherever it finds one without use: with the default name, other operators' ones too.
    settings.persistence.finalizer = "jethook.io/unused"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix="jethook.io")
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix="jethook.io")
    for collection in COLLECTIONS.values():
        if collection.selector:
            selected = (collection.group, collection.version, collection.plural)
            settings.watching.label_selectors[selected] = collection.selector
    return settings
