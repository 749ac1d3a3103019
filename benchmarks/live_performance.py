"""How long counting true labels, the home page's figures and a day's recount take beside a million predictions.

    VAR_DIR=folder python -m benchmarks.live_performance [--predictions 1000000] [--labels 100000]

On the database that `DATABASE_URL` names, which must be an empty one; else on a SQLite file under VAR_DIR.
"""

import argparse
import os
import random
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "codesoft.settings")
MODELS, DAYS = 5, 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--predictions", type=int, default=1_000_000)
    parser.add_argument("--labels", type=int, default=100_000)
    asked = parser.parse_args()
    django.setup()
    prepare(asked.predictions, asked.labels)
    from predictions.models import Deployment, Feedback  # noqa: PLC0415
    from registry_ui.selectors import live_accuracies  # noqa: PLC0415
    from registry_ui.selectors.traffic import traffic_of  # noqa: PLC0415
    from registry_ui.services.live_performance import performance_count  # noqa: PLC0415

    deployments = list(Deployment.objects.all())
    timed(f"count {asked.labels} labels for the first time", performance_count)
    timed("look, nothing new", performance_count)
    Feedback.objects.filter(pk=Feedback.objects.latest("prediction_id").pk).update(counted=False)
    timed("one new label: its day anew", performance_count)
    timed("home page: live accuracy", lambda: live_accuracies(deployments=deployments))
    timed("home page: traffic", lambda: traffic_of(models=[one.model for one in deployments]))


def timed(what: str, call: Callable[[], Any]) -> None:
    started = time.perf_counter()
    call()
    print(f"{what:45} {1_000 * (time.perf_counter() - started):10.1f} ms")


def prepare(predictions: int, labels: int) -> None:
    from django.core.management import call_command  # noqa: PLC0415

    from predictions.models import Deployment, Feedback, Prediction, TrafficSlot  # noqa: PLC0415
    from predictions.traffic import BUCKETS, SLOT, slot_of  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    if Prediction.objects.exists():
        raise SystemExit("The database holds predictions already: name an empty one.")
    now = datetime.now(UTC)
    for number in range(MODELS):
        model = f"model-{number}"
        Deployment.objects.create(model=model, champion_version=1, champion_bundle="b" * 64)
        slots = [slot_of(now) - SLOT * place for place in range(48)]
        rows = [
            TrafficSlot(model=model, start=start, requests=9, rows=9, latencies=[0] * len(BUCKETS)) for start in slots
        ]
        TrafficSlot.objects.bulk_create(rows)
    every = max(1, predictions // labels)
    waiting = answers(predictions, now)
    while chunk := list(islice(waiting, 5_000)):
        Prediction.objects.bulk_create(chunk)
        told = [
            Feedback(prediction_id=row.pk, model=row.model, label=random.choice("ab"), updated_at=now)  # noqa: S311
            for row in chunk[::every]
        ]
        Feedback.objects.bulk_create(told)


def answers(count: int, now: datetime) -> Iterator[Any]:
    from predictions.models import Prediction  # noqa: PLC0415

    step = timedelta(days=DAYS) / count
    for number in range(count):
        at = now - step * number
        chance = uuid.uuid4().int & (1 << 62) - 1
        yield Prediction(
            id=uuid.UUID(int=int(at.timestamp() * 1_000) << 80 | 7 << 76 | 2 << 62 | chance),
            created_at=at,
            model=f"model-{number % MODELS}",
            version=1,
            bundle="b" * 64,
            route="champion",
            inputs={"text": "a fine film that goes on and on " * 3},
            label=random.choice("ab"),  # noqa: S311
            probability=0.7,
            latency_us=900,
        )


if __name__ == "__main__":
    main()
