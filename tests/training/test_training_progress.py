"""What a training tells about itself."""

from __future__ import annotations

import io

from edgekit.progress import Silent
from edgekit.report.terminal.progress import Lines, progress
from edgekit.training import Trainer, TrainingOptions


def _told(listener, classifier, pictures, tmp_path):
    options = TrainingOptions(epochs=2)
    trainer = Trainer(classifier(), pictures, options, folder=tmp_path, progress=listener)
    trainer.fit(classifier(), label="qat")
    return trainer


def test_a_log_has_a_line_an_epoch_and_one_with_loss_and_metric(classifier, pictures, tmp_path):
    stream = io.StringIO()
    trainer = _told(Lines(stream), classifier, pictures, tmp_path)
    lines = stream.getvalue().splitlines()
    assert lines[0] == f"qat: epoch 1/2 ({trainer.steps_per_epoch})"
    assert lines[2].startswith("qat: epoch 2/2")
    for line in (lines[1], lines[3]):
        assert all(name in line for name in ("loss", "accuracy", "val_loss", "val_accuracy"))


def test_a_bar_counts_every_step_once(classifier, pictures, tmp_path):
    class Counter(Silent):
        count = 0

        def advance(self, count=1):
            Counter.count += count

    trainer = _told(Counter(), classifier, pictures, tmp_path)
    assert Counter.count == 2 * trainer.steps_per_epoch


def test_bars_show_the_note_behind_the_name(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    with progress(stream) as shown, shown.stage("qat: epoch 1/2", 3):
        shown.note("loss 0.25")
    assert "qat: epoch 1/2  loss 0.25" in stream.getvalue()
