import datetime as dt
import ipaddress
import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dns.resolver
import pytest
from bson import Decimal128, Int64, ObjectId
from bson.datetime_ms import DatetimeMS
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ml_pipeline.errors import InvalidSource, SourceUnavailable
from ml_pipeline.sources.mongo import Collection, _plain, _Read, connect
from ml_pipeline.spec import Source
from tests.ml_pipeline.declared import ignore
from tests.ml_pipeline.mongodb import Database, Proxy

IMPATIENT = "?serverSelectionTimeoutMS=500&connectTimeoutMS=500"


def _collection(uri: str, database: str | None = None, report: list[str] | None = None, **source: Any) -> Collection:
    return Collection(
        connection=replace(connect(uri, database), first_pause=0.01),
        source=Source.model_validate({"collection": "some", **source}),
        fields=["x", "at"],
        report=ignore if report is None else report.append,
    )


def test_only_the_declared_fields_come_in_id_order(mongodb: Database) -> None:
    mongodb.database["some"].insert_many([{"_id": key, "x": 1, "private": 2} for key in ("b", "a", "c")])
    collection = _collection(mongodb.uri(), batch_size=2)
    with collection.connection.client:
        assert list(collection.documents()) == [{"_id": key, "x": 1} for key in ("a", "b", "c")]
        assert collection.field_names() == ["private", "x"]


def test_types_of_bson_come_as_json_would_carry_them(mongodb: Database) -> None:
    ids = [ObjectId(f"{number:024x}") for number in range(3)]
    far = DatetimeMS(253_402_300_800_000 * 2)
    moment = datetime(2026, 3, 3, 15, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    values: list[dict[str, Any]] = [{"x": Int64(5), "at": moment}, {"x": 1.5, "at": far}, {"x": None}]
    mongodb.database["some"].insert_many([{"_id": key, **value} for key, value in zip(ids, values, strict=True)])
    collection = _collection(mongodb.uri())
    with collection.connection.client:
        first, second, third = collection.documents()
    assert [first["_id"], third["_id"]] == ["0" * 24, "0" * 23 + "2"]
    assert first == {"_id": "0" * 24, "x": 5, "at": datetime(2026, 3, 3, 14, tzinfo=UTC)}
    assert not isinstance(second["at"], datetime)


def test_a_query_and_a_window_select(mongodb: Database) -> None:
    days = [datetime(2020, 1, day, tzinfo=UTC) for day in range(1, 6)]
    mongodb.database["some"].insert_many([{"_id": str(n), "x": n, "at": day} for n, day in enumerate(days)])
    mongodb.database["some"].insert_one({"_id": "9", "x": 0, "at": "2020-01-02"})
    window = {"field": "at", "from": "2020-01-02T00:00:00Z", "to": "2020-01-05T00:00:00Z"}
    collection = _collection(mongodb.uri(), query={"x": {"$ne": 2}}, window=window, batch_size=1)
    with collection.connection.client:
        assert [document["_id"] for document in collection.documents()] == ["1", "3"]
    nothing = _collection(mongodb.uri(), query={"x": 77})
    with nothing.connection.client, pytest.raises(InvalidSource, match=r"matches `source\.query`"):
        list(nothing.documents())


def test_long_documents_come_in_smaller_batches(mongodb: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_pipeline.sources.mongo._BATCH_CHARACTERS", 1_000)
    mongodb.database["some"].insert_many([{"_id": str(number), "x": "x" * 400} for number in range(8)])
    collection = _collection(mongodb.uri())
    with collection.connection.client:
        read = _Read(collection._collection, [], ["x"], 1_000)
        assert [len(read.next_batch()) for _ in range(4)] == [3, 3, 2, 0]


def test_an_empty_collection_is_named_with_what_to_do(mongodb: Database) -> None:
    collection = _collection(mongodb.uri())
    with collection.connection.client, pytest.raises(InvalidSource) as caught:
        list(collection.documents())
    assert f"collection some of database {mongodb.name} at {mongodb.host}:{mongodb.port}" in caught.value.message
    assert "manage.py load_snapshot" in caught.value.advice


def test_a_query_that_the_server_refuses_is_a_wrong_declaration(mongodb: Database) -> None:
    mongodb.database["some"].insert_one({"_id": "a"})
    collection = _collection(mongodb.uri(), query={"x": {"$nonsense": 1}})
    with collection.connection.client, pytest.raises(InvalidSource, match=r"refused: .*nonsense"):
        list(collection.documents())


def test_ids_of_mixed_types_are_refused(mongodb: Database) -> None:
    mongodb.database["some"].insert_many([{"_id": 1}, {"_id": "a"}])
    collection = _collection(mongodb.uri())
    with collection.connection.client, pytest.raises(InvalidSource, match="mixes text and number ids"):
        list(collection.documents())


def test_a_lost_connection_is_resumed_behind_the_last_document(mongodb: Database) -> None:
    documents = [{"_id": f"{number:05}", "x": "x" * 200} for number in range(1_000)]
    mongodb.database["some"].insert_many(documents)
    report: list[str] = []
    with Proxy(mongodb.host, mongodb.port, cut_after=60_000) as proxy:
        collection = _collection(mongodb.uri(host="127.0.0.1", port=proxy.port), report=report, batch_size=50)
        with collection.connection.client:
            assert list(collection.documents()) == documents
        assert proxy.cuts == 1
    assert any("trying again" in line for line in report)


def test_a_server_that_never_answers_is_unavailable_after_bounded_tries() -> None:
    report: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"mongodb://me:t0ps3cret@127.0.0.1:{silent.getsockname()[1]}/{IMPATIENT}"
        collection = _collection(uri, report=report)
        with collection.connection.client, pytest.raises(SourceUnavailable) as caught:
            list(collection.documents())
    assert len(report) == 4
    assert caught.value.retryable
    assert caught.value.__cause__ is None
    assert "t0ps3cret" not in f"{caught.value} {report} {collection!r}"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgres://me:t0ps3cret@host/", "must start with mongodb://"),
        ("foo", r"must start with mongodb:// or mongodb\+srv://"),
        ("me:t0ps3cret@host:27017/reviews", "must start with"),
        ("mongodb://", "hostname"),
        ("mongodb://me:t0ps3cret@host:99999/", "Port"),
        ("mongodb://me:t0ps3cret:more@host/", "RFC 3986"),
        ("mongodb://me:t0ps3cret@more/even@host/", "not shown"),
        ("mongodb://me:t0ps3cret@host/a b", "Bad database name"),
        ("mongodb+srv://me:t0ps3cret@cluster0.example.net:27017/", "port number"),
        ("mongodb+srv://me:t0ps3cret@localhost,other.example.net/", "only one, hostname"),
        ("mongodb://me:t0ps3cret@host/?tls=maybe", "tls must be"),
        ("mongodb://me:t0ps3cret@host/?tlss=true", "Unknown option: tlss"),
        ("mongodb://me:t0ps3cret@host/?tls=true&tlsCAFile=/no/such/file", "No such file"),
        ("mongodb://me:t0ps3cret@host/?tls=true&ssl=false", "ssl"),
    ],
)
def test_a_wrong_address_says_what_is_wrong_and_not_the_password(address: str, said: str) -> None:
    with pytest.raises(InvalidSource, match=said) as caught:
        connect(address, None)
    error = caught.value
    assert "t0ps3cret" not in f"{error} {error.details} {error.__cause__}"
    assert "MONGODB_URI" in error.message


