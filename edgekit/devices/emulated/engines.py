"""The runtimes that can be emulated: what of each one's wheel runs, and what runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgekit.devices.provision.wheel import WheelFiles


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A runtime with a C interface, and the program that runs files in it.

    Args:
        package: Its distribution; ``module`` is the folder of its libraries in the wheel.
        format: Of the files that it takes.
        module: See ``package``.
        libraries: Patterns of names in that folder. The first is the one with the interface.
        interface: What the runner opens that one by.
        size_mb: Of the wheel, by architecture.
        environment: What the runtime is told besides.
        marked: See ``Program``: ONNX Runtime and OpenVINO settle one inference later.
    """

    package: str
    format: str
    module: str
    libraries: tuple[str, ...]
    interface: str
    size_mb: Mapping[str, float]
    environment: Mapping[str, str] = field(default_factory=dict)
    marked: int = 3

    @property
    def runner(self) -> str:
        """What its runner is called: the program, and ``run_*.c``."""
        return {"tflite": "litert"}.get(self.format, self.format)

    def wheel(self, version: str, architecture: str) -> WheelFiles:
        """Return what of its wheel is fetched."""
        return WheelFiles(
            package=self.package,
            version=version,
            architecture=architecture,
            members=tuple(f"{self.module}/{name}" for name in self.libraries),
            size_mb=self.size_mb[architecture],
        )


ENGINES = {
    engine.package: engine
    for engine in (
        Engine(
            package="ai-edge-litert", format="tflite", module="ai_edge_litert",
            libraries=("libLiteRt.so",), interface="libLiteRt.so",
            size_mb={"aarch64": 14.4, "x86_64": 16.0}, marked=2,
        ),
        Engine(
            package="onnxruntime", format="onnx", module="onnxruntime/capi",
            libraries=("libonnxruntime.so.*",), interface="libonnxruntime.so",
            size_mb={"aarch64": 21.4, "x86_64": 24.0},
            environment={"ORT_DISABLE_TELEMETRY": "1"},  # else a thread of it runs beside
        ),
        Engine(
            package="openvino", format="openvino", module="openvino/libs",
            libraries=(
                "libopenvino_c.so.*", "libopenvino.so.*", "libopenvino_ir_frontend.so.*",
                "libopenvino_*_cpu_plugin.so", "libtbb.so.*",
            ),
            interface="libopenvino_c.so", size_mb={"aarch64": 30.3, "x86_64": 54.0},
        ),
    )
}  # fmt: skip
