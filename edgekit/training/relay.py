"""Stands between Keras' ``fit``, which runs one epoch at a time, and the hooks of a whole run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from edgekit.progress import Progress

LOOK = 16


def relay(hooks: Sequence[Any], progress: Progress, feeds: Sequence[Any]) -> Any:
    """Return a callback that passes on all but the beginning and end of training.

    It begins the feeds (training, then validation), counts steps, and stops at NaN.
    ``lost`` says whether the loss became NaN or infinite.
    """
    return _class()(hooks, progress, feeds)


@cache
def _class() -> Any:
    import keras

    class Relay(keras.callbacks.Callback):  # type: ignore[misc]
        """Passes on what happens in one epoch."""

        def __init__(self, hooks: Sequence[Any], progress: Progress, feeds: Sequence[Any]) -> None:
            super().__init__()
            self.lost = False
            self._hooks, self._progress, self._feeds = hooks, progress, feeds

        def set_params(self, params: Any) -> None:
            for hook in self._hooks:
                hook.set_params(params)

        def set_model(self, model: Any) -> None:
            self._model = model

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            for hook in self._hooks:
                hook.on_epoch_begin(epoch, logs)
            self._feeds[0].begin()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            for hook in self._hooks:
                hook.on_epoch_end(epoch, logs)

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            for hook in self._hooks:
                hook.on_train_batch_begin(batch, logs)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            for hook in self._hooks:
                hook.on_train_batch_end(batch, logs)
            self._progress.advance()
            if batch % LOOK == 0 and not np.isfinite(float((logs or {}).get("loss", 0.0))):
                self.lost = True
                self._model.stop_training = True

        def on_test_begin(self, logs: Any = None) -> None:
            for hook in self._hooks:
                hook.on_test_begin(logs)
            self._feeds[1].begin()

        def on_test_end(self, logs: Any = None) -> None:
            for hook in self._hooks:
                hook.on_test_end(logs)

        def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
            for hook in self._hooks:
                hook.on_test_batch_begin(batch, logs)

        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            for hook in self._hooks:
                hook.on_test_batch_end(batch, logs)

    return Relay
