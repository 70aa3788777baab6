"""Free TCP ports on the loopback interface.

They are chosen below the range that the kernel hands to outgoing connections, so that a port which is free
now is not taken by somebody's client connection before its server binds it.
"""

import random
import socket

_RANGE = range(15_000, 32_000)
_ATTEMPTS = 500
_NETWORKS = [second for second in range(16, 250) if second != 96]  # 10.96.0.0/16 is for services
_given: set[int] = set()


def free_ports(count: int, host: str = "127.0.0.1") -> tuple[int, ...]:
    """`count` different ports which nothing listens on, and which this process was not given before.

    Raises OSError when no free port can be found.
    """
    found: list[int] = []
    for port in random.sample(_RANGE, _ATTEMPTS):
        if len(found) == count:
            break
        if port not in _given and _is_free(host, port):
            found.append(port)
            _given.add(port)
    if len(found) < count:
        raise OSError(f"found only {len(found)} of {count} free ports on {host}")
    return tuple(found)


def free_port(host: str = "127.0.0.1") -> int:
    """One port which nothing listens on."""
    return free_ports(1, host)[0]


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def reserve_network() -> tuple[socket.socket, str]:
    """A part of the loopback network for one sandbox: `127.37` stands for 127.37.0.0/16.

    It is reserved as long as the returned socket is open. Raises OSError when every part is taken.
    """
    for second in random.sample(_NETWORKS, 200):
        holder = socket.socket()
        try:
            holder.bind((f"127.{second}.0.1", _RANGE.start - 1))
        except OSError:
            holder.close()
            continue
        return holder, f"127.{second}"
    raise OSError("no part of the loopback network is free")
