"""Training data are read ahead: in order, not too far, and no more when nobody asks."""

from __future__ import annotations

import itertools
import threading
import time

import numpy as np
import pytest
from waiting import wait_for

from edgekit.training.ahead import Ahead, depth_for
from edgekit.training.pieces import Piece

PATIENCE_S = 30


@pytest.mark.parametrize("depth", [0, 1, 3, 100])
def test_items_come_in_order_and_end(depth):
    ahead = Ahead(iter(range(10)), depth=depth)
    assert list(ahead) == list(range(10))
    assert next(ahead, None) is None
    ahead.close()


def test_nothing_is_read_before_the_first_is_asked_for():
    read = []
    ahead = Ahead((read.append(n) or n for n in itertools.count()), depth=4)
    time.sleep(0.05)
    assert read == []
    assert next(ahead) == 0
    wait_for(lambda: len(read) == 5)
    ahead.close()


def test_reading_is_as_far_ahead_as_told_while_nobody_asks():
    read = []
    ahead = Ahead((read.append(n) or n for n in itertools.count()), depth=4)
    for asked in range(1, 6):
        next(ahead)
        wait_for(lambda wanted=asked + 4: len(read) == wanted)
        time.sleep(0.02)
        assert len(read) == asked + 4
    ahead.close()
    assert len(read) == 9


def test_one_thread_reads_all_and_without_depth_it_is_the_one_that_asks():
    def names():
        while True:
            yield threading.current_thread().name

    ahead = Ahead(names(), depth=3)
    (name,) = {next(ahead) for _ in range(20)}
    assert name != threading.current_thread().name
    ahead.close()
    assert next(Ahead(names(), depth=0)) == threading.current_thread().name


def test_what_reading_raises_comes_in_its_place():
    def items():
        yield from range(3)
        raise OSError("the disk is gone")

    ahead = Ahead(items(), depth=8)
    assert [next(ahead) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="the disk is gone"):
        next(ahead)
    ahead.close()


def test_closing_waits_for_the_item_that_is_being_read_and_reads_no_other():
    began, go_on, read = threading.Event(), threading.Event(), []

    def items():
        for number in itertools.count():
            if number == 2:
                began.set()
                go_on.wait(PATIENCE_S)
            read.append(number)
            yield number

    ahead = Ahead(items(), depth=8)
    next(ahead)
    assert began.wait(PATIENCE_S)
    closing = threading.Thread(target=ahead.close)
    closing.start()
    time.sleep(0.05)
    assert closing.is_alive()
    go_on.set()
    closing.join(PATIENCE_S)
    assert read == [0, 1, 2]


@pytest.mark.parametrize(("side", "depth"), [(8, 256), (1024, 5), (8192, 1)])
def test_large_batches_are_read_less_far_ahead(side, depth):
    pictures = np.broadcast_to(np.float32(0), (1, side, side, 3))
    assert depth_for(Piece(inputs={"x": pictures})) == depth


@pytest.mark.backend
def test_no_thread_is_left_by_a_training_whose_data_fail(trainer, classifier, pictures):
    x, y = pictures
    ended = []

    class Failing:
        def __len__(self):
            return 40

        def __getitem__(self, place):
            if place == 30 and len(ended) >= 3:
                raise ValueError("picture 30 is broken")
            ended.extend([place] if place == 39 else [])
            return x[:8], y[:8]

    with pytest.raises(Exception, match="picture 30 is broken"):
        trainer(classifier(), Failing(), epochs=9).fit(classifier(), label="run")
    wait_for(lambda: not any(t.name.startswith("training data") for t in threading.enumerate()))
