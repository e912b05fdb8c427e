"""The attempts worth making, one module a format."""

from edgekit.quantizers.routes.calibrated import Calibrated
from edgekit.quantizers.routes.onnx import OnnxRoute
from edgekit.quantizers.routes.openvino import OpenvinoRoute
from edgekit.quantizers.routes.plain import PlainRoute
from edgekit.quantizers.routes.tflite import TfliteRoute

STATIC = {"tflite": TfliteRoute, "onnx": OnnxRoute, "openvino": OpenvinoRoute}

__all__ = ["STATIC", "Calibrated", "OnnxRoute", "OpenvinoRoute", "PlainRoute", "TfliteRoute"]
