"""Makes the parts of the service, connects them, and runs them until a signal."""

import asyncio
import contextlib
import functools
import gc
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine

import uvicorn
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from contracts.exits import Exit, UsageError
from contracts.request_log import ANY_KEY, LogName
from service.api.export import ExportSlots
from service.api.feedback import Feedback
from service.api.routes import Parts, build_app
from service.http.api_keys import Keys, read_keys
from service.http.application import Application
from service.http.body import DISCARD_FACTOR, BodyReader
from service.http.content_types import DirectRoute, JsonOnly, JsonOrArrow, Negotiation
from service.http.load_shedding import Admission
from service.http.problems import KINDS
from service.http.protocol import BoundedProtocol, Deadlines
from service.http.root_path import BelowRoot
from service.http.server import Readiness, Server, listen
from service.http.unread_answers import UnreadAnswers
from service.http.write_coalescing import Outbox
from service.log.upload import uploads_to
from service.log.writer import KeyedLog, Limits, LogKeeper, prepare_folder
from service.logs import say
from service.metrics import Metrics
from service.prediction.predictor import Predictor
from service.prediction.reload import Reloader
from service.prediction.served_model import ServedModel, load_bounded
from service.prediction.shadow import Shadow, refuse_other_features
from service.settings import Settings

MEBIBYTE = 1024 * 1024
# The headers that pages of other origins may send, beyond the safelisted ones; below, those that they may read.
CORS_HEADERS = (
    "Authorization", "Content-Type", "Idempotency-Key", "Inference-Header-Content-Length", "Traceparent",
    "X-Request-ID",
)  # fmt: skip
CORS_EXPOSED = ("Inference-Header-Content-Length", "Retry-After", "X-Request-ID")


def serve(settings: Settings) -> Exit:
    """Load, prove, listen, answer. Raises UsageError and ModelFolderError before anything listens."""
    started = time.perf_counter()
    # By default SIGHUP ends the process: ignore it until there is something to reload.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    model = load_bounded(settings.model_dir, settings.model_load_seconds)
    keys = None if settings.api_keys_file is None else read_keys(settings.api_keys_file)
    prepare_folder(settings.request_log_dir)
    service = Service(settings, model, keys)
    listener = _listen(settings)
    say("loaded", model=model.card.name, digest=model.digest, seconds=round(time.perf_counter() - started, 3))
    with asyncio.Runner(loop_factory=service.config.get_loop_factory()) as runner:
        runner.run(service.run(listener))
    say("stopped")
    return Exit.PASS


