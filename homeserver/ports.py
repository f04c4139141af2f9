"""Loopback ports that stay the same over restarts."""

import json
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

from banyan.files import write_private

HIGHEST: Final = 65535

GRACE: Final = 5.0
"""Seconds within which a homeserver that was killed lets its port go."""
PAUSE: Final = 0.05


def choose_ports(home: Path, purposes: Iterable[str], *, grace: float = GRACE) -> dict[str, int]:
    """Return a free loopback port for each purpose, remembered in `home/ports.json`.

    A remembered port is chosen anew only when it is still held after `grace` seconds: when we were
    killed, what we had started dies a moment later, and every app and proxy knows the port by its number.
    """
    file = home / "ports.json"
    remembered = _read(file)
    chosen: dict[str, int] = {}
    deadline = time.monotonic() + grace
    for purpose in purposes:
        port = remembered.get(purpose, 0)
        if port in chosen.values() or not _let_go(port, deadline):
            port = 0
        chosen[purpose] = port
    # sockets stay open until all are chosen: the kernel would hand the same port out twice
    with _Held() as held:
        for purpose, port in chosen.items():
            if not port:
                chosen[purpose] = held.new_port(avoid={*chosen.values(), *remembered.values()})
    write_private(file, json.dumps(remembered | chosen, indent=1, sort_keys=True) + "\n")
    return chosen


def remembered_ports(home: Path) -> dict[str, int]:
    """The ports that were chosen last, also while they are in use; empty before the first choice."""
    return _read(home / "ports.json")


def is_free(port: int) -> bool:
    """Whether a server may listen on this loopback port now."""
    with socket.socket() as probe:
        # as Synapse does: a port whose last connections still linger is free for a listener
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _let_go(port: int, deadline: float) -> bool:
    while not is_free(port):
        if time.monotonic() >= deadline:
            return False
        time.sleep(PAUSE)  # nothing else runs in this process yet
    return True


class _Held:
    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for held in self._sockets:
            held.close()

    def new_port(self, *, avoid: set[int]) -> int:
        while True:
            held = socket.socket()
            self._sockets.append(held)
            held.bind(("127.0.0.1", 0))
            port: int = held.getsockname()[1]
            if port not in avoid:
                return port


def _read(file: Path) -> dict[str, int]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {str(key): port for key, port in content.items() if isinstance(port, int) and 0 < port <= HIGHEST}
