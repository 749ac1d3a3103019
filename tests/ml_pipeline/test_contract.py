from typing import Any

import pytest

from ml_pipeline.contract import Tally, check_contract, quarantine_entry
from ml_pipeline.documents import cast_document
from ml_pipeline.errors import ContractBroken
from ml_pipeline.spec import ModelSpec
from tests.ml_pipeline.declared import document, spec

CONTRACT = {"minimum_rows": 2, "minimum_label_share": 0.1, "quarantine_share": 0.2}


def _tally(declared: ModelSpec, documents: list[dict[str, Any]]) -> Tally:
    tally = Tally(declared)
    for entry in documents:
        tally.add(entry, cast_document(declared, entry))
    return tally


def _broken(declared: ModelSpec, documents: list[dict[str, Any]]) -> ContractBroken:
    with pytest.raises(ContractBroken) as caught:
        check_contract(declared, _tally(declared, documents), found_fields=["text", "colr"])
    return caught.value


def test_good_documents_pass_and_are_counted() -> None:
    declared = spec()
    tally = _tally(declared, [document(n, shop=None if n < 3 else "north") for n in range(10)])
    check_contract(declared, tally, found_fields=[])
    report = tally.report()
    assert report["rows"] == 10
    assert report["labels"] == {"good": 5, "bad": 5}
    assert report["missing"]["shop"] == 3
    assert report["watermark"] == "000009"


def test_refused_documents_pass_up_to_the_share_and_are_the_watermark_too() -> None:
    declared = spec()
    tally = _tally(declared, [document(n, price=-1 if n > 7 else 1) for n in range(10)])
    check_contract(declared, tally, found_fields=[])
    assert tally.report()["quarantined"] == 2
    assert tally.report()["watermark"] == "000009"


def test_too_many_refused_documents_are_counted_by_reason_and_named_by_id() -> None:
    error = _broken(
        spec(), [document(n, price="5" if n < 2 else 1, colour="green" if n < 3 else "red") for n in range(10)]
    )
    assert "3 of 10 documents are refused; at most 20.00% may be." in error.message
    assert error.details["reasons"] == {"colour: not_listed": 3, "price: wrong_type": 2}
    assert error.details["documents"] == ["000000", "000001", "000002"]


def test_a_field_that_no_document_has_is_named_with_those_that_occur() -> None:
    documents = [document(n, colour=None) for n in range(10)]
    error = _broken(spec(), documents)
    assert error.details == {"absent": ["colour"], "found": ["text", "colr"]}
    allowing = spec(contract=CONTRACT | {"maximum_missing": {"colour": 1.0}})
    check_contract(allowing, _tally(allowing, documents), found_fields=[])


def test_an_absent_target_is_named_rather_than_every_document() -> None:
    assert _broken(spec(), [document(n, kind=None) for n in range(10)]).details["absent"] == ["kind"]


@pytest.mark.parametrize(
    ("contract", "said"),
    [
        ({"minimum_rows": 11}, "There are 10 good documents; at least 11 are needed."),
        ({"maximum_missing": {"shop": 0.2}}, "shop is missing in 3 of 10 rows; at most 20.00% may lack it."),
        ({"minimum_label_share": 0.51}, "5 of 10 labelled rows are 'good'; at least 51.00% are needed."),
    ],
)
def test_each_rule_about_all_documents_stops_with_its_figures(contract: dict[str, Any], said: str) -> None:
    declared = spec(contract=CONTRACT | contract)
    assert said in _broken(declared, [document(n, shop=None if n < 3 else "north") for n in range(10)]).message


def test_every_broken_rule_is_told_at_once() -> None:
    declared = spec(contract={"minimum_rows": 50, "minimum_label_share": 0.6, "quarantine_share": 0.0})
    assert len(_broken(declared, [document(n, price=1 if n else "x") for n in range(10)]).details["broken"]) == 4


def test_numbers_that_no_label_matches_stay_and_count_for_no_label() -> None:
    rating = {"field": "kind", "labels": {"up": {"above": 0}, "down": {"below": 0}}, "positive": "up"}
    tally = _tally(spec(target=rating), [document(n, kind=n - 2) for n in range(5)])
    assert (tally.report()["rows"], tally.report()["unlabelled"]) == (5, 1)
    assert tally.report()["labels"] == {"up": 2, "down": 2}


def test_a_quarantine_entry_says_what_is_allowed_and_nothing_of_the_contents() -> None:
    declared = spec()
    private = {"text": "secret " * 20, "price": 4711, "colour": "secret", "sent_at": "secret", "kind": "secret"}
    entry = quarantine_entry(declared, cast_document(declared, document(1, **private)))
    assert entry["_id"] == "000001"
    assert [(reason["field"], reason["code"]) for reason in entry["reasons"]] == [
        ("text", "too_long"),
        ("price", "out_of_range"),
        ("colour", "not_listed"),
        ("sent_at", "wrong_type"),
        ("kind", "unknown_label"),
    ]
    assert entry["reasons"][1]["message"] == "The value is refused: it is a finite number from 0.0 up to 100.0."
    assert "secret" not in str(entry)
    assert "4711" not in str(entry)
