"""Runs the server until it is told to end, and leaves nothing behind."""

import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from vidseg.app.config import AppConfig
from vidseg.app.engines import Engines
from vidseg.errors import InputError, extra

# A camera's picture of 1920x1080 as JPEG; nothing else that clients send over the socket is as large.
_LARGEST_MESSAGE = 4_000_000
# Seconds for connections to end; longer than a job waits for a silent network.
_GRACE = 20


def serve(config: AppConfig, announce: Callable[[str], None] = lambda address: None) -> None:
    """Serves the page until a signal ends it: SIGINT and SIGTERM then take effect as they would without it.

    All files lie in a temporary folder, readable by this user only, that is removed at the end.

    Args:
        config: where and with what.
        announce: told the page's address once it can be reached.

    Raises:
        InputError: if the address cannot be used, or a runtime or device is unknown.
        CheckpointError: if a model cannot be found.
        MissingExtraError: without the extra ``app``.
    """
    with extra("app"):
        import uvicorn
        import websockets  # noqa: F401  # uvicorn would serve without, and refuse every client
    from vidseg.app.routes import App

    engines = Engines(
        config.models,
        config.device,
        config.threads,
        steady=config.steady,
        flow=config.flow,
        precision=config.precision,
    )
    if config.runtime not in engines.runtimes:
        raise InputError(f"got runtime {config.runtime!r}; expected one of {', '.join(engines.runtimes)}")
    with (
        listening(config.host, config.port) as listener,
        tempfile.TemporaryDirectory(prefix="vidseg-app-", ignore_cleanup_errors=True) as folder,
    ):
        settings = uvicorn.Config(
            App(config, engines, Path(folder)).asgi(),
            log_config=None,
            access_log=False,
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            ws="websockets-sansio",
            ws_max_size=_LARGEST_MESSAGE,
            ws_per_message_deflate=False,  # pictures are compressed already
            timeout_graceful_shutdown=_GRACE,
        )
        announce(_address(listener))
        uvicorn.Server(settings).run(sockets=[listener])


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections.

    Raises:
        InputError: if the address is no address of this machine's, or taken.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"got address {host}, port {port}, which cannot be used ({reason}); expected a free port of this machine; "
            "do: --port 0 for any"
        ) from error


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