class Service:
    """All parts of one process, each made once and handed to those that need it."""

    def __init__(self, settings: Settings, model: ServedModel, keys: Keys | None) -> None:
        self._settings = settings
        self.metrics = Metrics(model.score_bounds)
        self.metrics.refusals.make((kind.slug,) for kind in KINDS)
        self.readiness = Readiness()
        self.metrics.ready.set_function(self.readiness)
        self.uploads = None
        if settings.request_log_bucket is not None:
            self.uploads = uploads_to(
                settings.request_log_bucket, settings.aws_endpoint_url_s3, settings.request_log_dir, self.metrics
            )
        self.keeper = LogKeeper(
            settings.request_log_dir, _limits(settings), settings.log_fsync_ms / 1000,
            self.uploads.count_lost if self.uploads else None,
        )  # fmt: skip
        self.shadow = self._shadow(model)
        self.predictor = Predictor(model, self._log("predictions"), self.metrics, self.shadow)
        folder = settings.request_log_dir
        self.admission = admission = Admission(settings.max_in_flight, settings.max_wait_seconds, self.metrics)
        reader = BodyReader(admission, settings.max_body_bytes, settings.body_seconds)
        feedback = Feedback(
            folder, self._log("labels"), settings.feedback_days, settings.label_clock_skew_seconds,
            self._may_label, self.metrics, self._labels_of if self.uploads else None,
        )  # fmt: skip
        self.parts = Parts(
            self.predictor, feedback, reader, self.metrics, folder, ExportSlots(self.metrics), self.readiness,
            settings.root_path,
        )  # fmt: skip
        app = build_app(self.parts, model)
        routes = tuple(sorted({path for route in app.routes if (path := getattr(route, "path", ""))}))
        self.application = Application(app, self._direct(), routes, admission, reader, keys, self.metrics)
        self.reloader = Reloader(
            settings.model_dir, lambda: self.predictor.model.digest, self.adopt, self._read_keys,
            lambda folder: load_bounded(folder, settings.model_load_seconds), self.metrics,
        )  # fmt: skip
        self.outbox = Outbox()
        self.unread = UnreadAnswers(settings.write_seconds, self.metrics)
        self._at_the_end: list[Callable[[], None]] = []
        self.config = self._configured()
        self.server = Server(self.config, self.readiness, settings.drain_seconds)
        admission.tasks = self.outbox.tasks = self.server.server_state.tasks

    def _log(self, name: LogName) -> KeyedLog:
        return self.keeper.open(name, self.metrics)

    def _may_label(self, client: str, made_by: str) -> bool:
        keys = self.application.keys
        return keys is None or keys.may_label(client, made_by)

    def _labels_of(self, client: str) -> tuple[str, ...]:
        keys = self.application.keys
        return (ANY_KEY,) if keys is None else keys.labels_of(client)

    def _shadow(self, model: ServedModel) -> Shadow | None:
        if self._settings.shadow_model_dir is None:
            return None
        shadow = load_bounded(self._settings.shadow_model_dir, self._settings.model_load_seconds)
        refuse_other_features(shadow, model)
        return Shadow(shadow, self._log("shadow"), self.metrics)

    def _direct(self) -> dict[str, Negotiation]:
        predictor = self.predictor
        return {
            "/predict": JsonOnly(DirectRoute(predictor.one, predictor.model.max_row_bytes)),
            "/predict/batch": JsonOrArrow(predictor.batch, predictor.model.max_batch_bytes),
        }

    def _configured(self) -> uvicorn.Config:
        settings = self._settings
        connection = functools.partial(
            BoundedProtocol,
            deadlines=Deadlines(settings.header_seconds, settings.body_seconds),
            readiness=self.readiness,
            admission=self.admission,
            outbox=self.outbox,
            unread=self.unread,
            metrics=self.metrics,
            most_discarded=DISCARD_FACTOR * settings.max_body_bytes,
        )
        return uvicorn.Config(
            self._below_root(self._traced(self._with_cors(self.application))),
            # uvicorn calls it like a protocol class.
            http=connection,  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=settings.keep_alive_seconds,
            timeout_graceful_shutdown=int(settings.grace_seconds),
        )

    def _below_root(self, app: ASGIApp) -> ASGIApp:
        return BelowRoot(app, self._settings.root_path) if self._settings.root_path else app

    def _with_cors(self, app: ASGIApp) -> ASGIApp:
        """Open to the pages of CORS_ORIGINS, where it names some."""
        origins = [one.strip() for one in self._settings.cors_origins.split(",") if one]
        if not origins:
            return app
        return CORSMiddleware(
            app, allow_origins=origins, allow_methods=["GET", "POST"], allow_headers=CORS_HEADERS,
            expose_headers=CORS_EXPOSED,
        )  # fmt: skip

    def _traced(self, app: ASGIApp) -> ASGIApp:
        if self._settings.otel_exporter_otlp_endpoint is None:
            return app
        # Imported only here, because it costs 0.3 s and 10 MB.
        from service.http import tracing

        model = self.predictor.model
        provider = tracing.provider_of(model.card.name, model.digest)
        self._at_the_end.append(functools.partial(tracing.finish, provider))
        return tracing.Traced(app, provider.get_tracer("gatehouse"), self.application.route_of)

    def adopt(self, model: ServedModel) -> None:
        """Document this model, then answer with it from the next request on."""
        app = build_app(self.parts, model)
        self.predictor.adopt(model)
        self.application.app, self.application.direct = app, self._direct()

    def _read_keys(self) -> None:
        if self._settings.api_keys_file is not None:
            self.application.keys = read_keys(self._settings.api_keys_file)

    async def run(self, listener: socket.socket) -> None:
        """Serve until a signal, then sync the logs to disk."""
        # Everything made so far stays for ever, so exclude it from garbage collection. Collect seldom: a batch makes
        # thousands of objects, and reference counting frees them once it is answered.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        # Another thread (an export, an index) may hold the interpreter for at most this long.
        sys.setswitchinterval(0.0005)
        async with contextlib.AsyncExitStack() as background:
            if self.uploads is not None:
                self.uploads.start()
                background.callback(self.uploads.finish, self._settings.grace_seconds)
            for finish in (*self._at_the_end, self.keeper.close):
                background.callback(finish)
            await background.enter_async_context(_in_background(self.keeper.run(self.metrics.fold_next)))
            await background.enter_async_context(_in_background(self.reloader.watch()))
            if self.shadow is not None:
                await background.enter_async_context(_in_background(self.shadow.run()))
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reloader.ask)
            await self.server.serve(sockets=[listener])


@contextlib.asynccontextmanager
async def _in_background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _listen(settings: Settings) -> socket.socket:
    try:
        return listen(settings.host, settings.port)
    except OSError as error:
        where = f"HOST is {settings.host!r} and PORT is {settings.port}"
        raise UsageError(f"{where}: cannot listen there ({error.strerror}). Name another, or PORT=0.") from None


def _limits(settings: Settings) -> Limits:
    return Limits(
        rotate_bytes=settings.log_rotate_mb * MEBIBYTE,
        rotate_seconds=settings.log_rotate_hours * 3600.0,
        keep_bytes=settings.log_keep_mb * MEBIBYTE,
        keep_seconds=settings.log_keep_days * 86_400.0,
    )
