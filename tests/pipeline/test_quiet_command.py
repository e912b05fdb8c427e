"""What TensorFlow prints when it is loaded does not come between the user's lines."""

from __future__ import annotations


def test_an_error_is_the_only_line(here, process) -> None:
    done = process("convert", "nothing.keras", "-t", "tflite-fp32")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "nothing.keras" in done.stderr
