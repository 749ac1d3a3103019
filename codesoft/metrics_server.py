"""`/metrics` on a port of its own, for all web processes together. It ends when its standard input closes."""

import signal
import sys

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector


def main(host: str, port: int) -> None:
    """Serve until the parent is gone; it holds the other end of our standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent says when
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    server, thread = start_http_server(port, addr=host, registry=registry)
    sys.stdin.buffer.read()
    server.shutdown()
    thread.join()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
