"""``.keras`` archives: Keras 3's own are loaded by Keras, those of Keras 2 are rebuilt."""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.errors import SourceError
from edgekit.source import containers, graph, h5, layerconfig, memory, trust
from edgekit.source.precision import in_float32
from edgekit.source.scope import Scope
from edgekit.source.stand_in import stand_in


def load_archive(path: Path, work: Path, scope: Scope) -> Any:
    """Load a ``.keras`` file; ``work`` is a folder for temporary files.

    Raises:
        SourceError: damaged, oversized, or not to be rebuilt in Keras 3.
        UnsafeSource: it would run code, or leads outside of itself.
    """
    files = containers.unpack_keras(path, work / "unpacked")
    try:
        text = files["config.json"].read_text("utf-8")
        metadata = _metadata(files)
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"the archive's config.json is damaged: {error}") from error
    config = h5.parse_config(text)
    held = _held(files, path)
    fresh, scope = stand_in(in_float32(config, scope), scope)
    trust.check(fresh, scope.custom, allow_code=scope.allow_code)
    if str(metadata.get("keras_version", "3")).startswith("2."):
        with memory.weights_within(held):
            return _load_keras2(fresh, files, scope)
    mended = _without_compile(layerconfig.drop_unknown(fresh, scope))
    if mended != _without_compile(config) or _nested_compile(config):
        path = _rewrite(mended, files, work / "mended.keras")
    elif path.suffix != ".keras":
        path = path.rename(path.with_suffix(".keras"))
    with memory.weights_within(held):
        return _load_keras3(path, scope)


def _held(files: Mapping[str, Path], archive: Path) -> int:
    """Check the archive's weights, and return how many bytes they take in memory."""
    if "model.weights.h5" in files:
        return containers.check_hdf5(files["model.weights.h5"], within=archive)
    return containers.check_npz(files["model.weights.npz"], within=archive)


def _metadata(files: Mapping[str, Path]) -> dict[str, Any]:
    if "metadata.json" not in files:
        return {}
    try:
        found = json.loads(files["metadata.json"].read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise SourceError(f"the archive's metadata.json is damaged: {error}") from error
    return found if isinstance(found, dict) else {}


def _load_keras3(path: Path, scope: Scope) -> Any:
    import keras

    try:
        with warnings.catch_warnings():
            # Keras only warns when it leaves a layer's random weights as they are.
            warnings.filterwarnings("error", message=".*freshly-initialized.*")
            return keras.saving.load_model(
                path,
                custom_objects=dict(scope.custom),
                compile=False,
                safe_mode=not scope.allow_code,
            )
    except Exception as error:
        raise SourceError(
            f"Keras {keras.__version__} cannot load the model: {containers.one_line(error)}; load "
            "it where it was made and save it again, or give --custom-objects module:name"
        ) from error


def _nested_compile(config: dict[str, Any]) -> bool:
    inner = {k: v for k, v in config.items() if k != "compile_config"}
    return bool(_without_compile(inner) != inner)


def _without_compile(value: Any) -> Any:
    """Leave out how models were compiled: losses and optimizers are nobody's business here."""
    if isinstance(value, dict):
        return {k: _without_compile(v) for k, v in value.items() if k != "compile_config"}
    return [_without_compile(v) for v in value] if isinstance(value, list) else value


def _rewrite(config: Any, files: Mapping[str, Path], path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, file in files.items():
            if name == "config.json":
                archive.writestr(name, json.dumps(config))
            else:
                archive.write(file, name)
    return path


def _load_keras2(config: dict[str, Any], files: Mapping[str, Path], scope: Scope) -> Any:
    import h5py

    if "model.weights.h5" not in files:
        raise SourceError("a Keras 2 archive without model.weights.h5; save the model again")
    scope.mend("archive of Keras 2", str(config["config"].get("name")), "rebuilt in Keras 3")
    with h5py.File(files["model.weights.h5"], "r") as file:
        model = graph.build(config, scope)
        try:
            _fill_model(model, config, file, scope.names)
        except (ValueError, KeyError, OSError) as error:
            raise SourceError(
                f"the archive's weights do not fit: {containers.one_line(error)}"
            ) from error
    return model


def _fill_model(
    model: Any, config: Mapping[str, Any], group: Any, names: Mapping[str, str]
) -> None:
    """Load a model's layers. The archive counts them by class, in the order of the config."""
    import keras

    root = next((r for r in ("layers", "_layer_checkpoint_dependencies") if r in group), None)
    holder = group[root] if root else {}
    by_name = {layer.name: layer for layer in model.layers}
    used: dict[str, int] = {}
    for part in config["config"]["layers"]:
        place = _place(part["class_name"], used)
        name = str(part.get("name") or part["config"].get("name"))
        layer = by_name.get(names.get(name, name))
        if layer is None or not layer.weights:
            continue
        if place not in holder:
            raise SourceError(
                f"the archive holds no weights for layer {name!r}; save the model again"
            )
        if isinstance(layer, keras.Model) and "layers" in part["config"]:
            _fill_model(layer, part, holder[place], names)
        elif _fill_layer(layer, holder[place], part["config"], names) != len(layer.weights):
            raise SourceError(f"the archive does not hold all weights of layer {name!r}")


def _place(class_name: str, used: dict[str, int]) -> str:
    plain = re.sub(r"\W+", "", class_name.rsplit(">", 1)[-1])
    plain = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", plain)  # as Keras names its groups
    plain = re.sub("([a-z])([A-Z])", r"\1_\2", plain).lower()
    used[plain] = used.get(plain, -1) + 1
    return f"{plain}_{used[plain]}" if used[plain] else plain


def _fill_layer(layer: Any, group: Any, config: Mapping[str, Any], names: Mapping[str, str]) -> int:
    """Load a layer's own arrays, and those of the layers that it holds; return how many."""
    import keras

    count = 0
    if "vars" in group and len(group["vars"]):
        layer.load_own_variables({key: np.asarray(value) for key, value in group["vars"].items()})
        count = len(group["vars"])
    for name in group:
        if name == "vars":
            continue
        held, own = getattr(layer, name, None), config.get(name)
        own = own if isinstance(own, dict) else {"config": {}}
        if isinstance(held, keras.Model) and "layers" in own["config"]:
            _fill_model(held, own, group[name], names)
            count += len(held.weights)
        elif isinstance(held, (list, tuple)):
            used: dict[str, int] = {}
            for part in held:
                place = _place(type(part).__name__, used)
                inner = group[name].get(place, {})
                count += _fill_layer(part, inner, {}, names)
        elif held is not None:
            count += _fill_layer(held, group[name], own.get("config") or {}, names)
    return count
