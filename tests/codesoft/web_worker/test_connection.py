"""What counts as a whole request, however it arrives."""

import socket
from collections.abc import Iterator

import pytest
from gunicorn.config import Config
from hypothesis import given
from hypothesis import strategies as st

from codesoft.web_worker.connection import KEPT_BYTES, Connection

_GET = b"GET /models HTTP/1.1\r\nHost: here\r\n\r\n"
_POST = b"POST /predictions HTTP/1.1\r\nHost: here\r\ncontent-LENGTH:  11 \r\nX: \r\n\r\nhello world"


class Pair:
    """A connection and its client's end."""

    def __init__(self) -> None:
        self.client, served = socket.socketpair()
        self.connection = Connection(served, ("127.0.0.1", 1), Config(), environ={}, seconds=1)

    def sends(self, data: bytes) -> bool:
        """Whether a request is due after these bytes."""
        self.client.sendall(data)
        self.connection.receive()
        return self.connection.has_request

    def answered(self) -> tuple[str, bytes]:
        """Take one request, as a worker does."""
        request = self.connection.next_request()
        body = request.body.read()
        assert self.connection.finish_request()
        return request.method, body

    def close(self) -> None:
        self.client.close()
        self.connection.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.close()


@given(cuts=st.lists(st.integers(1, 2 * len(_GET + _POST) - 1), max_size=6))
def test_requests_come_out_as_they_were_sent_wherever_the_packets_were_cut(cuts: list[int]) -> None:
    pair, sent = Pair(), (_GET + _POST) * 2
    ends = sorted({*cuts, len(sent)})
    taken, moments = [], []
    for start, end in zip([0, *ends], ends, strict=False):
        due = pair.sends(sent[start:end])
        while due:
            taken.append(pair.answered())
            moments.append(end)
            due = pair.connection.has_request
    pair.close()

    assert taken == [("GET", b""), ("POST", b"hello world")] * 2
    wholes = [len(_GET), len(_GET + _POST), len(_GET + _POST + _GET), len(sent)]
    assert moments == [min(end for end in ends if end >= whole) for whole in wholes], "each as soon as it was whole"


def test_nothing_is_due_before_the_last_byte_of_the_body(pair: Pair) -> None:
    assert not pair.sends(_POST[:20])
    assert not pair.sends(_POST[20:-1])
    assert pair.sends(_POST[-1:])


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (KEPT_BYTES + 1),
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    ],
    ids=["chunked", "expects to be told", "too long to keep", "absurd length", "negative length"],
)
def test_what_the_parser_must_judge_goes_to_it_without_waiting(pair: Pair, sent: bytes) -> None:
    assert pair.sends(sent)


def test_a_head_without_end_goes_to_the_parser_when_it_is_too_long(pair: Pair) -> None:
    pair.client.setblocking(False)
    sent = 0
    while not pair.connection.has_request:
        assert sent <= 2 * KEPT_BYTES
        sent += pair.client.send(b"x" * 65_536)
        pair.connection.receive()
    assert sent > KEPT_BYTES


def test_what_a_client_leaves_behind_is_due_although_it_is_cut_off(pair: Pair) -> None:
    assert not pair.sends(_POST[:-3])
    pair.client.shutdown(socket.SHUT_WR)
    pair.connection.receive()

    assert pair.connection.ended
    assert pair.connection.has_request


def test_a_client_that_says_nothing_and_goes_has_no_request(pair: Pair) -> None:
    pair.client.close()
    pair.connection.receive()

    assert pair.connection.ended
    assert not pair.connection.has_request


def test_a_request_has_its_time_from_the_first_byte_on(pair: Pair) -> None:
    connection = pair.connection
    connection.wait(idle_seconds=75, request_seconds=10)
    idle = connection.deadline
    pair.sends(_POST[:5])
    connection.wait(idle_seconds=75, request_seconds=10)
    begun = connection.deadline
    pair.sends(_POST[5:9])
    connection.wait(idle_seconds=75, request_seconds=10)

    assert begun < idle - 60
    assert connection.deadline == begun, "each further byte does not buy time"
