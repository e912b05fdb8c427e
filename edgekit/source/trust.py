"""Which Python objects a model file may reach: Keras' own, and what the user named.

Keras imports the modules that a configuration names, and `Lambda` layers carry bytecode. So the
whole configuration is looked through before Keras sees any of it, and whatever is not on the
list is refused. Nothing here imports a module that the file chose, except Keras' own.
"""

from __future__ import annotations

import importlib
import inspect
import platform
import re
from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.errors import SourceError, UnsafeSource
from edgekit.source import bytecode

# Public namespaces of plain modelling objects, in the order that a bare name is looked up in.
NAMESPACES = (
    "layers", "models", "initializers", "regularizers", "constraints", "activations",
    "dtype_policies", "quantizers", "random", "losses", "metrics", "optimizers",
    "optimizers.schedules", "ops",
)  # fmt: skip
# Those whose functions compute on tensors and do nothing else; `models` has load_model.
_FUNCTIONS = frozenset(
    {"activations", "ops", "losses", "metrics", "initializers", "regularizers", "constraints"}
)
_INTERNAL = re.compile(
    r"keras\.src\.(ops|models|layers|initializers|regularizers|constraints|activations|"
    r"dtype_policies|quantizers|random|losses|metrics|optimizers|trainers|utils|applications)(\.|$)"
)
_KERAS2 = re.compile(r"(tf_keras|tensorflow\.python\.keras|tensorflow\.keras|keras)(\.|$)")
# Keras classes that open other files, or run code that the file brings.
_REACHING = {
    "TFSMLayer": "opens a SavedModel elsewhere on this machine and runs its graph",
    "JaxLayer": "runs a Python function",
    "FlaxLayer": "runs a Python function",
}
_DATA = frozenset(
    {
        "__keras_tensor__",
        "__tensor__",
        "__numpy__",
        "__bytes__",
        "__ellipsis__",
        "__slice__",
        "__tuple__",
    }
)
_TF_OPS = frozenset({"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "AddLoss", "AddMetric"})
# Layers of keras.applications that have no public name.
_UNNAMED = ("keras.src.applications.convnext",)
_POLICIES = frozenset({"DTypePolicy", "Policy", "PolicyV1"})
_UTILS = frozenset({"FeatureSpace", "Cross", "Feature"})
_ALLOW = "if you trust the file, give --allow-code"


def check(config: Any, custom: Mapping[str, Any], *, allow_code: bool) -> None:
    """Refuse a configuration that reaches beyond Keras and the named custom objects.

    Raises:
        UnsafeSource: it holds code, or names a class that opens other files.
        SourceError: it needs custom objects that nobody has named.
    """
    missing: dict[str, str] = {}
    for item, where in _objects(config, "model"):
        if item["class_name"] == "TorchModuleWrapper" and "TorchModuleWrapper" not in custom:
            raise SourceError(
                f"{where} is a TorchModuleWrapper: a PyTorch module, which only PyTorch can run; "
                "build the model of Keras layers, and copy the module's weights into them"
            )
        if not allow_code:
            _check_code(item, where, custom)
        name = item["class_name"]
        if name in ("Lambda", "__lambda__"):
            _check_version(item, where)
        if not isinstance(name, str):
            raise SourceError(f"{where}: class_name is {type(name).__name__}, expected a string")
        if not _known(item, custom):
            missing.setdefault(_function_name(item) or name, where)
    if missing:
        raise SourceError(_missing_text(missing))


def builtin(name: str, module: str | None = None) -> Any:
    """Return Keras' own class or function of that name, or None.

    ``module`` is what the file says; a Keras 2 path counts as no statement.
    """
    import keras

    if module and _INTERNAL.match(module) and not module.endswith("_test"):
        found = _internal(module, name)
        if found is not None:
            return found
    if module == "keras.utils" and name in _UTILS:
        return getattr(keras.utils, name, None)
    if name == "Functional":
        return keras.Model
    for space in NAMESPACES:
        holder: Any = keras
        for part in space.split("."):
            holder = getattr(holder, part, None)
        found = getattr(holder, name, None)
        if inspect.isclass(found) or (space in _FUNCTIONS and _is_plain(name, found)):
            return found
    if name in _POLICIES:
        return keras.DTypePolicy
    for inside in _UNNAMED:
        if (found := _internal(inside, name)) is not None:
            return found
    by_own_name = (c for c in vars(keras.layers).values() if getattr(c, "__name__", "") == name)
    return next(by_own_name, None) or operation_class(name)


def operation_class(name: str) -> Any:
    """Return the class behind one of ``keras.ops``, as functional models hold it, or None."""
    for part in ("numpy", "nn", "core", "math", "image", "linalg"):
        found = _internal(f"keras.src.ops.{part}", name)
        if found is not None:
            return found
    return None


def _is_plain(name: str, found: Any) -> bool:
    return inspect.isfunction(found) and name not in {"get", "serialize", "deserialize"}


def _internal(module: str, name: str) -> Any:
    from keras.src.saving.keras_saveable import KerasSaveable

    try:
        found = vars(importlib.import_module(module)).get(name)
    except ImportError:
        return None
    return found if inspect.isclass(found) and issubclass(found, KerasSaveable) else None


def _known(item: Mapping[str, Any], custom: Mapping[str, Any]) -> bool:
    import keras

    name, module = item["class_name"], item.get("module")
    if name in _DATA or name in _TF_OPS or name in {"__lambda__", "__typespec__"}:
        return True
    registered = item.get("registered_name")
    for key in (registered, name, _function_name(item)):
        if isinstance(key, str) and (key in custom or keras.saving.get_registered_object(key)):
            return True
    if module not in (None, "builtins") and not _KERAS2.match(str(module)):
        return False
    return builtin(_function_name(item) or name, module) is not None


def _check_code(item: Mapping[str, Any], where: str, custom: Mapping[str, Any]) -> None:
    name, config = item["class_name"], item.get("config")
    if name == "__lambda__" or (name == "Lambda" and _carries_code(config, custom)):
        raise UnsafeSource(
            f"{where} is a Lambda that carries Python code{_called(item)}, which loading would "
            f"run; write it in a module of yours and {_instead(item, where)}, or {_ALLOW}"
        )
    if name in _REACHING and name not in custom:
        raise UnsafeSource(f"{where} is a {name}, which {_REACHING[name]}; {_ALLOW}")
    if name == "__typespec__":
        raise UnsafeSource(f"{where} rebuilds a TensorFlow type from the file; {_ALLOW}")
    if isinstance(config, dict) and isinstance(config.get("vocabulary"), str):
        raise UnsafeSource(
            f"{where} reads its vocabulary from the file {config['vocabulary']!r} on this "
            f"machine; {_ALLOW}, or save the model with the vocabulary inside"
        )


def _check_version(item: Mapping[str, Any], where: str) -> None:
    """Refuse code that another Python wrote: running it can end this process without a word."""
    code = bytecode.carried(item)
    if code is not None and not code.runs_here:
        raise SourceError(
            f"{where} carries the code of another Python{_called(item)}, which cannot run on "
            f"{platform.python_version()}; write it in a module of yours and "
            f"{_instead(item, where)}, or load and save the model with the Python that wrote it"
        )


def _called(item: Mapping[str, Any]) -> str:
    code = bytecode.carried(item)
    return f" (function {code.name!r})" if code else ""


def _instead(item: Mapping[str, Any], where: str) -> str:
    layer = where.removeprefix("layer ").strip("'")
    return f"give --custom-objects your_module:{bytecode.names_for(item, layer)[0]}"


def _carries_code(config: Any, custom: Mapping[str, Any]) -> bool:
    if not isinstance(config, dict):
        return True
    function = config.get("function")
    if isinstance(function, dict):
        return function.get("class_name") != "function"
    named = isinstance(function, str) and config.get("function_type", "function") == "function"
    return not named or function not in custom


def _function_name(item: Mapping[str, Any]) -> str | None:
    config = item.get("config")
    return config if item["class_name"] == "function" and isinstance(config, str) else None


def _objects(value: Any, where: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every dictionary that Keras would turn into an object, with the layer it lies in."""
    stack = [(value, where)]
    while stack:
        value, where = stack.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                where = _place(value, where)
                yield value, where
            stack.extend((v, where) for k, v in value.items() if k != "compile_config")
        elif isinstance(value, list):
            stack.extend((v, where) for v in value)


def _place(item: Mapping[str, Any], where: str) -> str:
    config = item.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return f"layer {name!r}" if isinstance(name, str) and "class_name" in item else where


def _missing_text(missing: Mapping[str, str]) -> str:
    shown = ", ".join(f"{name!r} ({where})" for name, where in list(missing.items())[:5])
    plain = [name.rsplit(">", 1)[-1] for name in list(missing)[:5]]
    options = " ".join(f"--custom-objects your_module:{name}" for name in plain)
    kind = "custom object" if len(missing) == 1 else "custom objects"
    return f"the model uses the {kind} {shown}, which Keras 3 does not have: give {options}"
