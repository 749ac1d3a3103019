"""The declared cleaning of whole rows, the same before training and before every prediction."""

from collections.abc import Mapping, Sequence

from ml_pipeline.inputs import Row
from ml_pipeline.learning.cleaning import clean


def clean_rows(rows: Sequence[Row], cleaning: Mapping[str, Sequence[str]]) -> list[Row]:
    """Rows with the named text columns cleaned; other columns and missing values stay as they are."""
    return [clean_row(row, cleaning) for row in rows]


def clean_row(row: Row, cleaning: Mapping[str, Sequence[str]]) -> Row:
    """One row, the same object where there is nothing to clean."""
    if not cleaning:
        return row
    return {
        **row,
        **{field: clean(text, names) for field, names in cleaning.items() if isinstance(text := row[field], str)},
    }
