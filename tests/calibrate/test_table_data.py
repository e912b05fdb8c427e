from __future__ import annotations

import numpy as np
import pytest

from edgekit.artifact import TensorSpec
from edgekit.calibrate.sources import open_samples
from edgekit.errors import DataError

VECTOR = TensorSpec(name="v", shape=(None, 3), dtype="float32")
GOOD = "a,b,c,label\n1,2,3,0\n4,5,6,1\n7,8,9,1\n"


def write(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(path, spec=VECTOR, **options):
    (batch,) = open_samples(path, [spec], **options).batches(100)
    return batch.inputs[spec.name], batch.labels


def test_features_in_order_and_integer_labels(tmp_path):
    x, y = read(write(tmp_path, GOOD))
    assert x.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert y.tolist() == [0, 1, 1]
    assert x.dtype == np.float32
    assert y.dtype == np.int64


def test_the_label_column_may_be_anywhere_and_hold_names(tmp_path):
    x, y = read(write(tmp_path, "a,Y,b,c\n1,dog,2,3\n4,cat,5,6\n"))
    assert x.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert y.tolist() == [1, 0]


def test_numbers_that_are_no_classes_stay_numbers(tmp_path):
    samples = open_samples(write(tmp_path, "a,b,c,y\n1,2,3,0.5\n1,2,3,1\n"), [VECTOR])
    assert next(samples.batches(9)).labels.tolist() == [0.5, 1.0]
    assert samples.classes() is None


def test_rows_fill_the_input_in_row_major_order(tmp_path):
    spec = TensorSpec(name="v", shape=(None, 2, 2, 1), dtype="float32")
    x, y = read(write(tmp_path, "a,b,c,d\n1,2,3,4\n"), spec)
    assert x[0, ..., 0].tolist() == [[1, 2], [3, 4]]
    assert y is None


def test_quotes_empty_lines_and_a_byte_order_mark(tmp_path):
    text = '\ufeff"a","b",c\r\n"1",2,3\r\n\r\n4,5,6\r\n'
    assert read(write(tmp_path, text))[0].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_choice_of_rows(tmp_path):
    rows = "".join(f"{i},{i},{i},{i % 2}\n" for i in range(100))
    samples = open_samples(write(tmp_path, "a,b,c,y\n" + rows), [VECTOR], count=10)
    got = np.concatenate([b.inputs["v"][:, 0] for b in samples.batches(3)])
    assert got.tolist() == samples.indices.tolist()
    assert np.bincount(got.astype(int) % 2).tolist() == [5, 5]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2,3\n4,5,6\n", "header row"),
        ("a,b,c\n", "header row only"),
        ("", "header"),
        ("a,b\n1,2\n", "expected 3 feature columns for input 'v' of shape 3, got 2"),
        ("a,b,c\n1,2,3\n1,2\n", "row 3: expected 3 columns as in the header, got 2"),
        ("a,b,c\n1,2,3\n1,two,3\n", "row 3: expected numbers"),
        ("a,b,c\n1,nan,3\n", "sample 0 holds NaN"),
        ("a,b,c,y\n1,2,3,\n", "row 2: expected a label, it is empty"),
        ("a,b,c,y\n1,2,3,inf\n", "row 2: expected a finite label"),
        (b"a,b,c\n\xff\xfe,2,3\n", "UTF-8"),
        (b"a,b,c\n\x00\x00,2,3\n", "t.csv"),
    ],
)
def test_bad_tables_are_one_clear_line(tmp_path, text, said):
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, text))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_feeds_one_input_only(tmp_path):
    other = TensorSpec(name="w", shape=(None, 1), dtype="float32")
    with pytest.raises(DataError, match="one input"):
        open_samples(write(tmp_path, GOOD), [VECTOR, other])


def test_names_of_classes_are_kept_in_the_order_of_their_numbers(tmp_path):
    table = write(tmp_path, "a,Y,b,c\n1,dog,2,3\n4,cat,5,6\n7,dog,8,9\n")
    assert open_samples(table, [VECTOR]).class_names == ("cat", "dog")
    assert open_samples(write(tmp_path, GOOD), [VECTOR]).class_names == ()
