"""Ports are read, told apart and probed before anything starts."""

import socket

import pytest

from codesoft.launch.checks import CannotStart, Ports, check_ports


def test_the_dispatcher_gets_the_port_after_webs_metrics_unless_it_is_told_another() -> None:
    assert Ports.read({}) == Ports(8000, 9400, 9401)
    assert Ports.read({"METRICS_PORT": "9500"}).dispatcher_metrics == 9501
    assert Ports.read({"METRICS_PORT": "9500", "DISPATCHER_METRICS_PORT": "7"}).dispatcher_metrics == 7


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"PORT": "http"}, "PORT is 'http'"),
        ({"METRICS_PORT": "-1"}, "METRICS_PORT is '-1'"),
        ({"METRICS_PORT": "65535"}, "DISPATCHER_METRICS_PORT is '65536'"),
    ],
)
def test_what_is_no_port_is_refused_by_name(environment: dict[str, str], named: str) -> None:
    with pytest.raises(CannotStart, match=named):
        Ports.read(environment)


def test_one_port_for_two_uses_is_refused() -> None:
    with pytest.raises(CannotStart, match="PORT and DISPATCHER_METRICS_PORT are both 9401"):
        check_ports(Ports.read({"PORT": "9401"}))


def test_a_port_that_somebody_listens_on_is_refused_by_the_name_of_its_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        free = [one.getsockname()[1], two.getsockname()[1]]
        one.close()
        two.close()
        taken = other.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {taken} cannot be used") as refusal:
            check_ports(Ports(*free, taken))
    assert "DISPATCHER_METRICS_PORT=" in (refusal.value.advice or "")
