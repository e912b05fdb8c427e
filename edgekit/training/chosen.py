"""Which loss and metrics each output is trained with: the options', or the compiled model's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgekit.source.compiled import Compiled

_PLAIN = (bool, int, float, str, type(None))


@dataclass(frozen=True, kw_only=True, eq=False)
class Chosen:
    """For one output: a Keras loss or its name, None to guess; metrics; where they come from."""

    loss: Any = None
    metrics: tuple[Any, ...] = ()
    weight: float = 1.0
    origin: str = ""


def from_compiled(found: Compiled | None, outputs: Mapping[str, str]) -> dict[str, Chosen]:
    """Tell which loss, weight and metrics a compiled model has for each output, by name.

    Losses that are no code of Keras are None in a file: custom code is not in it.

    Args:
        found: How the model was compiled, None if it was not.
        outputs: What Keras calls each output, by its name here.
    """
    if found is None:
        return {name: Chosen() for name in outputs}
    made = {}
    for place, (name, own) in enumerate(outputs.items()):
        given = _of_output(found.loss, place, own, len(outputs))
        loss = _rebuilt(given)
        weight = _of_output(found.loss_weights, place, own, len(outputs))
        metrics = _of_output(found.metrics, place, own, len(outputs), several=True)
        said = "as the source model was compiled"
        if given is not None and loss is None:
            said = f"the compiled {_name(given)} is custom code, so guessed"
        made[name] = Chosen(
            loss=loss,
            metrics=tuple(m for m in map(_metric, _flat(metrics)) if m is not None),
            weight=1.0 if weight is None else float(weight),
            origin=said,
        )
    return made


def _of_output(value: Any, place: int, name: str, count: int, *, several: bool = False) -> Any:
    """Return the part of a compile argument that belongs to one output."""
    if isinstance(value, Mapping) and "class_name" not in value:
        return value.get(name)
    if isinstance(value, list | tuple):
        nested = any(isinstance(part, list | tuple) for part in value)
        if several and not nested and not (count > 1 and len(value) == count):
            return value
        return value[place] if place < len(value) else None
    return value


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [part for item in value for part in _flat(item)]
    return [] if value is None else [value]


def _rebuilt(value: Any) -> Any:
    """Return a loss; from serialized ones only Keras' own, made of plain values."""
    import keras

    if not isinstance(value, Mapping):
        return value
    name = _name(value)
    config = value.get("config")
    if value.get("class_name") == "function":
        return name if callable(getattr(keras.losses, name, None)) else None
    kind = getattr(keras.losses, name, None)
    if not (isinstance(kind, type) and issubclass(kind, keras.losses.Loss)):
        return None
    settings = {
        key: item
        for key, item in (config if isinstance(config, Mapping) else {}).items()
        if isinstance(item, _PLAIN) and key not in ("dtype", "fn") and item != "auto"
    }
    try:
        return kind(**settings)
    except (TypeError, ValueError):
        return kind()


def _metric(value: Any) -> Any:
    """Return a metric or its name; of serialized ones only their names, if Keras knows them."""
    import keras

    if not isinstance(value, Mapping):
        return value
    config = value.get("config")
    settings = config if isinstance(config, Mapping) else {}
    for name in (settings.get("fn"), settings.get("name"), config, value.get("class_name")):
        if isinstance(name, str) and name.endswith("accuracy"):
            return "accuracy"
        if isinstance(name, str) and hasattr(keras.metrics, name):
            return name
    return None


def _name(value: Any) -> str:
    if not isinstance(value, Mapping):
        return str(getattr(value, "__name__", value))
    config = value.get("config")
    if value.get("class_name") == "function" and isinstance(config, str):
        return config
    return str(value.get("class_name")).rsplit(">", 1)[-1]
