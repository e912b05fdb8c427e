"""The TFLite runtimes that a Python of the device runs: what of each one's wheel is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.devices.provision.wheel import WheelFiles


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A runtime with TFLite's Python interface.

    Args:
        package: Its distribution; ``module`` is what is imported.
        module: See ``package``.
        members: Patterns of names in that module's folder.
        size_mb: Of the wheel, by architecture.
        part: What the store calls these members, where it has others of that wheel.
        plain: See ``Program``.
    """

    package: str
    module: str
    members: tuple[str, ...]
    size_mb: Mapping[str, float]
    part: str = ""
    plain: bool = False

    def wheel(self, version: str, architecture: str, tag: str) -> WheelFiles:
        """Return what of its wheel is fetched; ``tag`` is how wheels call the architecture."""
        return WheelFiles(
            package=self.package,
            version=version,
            architecture=tag,
            members=tuple(f"{self.module}/{name}" for name in self.members),
            size_mb=self.size_mb[architecture],
            part=self.part,
        )


INTERPRETERS = {
    "tflite-runtime": Interpreter(
        package="tflite-runtime", module="tflite_runtime", members=("*",),
        size_mb={"armv7": 1.8}, plain=True,
    ),
    "litert-interpreter": Interpreter(
        package="ai-edge-litert", module="ai_edge_litert",
        members=(
            "__init__.py", "interpreter.py", "metrics_interface.py", "metrics_portable.py",
            "_pywrap_litert_interpreter_wrapper.so", "libpywrap_litert_common.so",
        ),
        size_mb={"aarch64": 14.4, "x86_64": 16.0}, part="python",
    ),
}  # fmt: skip
