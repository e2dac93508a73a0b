"""What a server of the page allows."""

from dataclasses import dataclass

from vidseg.errors import InputError
from vidseg.runtime import EXACT
from vidseg.steady import Steady


@dataclass(frozen=True, kw_only=True)
class AppConfig:
    """Where the page is served, with what, and within which limits.

    Attributes:
        models: names as `vidseg.load` takes them; clients choose among these and no others.
        host: address to listen at.
        port: 0 for a free one.
        device: "auto", "cpu", "cuda", …
        runtime: the one that the page proposes.
        precision: see `vidseg.Segmenter`.
        threads: CPU threads of the network; None for the runtime's own choice.
        steady: blend class scores along the motion; None for not at all.
        flow: what estimates motion, a name that `vidseg.flow.flow_estimator` knows; None for DIS.
        max_upload_mb: largest upload, megabytes (10⁶ bytes).
        max_minutes: longest video, and longest recording of a live source.
        max_streams: how many videos are segmented at once.
        max_clients: how many pages are open at once.
        allowed_hosts: names, besides localhost and plain addresses, under which browsers may know this server.
        urls: whether clients may name addresses for the server to read.
    """

    models: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 8420
    device: str = "auto"
    runtime: str = "auto"
    precision: str = EXACT
    threads: int | None = None
    steady: Steady | None = None
    flow: str | None = None
    max_upload_mb: float = 512
    max_minutes: float = 10
    max_streams: int = 4
    max_clients: int = 16
    allowed_hosts: tuple[str, ...] = ()
    urls: bool = True

    def __post_init__(self) -> None:
        if not self.models:
            raise InputError("got no model; expected at least one; do: --model M")
        if not 0 <= self.port <= 65535:
            raise InputError(f"got port {self.port}; expected 0 (a free one) to 65535")
        for name in ("max_upload_mb", "max_minutes", "max_streams", "max_clients"):
            if not getattr(self, name) > 0:
                raise InputError(f"got --{name.replace('_', '-')} {getattr(self, name)}; expected more than 0")

    @property
    def max_upload_bytes(self) -> int:
        """The same limit in bytes."""
        return int(self.max_upload_mb * 1_000_000)

    @property
    def max_seconds(self) -> float:
        """The longest video in seconds."""
        return self.max_minutes * 60
