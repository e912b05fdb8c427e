"""Layer names, as the user knows them, from the names of tensors and nodes."""

from __future__ import annotations

import re

# The last parts of a path that name the operation and not the layer: "dense/BiasAdd".
_OPERATION = re.compile(
    r"(/batchnorm/(mul|add|sub)|/convolution|/depthwise|/batchnorm|/[A-Z][A-Za-z0-9]*)(_\d+)?(_quant)?$"
)


def layer(name: str) -> str:
    """Return the layer that a tensor or node belongs to.

    Of a fused tensor's names (``a;b``) the first counts; ``:0`` and a closing operation, as in
    ``dense/MatMul``, fall away; a leading ``StatefulPartitionedCall`` or slash too.
    """
    first = name.split(";", 1)[0].strip("/").removesuffix(":0")
    first = re.sub(r"^(StatefulPartitionedCall/)+", "", first)
    return _OPERATION.sub("", first) or first or name
