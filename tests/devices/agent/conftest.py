"""The fixtures of ``loopback``."""

from loopback import (
    bare_python,
    make_sshd,
    onnx_file,
    openvino_file,
    scratch_folder,
    sshd,
    tflite_file,
)

__all__ = [
    "bare_python",
    "make_sshd",
    "onnx_file",
    "openvino_file",
    "scratch_folder",
    "sshd",
    "tflite_file",
]
