"""gunicorn for every peer that it serves: two workers of four threads and persistent connections, as the product's."""

import os
from pathlib import Path
from typing import Any

bind = f"127.0.0.1:{os.environ['PORT']}"
workers = 2
worker_class = "gthread"
threads = 4
timeout = 60
keepalive = 75
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - the heartbeat file, off the disk
control_socket_disable = True
errorlog = "-"


def post_worker_init(worker: Any) -> None:
    """Under the product's worker: no answer here waits for anything."""
    worker.only_computes = lambda _: True
