"""A camera for tests and measurements: a GStreamer test picture over RTSP, on this machine only.

GStreamer's Python bindings belong to the system's Python (Debian: python3-gi, gir1.2-gst-rtsp-server-1.0, and
gstreamer1.0-plugins-base, -good and -ugly), not to a virtual environment. So `serving` runs this file with that Python,
as a child.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PYTHON = "/usr/bin/python3"  # the system's, which is the one that has the bindings
_LONGEST = 900  # seconds after which a server ends by itself, whoever forgot it


class ServerMissingError(RuntimeError):
    """GStreamer's RTSP server cannot be run here; says why."""


class Server:
    """A running server.

    Attributes:
        port: on 127.0.0.1.
        address: of the stream, without credentials.
    """

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self._process = process
        self.port = port
        self.address = f"rtsp://127.0.0.1:{port}/test"

    def kill(self) -> None:
        """Ends it as a power cut would; its connections break."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@contextmanager
def serving(*, port: int = 0, fps: int = 15, login: str | None = None, scheme: str = "basic") -> Iterator[Server]:
    """Runs a server for the length of the block.

    Args:
        port: on 127.0.0.1; 0 for a free one.
        fps: frames a second of the picture, 320x240.
        login: "user:password" that it asks for; None for none.
        scheme: how it asks: "basic" or "digest".

    Raises:
        ServerMissingError: if it cannot be run here.
    """
    command = [PYTHON, __file__, f"--port={port}", f"--fps={fps}", f"--scheme={scheme}"]
    if login is not None:
        command.append(f"--login={login}")
    if not Path(PYTHON).exists():
        raise ServerMissingError(f"no {PYTHON}, whose GStreamer bindings would serve the stream")
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
        assert process.stdout is not None
        try:
            announced = process.stdout.readline().strip()
            if not announced.isdecimal():
                process.wait()
                said.seek(0)
                reason = said.read().strip().splitlines()[-1:] or ["it said nothing"]
                raise ServerMissingError(f"GStreamer's RTSP server cannot be run here ({reason[0]})")
            yield Server(process, int(announced))
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def main() -> None:
    """Serves until it is killed; prints its port when it can be connected to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fps", type=int, default=15)
    parser.add_argument("--login")
    parser.add_argument("--scheme", choices=("basic", "digest"), default="basic")
    args = parser.parse_args()

    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtsp", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

    Gst.init(None)
    missing = [
        name for name in ("videotestsrc", "x264enc", "rtph264pay", "udpsink") if Gst.ElementFactory.find(name) is None
    ]
    if missing:
        sys.exit(f"GStreamer lacks {', '.join(missing)}")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate={args.fps}/1 "
        f"! x264enc tune=zerolatency speed-preset=ultrafast threads=1 key-int-max={args.fps} "
        "! rtph264pay name=pay0 pt=96 )"
    )
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(args.port))
    if args.login is not None:
        user, _, password = args.login.partition(":")
        token, permissions = GstRtspServer.RTSPToken(), GstRtspServer.RTSPPermissions()
        token.set_string("media.factory.role", "viewer")
        for permission in ("media.factory.access", "media.factory.construct"):
            permissions.add_permission_for_role("viewer", permission, True)
        factory.set_permissions(permissions)
        auth = GstRtspServer.RTSPAuth()
        if args.scheme == "digest":
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(user, password, token)
        else:
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        server.set_auth(auth)
    server.get_mount_points().add_factory("/test", factory)
    if not server.attach(None):  # 0 is no source of events
        sys.exit(f"port {args.port} on 127.0.0.1 is taken")
    print(server.get_bound_port(), flush=True)
    loop = GLib.MainLoop()
    threading.Timer(_LONGEST, loop.quit).start()
    loop.run()


if __name__ == "__main__":
    main()