@pytest.mark.parametrize(
    ("address", "given", "expected"),
    [
        ("mongodb://host/", None, "codesoft"),
        ("mongodb://host/shop?tls=true", None, "shop"),
        ("mongodb://host/shop", "other", "other"),
        ("mongodb+srv://me:pw@cluster0.example.net/shop?retryWrites=true&w=majority", None, "shop"),
    ],
)
def test_the_database_is_the_variable_then_the_path_then_the_default(
    address: str, given: str | None, expected: str
) -> None:
    connection = connect(address, given)
    with connection.client:
        assert connection.database == expected


def test_an_atlas_address_finds_its_hosts_by_dns_and_reads_through_tls(
    mongodb: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SRV and TXT records and the hosts' addresses are made up here; the TLS handshake and the reading are real."""
    mongodb.database["some"].insert_one({"_id": "a", "x": 1})
    certificate, context = _authority(tmp_path, "shard-00.abc12.example.net")
    with Proxy(mongodb.host, mongodb.port, context=context) as proxy:
        _stub_dns(monkeypatch, "shard-00.abc12.example.net", proxy.port)
        uri = f"mongodb+srv://cluster0.abc12.example.net/{mongodb.name}"
        trusting = _collection(f"{uri}?tlsCAFile={certificate}")
        with trusting.connection.client:
            assert list(trusting.documents()) == [{"_id": "a", "x": 1}]
            assert "cluster0.abc12.example.net" in trusting.place
        stranger = _collection(uri + IMPATIENT)
        with stranger.connection.client, pytest.raises(SourceUnavailable, match="certificate verify failed"):
            list(stranger.documents())


def test_an_atlas_address_that_dns_does_not_know_is_a_wrong_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: Any, **__: Any) -> Any:
        raise dns.resolver.NXDOMAIN(  # type: ignore[no-untyped-call]
            qnames=["_mongodb._tcp.typo.example.net."], responses={}
        )

    monkeypatch.setattr(dns.resolver, "resolve", resolve)
    collection = _collection("mongodb+srv://me:t0ps3cret@typo.example.net/shop")
    with (
        collection.connection.client,
        pytest.raises(InvalidSource, match=r"does not exist.*typo\.example\.net") as caught,
    ):
        list(collection.documents())
    assert "t0ps3cret" not in str(caught.value)


def test_a_decimal_becomes_a_number() -> None:
    """By the function alone: the wire server of the tests cannot store decimals."""
    assert _plain({"x": Decimal128("12.50")}) == {"x": 12.5}


def _stub_dns(monkeypatch: pytest.MonkeyPatch, host: str, port: int) -> None:
    class Record:
        def __init__(self) -> None:
            self.port = port
            self.target = dns.name.from_text(host)

    class Answer(list[Record]):
        class rrset:  # noqa: N801
            ttl = 600

    def resolve(_name: str, kind: str, **_: Any) -> Any:
        if kind == "SRV":
            return Answer([Record()])
        nothing = dns.message.make_response(dns.message.make_query("x.", "TXT"))
        raise dns.resolver.NoAnswer(response=nothing)  # type: ignore[no-untyped-call]

    real = socket.getaddrinfo

    def getaddrinfo(name: Any, *arguments: Any, **options: Any) -> Any:
        return real("127.0.0.1" if name == host else name, *arguments, **options)

    monkeypatch.setattr(dns.resolver, "resolve", resolve)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def _authority(folder: Path, host: str) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for a host, and a server's context that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, both = folder / "authority.pem", folder / "server.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(private + public.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return public, context
