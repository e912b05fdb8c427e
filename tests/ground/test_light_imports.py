from __future__ import annotations

import json

HEAVY = {
    "ai_edge_litert", "keras", "litert_quantizer", "nncf", "onnx", "onnxruntime", "openvino",
    "scipy", "sklearn", "tensorflow", "tf2onnx", "tf_keras", "tflite_runtime", "torch",
}  # fmt: skip

ALL = """
import importlib, json, pkgutil, sys
import edgekit
for module in pkgutil.walk_packages(edgekit.__path__, "edgekit."):
    # Classes of Keras layers need Keras to be defined: modules imported by functions. Alembic
    # runs env itself, in a context that it makes.
    if not module.name.endswith(
        ("__main__", "simulate.layers", "simulate.rounding", "passes.shared_layer",
         "migrations.env")
    ):
        importlib.import_module(module.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_no_module_of_ours_imports_a_framework(start) -> None:
    with start(ALL) as child:
        out, err = child.communicate()
    assert child.returncode == 0, err
    assert HEAVY.isdisjoint(json.loads(out)), HEAVY & set(json.loads(out))
