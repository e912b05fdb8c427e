"""One layer's configuration, put into the form that Keras 3 takes. No number changes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from edgekit.errors import SourceError
from edgekit.source import keras2
from edgekit.source.scope import Scope
from edgekit.source.trust import NAMESPACES, builtin

# Keys of Keras 2 that Keras 3 lacks, and the values under which they say nothing.
_ANY = object()
_HARMLESS: dict[str, tuple[Any, ...]] = {
    "groups": (1,),
    "time_major": (False,),
    "implementation": (_ANY,),  # how an RNN orders its matrix products; the result is the same
    "rng_type": (_ANY,),
    "seed_generator": (_ANY,),
    "query_shape": (_ANY,),  # restated by the call itself
    "key_shape": (_ANY,),
    "value_shape": (_ANY,),
    "softmax_robust_masking": (_ANY,),
    "kernel_initializer": (_ANY,),  # of separable and depthwise convolutions: never used there
    "fused": (_ANY,),
    "virtual_batch_size": (None,),
    "renorm": (False,),
    "renorm_clipping": (_ANY,),  # says nothing without renorm
    "renorm_momentum": (_ANY,),
    "experimental_autocast": (_ANY,),
    "dynamic": (False,),
    "stateful": (False,),
    "ragged": (False,),
    "trainable": (_ANY,),
    "batch_input_shape": (_ANY,),  # of layers inside a graph: the graph says it
    "build_input_shape": (_ANY,),
    "shared_object_id": (_ANY,),
    "interpolation": ("nearest",),
    "expects_training_arg": (_ANY,),
    "build_config": (_ANY,),
    "dtype": (_ANY,),  # of initializers: the variable's dtype decides
}
_RENAMED_CLASSES: dict[str, tuple[str, dict[str, Any]]] = {
    "CuDNNLSTM": ("LSTM", {"recurrent_activation": "sigmoid"}),
    "CuDNNGRU": ("GRU", {"recurrent_activation": "sigmoid", "reset_after": True}),
    "BatchNormalizationV1": ("BatchNormalization", {}),
    "BatchNormalizationV2": ("BatchNormalization", {}),
    "SyncBatchNormalization": ("BatchNormalization", {}),
    "LSTMV1": ("LSTM", {}), "LSTMV2": ("LSTM", {}), "GRUV1": ("GRU", {}), "GRUV2": ("GRU", {}),
}  # fmt: skip
_RENAMED_KEYS = {
    "LeakyReLU": {"alpha": "negative_slope"}, "Dropout": {"p": "rate"},
}  # fmt: skip
_DTYPE_HOLDERS = ("Policy", "PolicyV1", "DTypePolicy")
_VALUES = {
    "distribution": {"normal": "truncated_normal"},
}


def modernize(config: Mapping[str, Any], scope: Scope) -> Any:
    """Return a copy of a layer's configuration that Keras 3 takes, adding to the scope's mends.

    Goes down into every object that the layer holds. Custom objects are left as they are.

    Raises:
        SourceError: a key that Keras 3 lacks has a value that changes what the layer computes.
    """
    return _modern(config, scope, str(_name_of(config)))


def _modern(value: Any, scope: Scope, where: str) -> Any:
    if isinstance(value, list):
        return [_modern(v, scope, where) for v in value]
    if not isinstance(value, dict):
        return value
    if not isinstance(value.get("class_name"), str) or not isinstance(value.get("config"), dict):
        return {k: _modern(v, scope, where) for k, v in value.items()}
    if value["class_name"].startswith("__"):
        return value
    if scope.is_custom(value) or "layers" in value["config"]:  # models are built already
        return value
    return _modern_object(value, scope, where)


def _modern_object(value: Any, scope: Scope, where: str) -> Any:
    where = str(_name_of(value) or where)
    name, config = value["class_name"], dict(value["config"])
    if name in _DTYPE_HOLDERS:
        return _policy(config, scope, where)
    if name in _RENAMED_CLASSES and builtin(name) is None:
        new, forced = _RENAMED_CLASSES[name]
        scope.mend(f"{name}, which Keras 3 lacks", where, f"rebuilt as {new}")
        name, config = new, {**config, **forced}
    cls = builtin(name, value.get("module"))
    if cls is None or not inspect.isclass(cls):
        return value
    config = _keys(cls, name, config, scope, where)
    config = {k: _modern(v, scope, where) for k, v in config.items()}
    fresh = {k: v for k, v in value.items() if k not in ("config", "class_name", "module")}
    module = value.get("module")
    if not str(module).startswith("keras.src.") or "engine" in str(module):
        module = _public_module(name, cls)
    fresh.pop("registered_name", None)
    return {**fresh, "class_name": name, "config": config, "module": module,
            "registered_name": None}  # fmt: skip


def _keys(cls: Any, name: str, config: dict[str, Any], scope: Scope, where: str) -> Any:
    """Rename, drop or translate the keys of one configuration."""
    for old, new in _RENAMED_KEYS.get(name, {}).items():
        if old in config and new not in config:
            config[new] = config.pop(old)
            scope.mend(f"{name} got {old!r}", where, f"renamed to {new!r}")
    if isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        config["axis"] = config["axis"][0]  # Keras 3 takes both, in some file formats
    if name == "InputLayer" and "batch_input_shape" in config:
        config.setdefault("batch_shape", config.pop("batch_input_shape"))
    for key, table in _VALUES.items():
        if config.get(key) in table if isinstance(config.get(key), str) else False:
            config[key] = table[config[key]]
    if name == "Lambda":
        config = _lambda(config)
    config.pop("input_length", None)  # Keras 3 takes it and warns
    known = accepted(cls)
    for key in [k for k in config if k not in known]:
        _drop(name, key, config, scope, where)
    for key in ("activation", "recurrent_activation"):
        if isinstance(config.get(key), str):
            config[key] = _activation(config[key], scope, where)
    return config


def _drop(name: str, key: str, config: dict[str, Any], scope: Scope, where: str) -> None:
    value = config.pop(key)
    harmless = _HARMLESS.get(key, (None, False))
    if not any(h is _ANY or h is value or h == value for h in (*harmless, None)):
        raise SourceError(
            f"layer {where!r}: {name} has {key} = {value!r}, which Keras 3's {name} cannot do; "
            "rebuild the layer in Keras 3 and save the model as .keras; or, if it is a layer of "
            f"your own class, give --custom-objects your_module:{name}"
        )
    if key not in ("batch_input_shape", "shared_object_id"):
        scope.mend(
            f"{name} got {key!r}, which Keras 3 refuses",
            where,
            f"dropped (its value was {value!r:.60})",
        )


def drop_unknown(config: Any, scope: Scope) -> Any:
    """Return a copy of a Keras 3 configuration without harmless keys that this version lacks."""
    if isinstance(config, list):
        return [drop_unknown(v, scope) for v in config]
    if not isinstance(config, dict):
        return config
    fresh = {k: drop_unknown(v, scope) for k, v in config.items()}
    name, inner = config.get("class_name"), fresh.get("config")
    if not isinstance(name, str) or not isinstance(inner, dict) or name.startswith("__"):
        return fresh
    if scope.is_custom(config) or "layers" in inner:
        return fresh
    cls = builtin(name, config.get("module"))
    if inspect.isclass(cls) and str(config.get("module")).startswith("keras"):
        known = accepted(cls)
        for key in [k for k in inner if k not in known]:
            _drop(name, key, inner, scope, str(_name_of(config)))
    return fresh


def accepted(cls: Any) -> set[str]:
    """Return the names that a class's constructors take, its bases' included."""
    taken: set[str] = set()
    for base in cls.__mro__:
        init = vars(base).get("__init__")
        if init is None or not hasattr(init, "__code__"):
            continue
        parameters = inspect.signature(init).parameters.values()
        taken |= {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        taken |= {c for c in init.__code__.co_consts if isinstance(c, str)}  # kwargs.pop("…")
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    own = vars(cls).get("from_config")
    if own is not None and hasattr(own, "__func__"):
        taken |= {c for c in own.__func__.__code__.co_consts if isinstance(c, str)}
    return taken


def _activation(name: str, scope: Scope, where: str) -> Any:
    plain = name.rsplit(".", 1)[-1]
    for ending in ("_v1", "_v2"):
        plain = plain.removesuffix(ending)
    if plain in scope.custom:
        return plain
    if scope.keras2 and (old := keras2.activation(plain)) is not None:
        scope.mend(
            f"activation {name!r}, which Keras 3 computes otherwise", where, "kept as it was"
        )
        return old
    if plain != name and builtin(plain) is not None:
        scope.mend(f"activation {name!r}", where, f"taken as {plain!r}")
        return plain
    return name


def _lambda(config: dict[str, Any]) -> dict[str, Any]:
    """Put a Lambda's function into Keras 3's form; only what is allowed gets here."""
    lost = ("module", "function_type", "output_shape_type", "output_shape_module")
    config = {k: v for k, v in config.items() if k not in lost}
    function = config.get("function")
    if isinstance(function, list):
        code = dict(zip(("code", "defaults", "closure"), function, strict=True))
        config["function"] = {"class_name": "__lambda__", "config": code}
    return config


def _policy(config: dict[str, Any], scope: Scope, where: str) -> Any:
    name = config.get("name", "float32")
    name = "float32" if name in ("infer", "_infer") else name
    if set(config) - {"name"}:
        scope.mend("dtype policy with a loss scale", where, f"taken as {name!r}")
    return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": name},
            "registered_name": None}  # fmt: skip


def _public_module(name: str, cls: Any) -> str:
    import keras

    for space in NAMESPACES:
        holder: Any = keras
        for part in space.split("."):
            holder = getattr(holder, part, None)
        if hasattr(holder, name):
            return f"keras.{space}"
    return "keras" if name == "DTypePolicy" else str(cls.__module__)


def _name_of(value: Mapping[str, Any]) -> Any:
    config = value.get("config")
    inner = config.get("name") if isinstance(config, dict) else None
    return inner or value.get("name") or ""
