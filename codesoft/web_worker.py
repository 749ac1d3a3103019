"""gunicorn's threaded worker, whose request threads share the places inside the database."""

from concurrent.futures import ThreadPoolExecutor

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """All request threads but one may be inside the database at once."""

    def get_thread_pool(self) -> ThreadPoolExecutor:
        # Metrics know at their first import whether processes share them: after gunicorn has read its configuration.
        from predictions.bulkhead import Bulkhead, count_this_thread  # noqa: PLC0415

        bulkhead = Bulkhead(self.cfg.threads - 1)
        return ThreadPoolExecutor(
            self.cfg.threads, "request", initializer=count_this_thread, initargs=(bulkhead,)
        )  # fmt: skip
