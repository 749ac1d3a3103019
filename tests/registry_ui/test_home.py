"""The admin's home and a model's page: the state at a glance, without Prometheus, and nothing of it invented."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from predictions.models import Deployment, TrafficSlot
from predictions.traffic import BUCKETS, SLOT, slot_of
from registry_ui.admin.charts import Series, chart, nice_top
from registry_ui.admin.sparklines import HEIGHT, WIDTH, spark_bars, spark_line
from registry_ui.admin.watching import traffic_charts
from registry_ui.models import DriftReport, ModelVersion
from registry_ui.selectors import drift_newest
from registry_ui.selectors.traffic import quantile_seconds, traffic_of
from registry_ui.services.live_performance import performance_count
from tests.registry_ui.conftest import Import, member
from tests.registry_ui.labelled import labelled

NOW = datetime(2026, 11, 3, 12, 10, tzinfo=UTC)


@pytest.fixture
def champion(import_one: Import) -> ModelVersion:
    return import_one(held_out=True).version


@pytest.fixture
def looking(client: Client, db: None) -> Client:
    client.force_login(member("lou", "approvers"))
    return client


def add_traffic(start: datetime, *, requests: int = 0, bucket: int = 0, **refused: int) -> None:
    latencies = [0] * len(BUCKETS)
    latencies[bucket] = requests
    TrafficSlot.objects.create(
        model="fruit", start=start, requests=requests, rows=2 * requests, refused=refused, latencies=latencies
    )


@pytest.mark.django_db
def test_a_day_of_traffic_is_summed_by_half_hour() -> None:
    last = slot_of(NOW)
    add_traffic(last, requests=30, bucket=2)
    add_traffic(last - SLOT, requests=60, bucket=4, invalid_inputs=10)
    add_traffic(last - 47 * SLOT, no_live_version=2)
    add_traffic(last - 48 * SLOT, requests=1_000)

    traffic = traffic_of(models=["fruit", "bread"], now=NOW)["fruit"]

    assert (traffic.rows[-2:], sum(traffic.rows)) == ([120, 60], 180)
    assert (traffic.refused_shares[-2:], traffic.failed_shares[-2:]) == ([10 / 70, 0], [0, 0])
    assert (traffic.failed_shares[0], traffic.refused_shares[0], traffic.failed_shares[1]) == (1.0, 0.0, None)
    assert (traffic.failed_share, traffic.refused_share) == (2 / 102, 10 / 102)
    assert traffic.codes == {"invalid_inputs": 10, "no_live_version": 2}
    assert traffic.whole_p95_seconds == pytest.approx(BUCKETS[3] + (BUCKETS[4] - BUCKETS[3]) * (85.5 - 30) / 60)


def test_a_quantile_lies_in_the_bucket_of_its_request_and_never_beyond_what_is_known() -> None:
    counts = [0] * len(BUCKETS)
    assert quantile_seconds(counts, 0.95) is None
    counts[3] = 100
    assert BUCKETS[2] < (quantile_seconds(counts, 0.95) or 0) < BUCKETS[3]
    counts[-1] = 1_000
    assert quantile_seconds(counts, 0.95) == BUCKETS[-2]


@pytest.mark.django_db
def test_the_home_says_what_was_asked_what_was_right_and_what_serves(looking: Client, champion: ModelVersion) -> None:
    add_traffic(slot_of(timezone.now()), requests=90, bucket=3, invalid_inputs=10)
    labelled([("yes", "yes")] * 3 + [("yes", "no")])
    performance_count()
    Deployment.objects.update(canary_version=2, canary_bundle="c" * 64, canary_share=0.1)

    text = looking.get(reverse("admin:index")).content.decode()

    assert re.search(r"Predictions</span><span class=\"figure \">180<", text)
    assert re.search(r"Failed</span><span class=\"figure \">0 %<", text)
    assert "10 % refused" in text
    assert "75 % of 4 labelled answers of 30 days were right" in text
    assert "canary: version 2, 10 %" in text


@pytest.mark.django_db
def test_where_nothing_is_known_nothing_is_claimed(looking: Client, champion: ModelVersion) -> None:
    for address in (reverse("admin:index"), _page("change"), _page("performance")):
        assert looking.get(address).status_code == 200
    text = looking.get(reverse("admin:index")).content.decode()
    assert "nothing was asked" in text
    assert "no true label known" in text
    assert "No true label is known yet" in looking.get(_page("performance")).content.decode()


@pytest.mark.django_db
def test_the_page_of_live_performance_has_charts_and_the_same_as_tables(
    looking: Client, champion: ModelVersion
) -> None:
    labelled([("yes", "yes")] * 3 + [("no", "yes")])
    performance_count()
    text = looking.get(_page("performance")).content.decode()
    assert text.count("<figure") == 5
    assert "0.7500" in text
    assert "0.3006 to 0.9544" in text, "Wilson's interval of 3 in 4"
    assert 'id="chart-live-title"' in looking.get(_page("change")).content.decode()


def _page(name: str) -> str:
    return reverse(f"admin:predictions_deployment_{name}", args=[Deployment.objects.get(model="fruit").pk])


def test_a_small_chart_stays_within_its_frame_and_breaks_at_gaps() -> None:
    line = spark_line([1.0, None, 3.0, 2.0], "what it says", guide=1.5)
    assert line.path.count("M") == 2
    bars = spark_bars([0.0, None, 5.0, 10.0], "what it says")
    assert bars.path.count("M") == 2
    places = [float(number) for number in re.findall(r"[ML](-?[\d.]+),", line.path + bars.path)]
    assert 0 <= min(places) <= max(places) <= WIDTH
    assert 0 <= (line.guide or -1) <= HEIGHT
    assert spark_bars([], "nothing").path == spark_line([None], "nothing").path == ""
    small = spark_bars([0.01], "little", least_top=0.1)
    assert "v-2.8" in small.path, "a tenth of the height, not all of it"


def test_an_axis_reads_well_and_a_line_breaks_where_nothing_is_known() -> None:
    assert [nice_top(value) for value in (0.0, 0.017, 1, 2.1, 4_920, 1e6)] == [1, 0.02, 1, 2.5, 5_000, 1_000_000]
    drawn = chart(
        name="x", title="x", description="x", axes=("a", "b"), top=1.0, bottom=0.5,
        series=[Series("s", "candidate", [(0.0, 0.5), (0.5, None), (1.0, 1.0)])],
    )  # fmt: skip
    assert drawn.lines[0].path.count("M") == 2
    assert [tick.text for tick in drawn.y_ticks] == ["0.5", "0.6", "0.7", "0.8", "0.9", "1"]


@pytest.mark.django_db
def test_a_half_hour_without_neighbours_is_a_dot_where_a_line_would_show_nothing() -> None:
    add_traffic(slot_of(NOW), requests=30, bucket=2)
    alone = traffic_charts(traffic_of(models=["fruit"], now=NOW)["fruit"])
    add_traffic(slot_of(NOW) - SLOT, requests=30, bucket=2)
    beside = traffic_charts(traffic_of(models=["fruit"], now=NOW)["fruit"])

    assert [len(one.lines[0].dots) for one in alone] == [0, 1, 1, 1]
    assert [len(one.lines[0].dots) for one in beside] == [0, 0, 0, 0]


@pytest.mark.django_db
@pytest.mark.parametrize("state", [None, "steady", "drifted", "insufficient"])
def test_home_and_model_page_tell_what_drift_was_found(
    champion: ModelVersion, looking: Client, state: str | None
) -> None:
    if state:
        add_drift(champion, "drifted" if state == "steady" else "steady")
        add_drift(champion, state)
    wanted = {None: "not looked for yet", "insufficient": "Insufficient data"}.get(state, str(state).capitalize())

    for url in (reverse("admin:index"), reverse("admin:predictions_deployment_change", args=[_deployment().pk])):
        (tile,) = re.findall(r'<li><span class="soft">Drift</span>.*?</li>', looking.get(url).content.decode(), re.S)
        assert wanted in tile
        assert ("worse" in tile) == (state == "drifted")


@pytest.mark.django_db
def test_drift_found_of_a_former_champion_says_nothing_of_the_one_of_now(champion: ModelVersion) -> None:
    add_drift(champion, "drifted")
    other = Deployment(model=champion.model, champion_version=champion.number + 1)

    assert drift_newest(deployments=[other]) == {}


def add_drift(version: ModelVersion, state: str) -> None:
    now = timezone.now()
    found = [{"kind": "length", "field": "text", "value": 0.4, "threshold": 0.2, "alarms": state == "drifted"}]
    DriftReport.objects.create(
        model=version.model, version=version.number, bundle=version.bundle_hash, state=state, rows=1_500,
        window_from=now, window_to=now, statistics=found, requested_by="system:drift",
    )  # fmt: skip


def _deployment() -> Deployment:
    return Deployment.objects.get(model="fruit")
