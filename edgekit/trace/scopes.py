"""Lets layers have names that TensorFlow's graphs refuse, for the time of a trace."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

# What no graph accepts: its C++ part refuses more than tf.Graph.name_scope does, such as a
# backslash, or a ">" in front of anything but a name. A name's first character is held to less.
_REFUSED = re.compile(r"[^A-Za-z0-9_./>-]|>(?![A-Za-z0-9.])")
_FIRST = re.compile(r"[A-Za-z0-9.]")


def legal(name: str, *, at_root: bool) -> str:
    """Return a name that a graph accepts: what it refuses becomes ``_``.

    A name that is accepted comes back as it is. Two that become one are numbered by TensorFlow.

    Args:
        name: Of a layer, or a path of such names.
        at_root: Whether no other scope is around it.
    """
    plain = _REFUSED.sub("_", name)
    return plain if not at_root or not plain or _FIRST.match(plain) else f"n{plain}"


@contextlib.contextmanager
def legal_scopes() -> Iterator[None]:
    """Let graphs spell the names of scopes as they can; all is put back afterwards.

    Keras takes any name without a slash, and its models compute with them; only graphs refuse
    blanks, letters beyond ASCII and most signs. What a trace's nodes are called says nothing of
    its inputs and outputs, which carry their Keras names.
    """
    import tensorflow as tf

    original = tf.Graph.name_scope

    def name_scope(graph: Any, name: Any) -> Any:
        if isinstance(name, bytes):
            name = name.decode("utf-8", "replace")
        if isinstance(name, str) and name:
            name = legal(name, at_root=not graph._name_stack)
        return original(graph, name)

    try:
        tf.Graph.name_scope = name_scope
        yield
    finally:
        tf.Graph.name_scope = original
