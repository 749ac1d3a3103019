"""The serving side of a web process: what is live, kept current beside the requests."""

import atexit
import threading

from django.conf import settings

from predictions.prediction_log.spool import Spool
from predictions.serving.live import Current
from predictions.serving.process import ServingProcess
from predictions.serving.state import ServingState

__all__ = ["Current", "ServingState", "current", "serving_process", "serving_state", "start_serving", "stop_serving"]

_lock = threading.Lock()
_process: ServingProcess | None = None


def serving_process() -> ServingProcess:
    """The one of this process, made from the settings when it is first asked for."""
    global _process
    if (process := _process) is not None:
        return process
    with _lock:
        if _process is None:
            _process = ServingProcess(settings.SERVING_DIR, Spool(settings.SPOOL_DIR, settings.SPOOL_LIMIT_BYTES))
        return _process


def start_serving() -> None:
    """Start the threads of this process; calling it again changes nothing."""
    serving_process().start()
    atexit.register(stop_serving)


def stop_serving() -> None:
    """End the threads, flush the spool and forget the state. Called at the end of a worker, and by tests."""
    global _process
    with _lock:
        process, _process = _process, None
    if process is not None:
        process.stop()


def current() -> Current:
    """What serves now; NotReady before the first snapshot."""
    return serving_process().live_models.current


def serving_state() -> ServingState:
    return serving_process().state()
