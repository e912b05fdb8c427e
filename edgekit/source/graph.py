"""Builds a Keras 3 model from a Keras 2 configuration, call by call.

Keras 3 reads old graphs with an index arithmetic that fails on nested models, and has no layer
for TensorFlow functions. Here each stored call is simply made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgekit.errors import EdgekitError, SourceError
from edgekit.source import tfops, trust
from edgekit.source.containers import one_line
from edgekit.source.layerconfig import modernize
from edgekit.source.scope import Scope

_MODELS = frozenset({"Functional", "Model", "Sequential", "Network"})
_TF_LAYERS = frozenset({"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"})


def build(config: Mapping[str, Any], scope: Scope) -> Any:
    """Build the model or layer that a configuration describes; its weights are still random.

    Raises:
        SourceError: it cannot be built in Keras 3; the text names the layer.
    """
    name, inner = config["class_name"], config.get("config")
    if name in _MODELS and not scope.is_custom(config):
        if name == "Sequential":
            return _sequential(inner, scope)
        if isinstance(inner, dict) and "input_layers" in inner:
            return _functional(inner, scope)
        raise SourceError(
            f"the file holds no graph for model {_name(config)!r} (a subclassed model); "
            "load it where its class is defined and save it as .keras"
        )
    return _layer(config, scope)


def _layer(config: Mapping[str, Any], scope: Scope) -> Any:
    import keras

    where = _name(config)
    fresh = dict(modernize(_with_built_models(config, scope), scope))
    if isinstance(fresh["config"], dict) and isinstance(fresh["config"].get("name"), str):
        fresh["config"] = {**fresh["config"], "name": _safe_name(where, scope)}
    fresh.pop("inbound_nodes", None)
    fresh.pop("build_config", None)
    fresh.pop("name", None)
    try:
        return keras.saving.deserialize_keras_object(
            fresh, custom_objects=dict(scope.custom), safe_mode=not scope.allow_code
        )
    except EdgekitError:
        raise
    except Exception as error:
        raise SourceError(
            f"layer {where!r} ({config['class_name']}) cannot be rebuilt in Keras 3: "
            f"{one_line(error)}{_hint(config)}; rebuild the model in Keras 3 and save it as .keras"
        ) from error


def _hint(config: Mapping[str, Any]) -> str:
    if config["class_name"] != "Lambda":
        return ""
    return " (a Lambda's code runs only under the Python version that saved it)"


def _with_built_models(config: Mapping[str, Any], scope: Scope) -> Mapping[str, Any]:
    """Rebuild the models that a wrapper (TimeDistributed, Bidirectional) holds in its options."""
    import keras

    inner = config.get("config")
    if scope.is_custom(config) or not isinstance(inner, dict):
        return config
    built = {
        key: keras.saving.serialize_keras_object(build(value, scope))
        for key, value in inner.items()
        if isinstance(value, dict) and value.get("class_name") in _MODELS
    }
    return {**config, "config": {**inner, **built}}


def _safe_name(name: str, scope: Scope) -> str:
    if "/" not in name:
        return name
    plain, taken = name.replace("/", "_"), set(scope.names.values())
    while plain in taken:
        plain += "_"
    if name not in scope.names:
        scope.mend("'/' in a layer's name, which Keras 3 refuses", name, f"renamed to {plain!r}")
        scope.names[name] = plain
    return scope.names[name]


def _sequential(inner: Any, scope: Scope) -> Any:
    import keras

    inner = {"layers": inner} if isinstance(inner, list) else inner  # Keras 2.0 and 2.1
    name = _safe_name(str(inner.get("name") or "sequential"), scope)
    items: list[Any] = []
    for place, config in enumerate(inner["layers"]):
        if place == 0 and config["class_name"] != "InputLayer":
            items.extend(_first_input(config))
        items.append(build(config, scope))
    model = keras.Sequential(items, name=name)
    shape = inner.get("build_input_shape")
    if not model.built and shape:
        model.build(tuple(shape))
    return model


def _first_input(config: Mapping[str, Any]) -> list[Any]:
    """Return the input that the first layer of an old Sequential declares, if it declares one."""
    import keras

    inner = config["config"]
    while "batch_input_shape" not in inner and isinstance(inner.get("layer"), dict):
        inner = inner["layer"]["config"]
    if not isinstance(inner, dict) or not inner.get("batch_input_shape"):
        return []
    dtype = inner.get("dtype")
    return [
        keras.Input(
            batch_shape=tuple(inner["batch_input_shape"]),
            dtype=dtype if isinstance(dtype, str) else None,
            name=f"{_name(config)}_input".replace("/", "_"),
        )
    ]


def _functional(inner: Mapping[str, Any], scope: Scope) -> Any:
    import keras

    graph = _Graph(scope=scope, configs={_name(c): c for c in inner["layers"]})
    if len(graph.configs) != len(inner["layers"]):
        raise SourceError(f"model {inner.get('name')!r} has two layers of one name; save it again")
    graph.prepare(inner["output_layers"])
    graph.run()
    model = keras.Model(
        inputs=graph.tensors(inner["input_layers"]),
        outputs=graph.tensors(inner["output_layers"]),
        name=_safe_name(str(inner.get("name") or "model"), scope),
    )
    if inner.get("trainable") is False:
        model.trainable = False
    return model


@dataclass(frozen=True, kw_only=True)
class _Graph:
    """A functional graph while it is made: layers, and the results of each of their calls."""

    scope: Scope
    configs: dict[str, Mapping[str, Any]]
    layers: dict[str, Any] = field(default_factory=dict)
    results: dict[str, list[Any]] = field(default_factory=dict)
    shifts: dict[str, int] = field(default_factory=dict)

    def prepare(self, outputs: Any) -> None:
        """Make every layer, and learn from which index on its calls are counted."""
        highest: dict[str, int] = {}
        calls = [c.get("inbound_nodes", []) for c in self.configs.values()]
        for name, index in _references([calls, outputs], self.configs):
            highest[name] = max(index, highest.get(name, 0))
        for name, config in self.configs.items():
            nodes = config.get("inbound_nodes", [])
            # A nested model's own creation counts as its first call, in some versions.
            self.shifts[name] = max(0, highest.get(name, 0) - max(0, len(nodes) - 1))
            self.results[name] = []
            if not self._is_tf_function(config):
                self.layers[name] = build(config, self.scope)
            if config["class_name"] == "InputLayer":
                self.results[name].append(self.layers[name].output)

    def run(self) -> None:
        """Make every call whose inputs are there, until all are made."""
        waiting = {n: list(c.get("inbound_nodes", [])) for n, c in self.configs.items()}
        while any(waiting.values()):
            before = sum(len(nodes) for nodes in waiting.values())
            for name, nodes in waiting.items():
                while nodes and self._ready(nodes[0]):
                    self.results[name].append(self._call(name, nodes.pop(0)))
            if before == sum(len(nodes) for nodes in waiting.values()):
                stuck = next(name for name, nodes in waiting.items() if nodes)
                raise SourceError(
                    f"layer {stuck!r} takes a tensor that no layer gives; damaged file"
                )

    def tensors(self, structure: Any) -> Any:
        """Resolve the stored inputs or outputs of the model."""
        found = self._resolve(structure)
        return found[0] if isinstance(found, list) and len(found) == 1 else found

    def _ready(self, node: Any) -> bool:
        return all(
            len(self.results[name]) > index - self.shifts[name]
            for name, index in _references(node, self.configs)
        )

    def _resolve(self, value: Any) -> Any:
        import keras

        if (ref := _reference(value, self.configs)) is not None:
            name, index, place = ref
            result = self.results[name][index - self.shifts[name]]
            if not _tensors(result):
                return result  # dimensions, which Keras 3 knows while it builds
            flat = _flat(result)
            return flat[place] if len(flat) > 1 or place else flat[0]
        if _is_constant(value):
            return value[2]
        if isinstance(value, dict):
            if value.get("class_name") == "__keras_tensor__":
                return self._resolve(value["config"]["keras_history"])
            if str(value.get("class_name")).startswith("__"):  # a slice, an array, an ellipsis
                return keras.saving.deserialize_keras_object(value)
            return {k: self._resolve(v) for k, v in value.items()}
        return [self._resolve(v) for v in value] if isinstance(value, list) else value

    def _call(self, name: str, node: Any) -> Any:
        config = self.configs[name]
        try:
            if isinstance(node, dict) and "args" in node:
                args, kwargs = self._resolve(node["args"]), self._resolve(node["kwargs"])
                return self._new_style(name, config, args)(*args, **kwargs)
            arg, kwargs = self._resolve(node), self._resolve(_kwargs(node))
            if self._is_tf_function(config):
                return self._tf_call(name, config, arg, kwargs)
            return _call_layer(self.layers[name], arg, kwargs)
        except EdgekitError:
            raise
        except Exception as error:
            raise SourceError(
                f"layer {name!r} ({config['class_name']}) cannot be called in Keras 3 as the file "
                f"says: {one_line(error)}; rebuild the model in Keras 3 and save it as .keras"
            ) from error

    def _is_tf_function(self, config: Mapping[str, Any]) -> bool:
        return config["class_name"] in _TF_LAYERS and config["class_name"] not in self.scope.custom

    def _new_style(self, name: str, config: Mapping[str, Any], args: list[Any]) -> Any:
        """Tell the operation ``Add(a, b)`` from the layer ``Add([a, b])``; .h5 files do not."""
        import keras

        merged = isinstance(self.layers[name], keras.layers.Layer)
        if merged and "module" not in config and len(args) > 1:
            operation = trust.operation_class(config["class_name"])
            if operation is not None and config["class_name"] not in self.scope.custom:
                return operation()
        return self.layers[name]

    def _tf_call(self, name: str, config: Mapping[str, Any], arg: Any, kwargs: Any) -> Any:
        inner = config["config"]
        kwargs = {k: v for k, v in kwargs.items() if k != "name"}
        if config["class_name"] == "SlicingOpLambda":
            self.scope.mend("SlicingOpLambda", name, "rebuilt as a slice of the tensor")
            result = tfops.getitem(arg, **kwargs)
            _rename_operations(result, [arg], _safe_name(name, self.scope))
            return result
        if config["class_name"] == "TensorFlowOpLayer":
            function, positional = tfops.from_node(inner, _flat(arg))
        else:
            function, positional = str(inner.get("function")), [arg]
        operation = tfops.replacement(function)
        if operation is None:
            raise SourceError(
                f"layer {name!r} is the TensorFlow function {function!r}, for which edgekit knows "
                "no Keras 3 operation; rebuild the model with keras.ops and save it as .keras"
            )
        self.scope.mend(f"TensorFlow function {function!r}", name, "rebuilt with keras.ops")
        result = operation(*positional, **kwargs)
        _rename_operations(result, [arg, kwargs], _safe_name(name, self.scope))
        return result


def _call_layer(layer: Any, arg: Any, kwargs: dict[str, Any]) -> Any:
    import keras

    kwargs = {k: v for k, v in kwargs.items() if not (k in ("mask", "training") and v is None)}
    if isinstance(arg, list) and len(arg) == 1:
        arg = arg[0]
    recurrent = (keras.layers.RNN, keras.layers.Bidirectional)
    if isinstance(layer, recurrent) and isinstance(arg, list):  # inputs and initial states
        states = arg[1:]
        return layer(arg[0], initial_state=states[0] if len(states) == 1 else states, **kwargs)
    return layer(arg, **kwargs)


def _reference(value: Any, layers: Mapping[str, Any]) -> tuple[str, int, int] | None:
    """Read ``[layer, call, tensor]``, with or without kwargs behind; None for anything else."""
    if not isinstance(value, list) or len(value) not in (3, 4) or not isinstance(value[0], str):
        return None
    if value[0] not in layers or not all(isinstance(v, int) for v in value[1:3]):
        return None
    return value[0], value[1], value[2]


def _is_constant(value: Any) -> bool:
    return isinstance(value, list) and len(value) in (3, 4) and value[0] == "_CONSTANT_VALUE"


def _references(value: Any, layers: Mapping[str, Any]) -> list[tuple[str, int]]:
    found, stack = [], [value]
    while stack:
        item = stack.pop()
        if (ref := _reference(item, layers)) is not None:
            found.append(ref[:2])
            stack.extend(item[3:])
        elif isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return found


def _kwargs(node: Any) -> dict[str, Any]:
    """Return the keyword arguments of an old-style call: they stand behind its first tensor."""
    while isinstance(node, (list, dict)) and node:
        if isinstance(node, list) and isinstance(node[0], str):
            return dict(node[3]) if len(node) == 4 and isinstance(node[3], dict) else {}
        node = next(iter(node.values())) if isinstance(node, dict) else node[0]
    return {}


def _rename_operations(result: Any, given: Any, name: str) -> None:
    """Name the operations that one stored call became after its layer: names stay unique."""
    known = {id(t._keras_history.operation) for t in _tensors(given)}
    tensors, count = _tensors(result), 0
    while tensors:
        operation = tensors.pop()._keras_history.operation
        if id(operation) in known:
            continue
        known.add(id(operation))
        operation.name = f"{name}_{count}" if count else name
        count += 1
        for node in operation._inbound_nodes:
            tensors.extend(_tensors(node.input_tensors))


def _tensors(value: Any) -> list[Any]:
    import keras

    return [v for v in _flat(value) if isinstance(v, keras.KerasTensor)]


def _flat(value: Any) -> list[Any]:
    import keras

    return list(keras.tree.flatten(value))


def _name(config: Mapping[str, Any]) -> str:
    inner = config.get("config")
    own = inner.get("name") if isinstance(inner, dict) else None
    return str(config.get("name") or own or config["class_name"])
