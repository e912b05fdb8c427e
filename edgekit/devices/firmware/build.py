"""Compiles a model that is C, with what it runs in, and tells sizes and addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.devices.firmware import tools
from edgekit.devices.firmware.job import C_FILE
from edgekit.devices.firmware.machines import Machine
from edgekit.devices.provision.command import output_of
from edgekit.errors import ArtifactError, DeviceError

ELF = "firmware.elf"
_TIMEOUT_S = 600.0
_SPARE_STACK = 1 << 16  # for the C library and the harness
_FLAGS = (
    "-std=gnu11", "-O2", "-mthumb", "-ffp-contract=off", "-ffunction-sections", "-fdata-sections",
    "-w", "-fstack-usage",
)  # fmt: skip
_LINK = ("-nostdlib", "-Wl,--gc-sections", "-T", "firmware.ld")
_LIBRARIES = ("-Wl,--start-group", "-lm", "-lc_nano", "-lgcc", "-Wl,--end-group")
_HARNESS = ("start.c", "harness.c")
_SCRIPT = """\
ENTRY(reset)
MEMORY {{
  VECTORS (rx) : ORIGIN = 0, LENGTH = 0x400
  FLASH (rx) : ORIGIN = {flash_at:#x}, LENGTH = {flash_bytes:#x}
  RAM (rw) : ORIGIN = {ram_at:#x}, LENGTH = {ram_bytes:#x}
}}
SECTIONS {{
  .vectors : {{ KEEP(*(.vectors)) }} > VECTORS
  .text : {{ *(.text*) *(.rodata*) }} > FLASH
  .ARM.exidx : {{ *(.ARM.exidx*) }} > FLASH
  load_of_data = LOADADDR(.data);
  .data : {{ start_of_data = .; *(.data*) . = ALIGN(4); end_of_data = .; }} > RAM AT> FLASH
  .bss : {{ start_of_bss = .; *(.bss*) *(COMMON) . = ALIGN(8); end_of_bss = .; }} > RAM
  stack_lowest = end_of_bss;
  stack_top = ORIGIN(RAM) + LENGTH(RAM);
}}
"""


@dataclass(frozen=True, kw_only=True)
class Built:
    """Bytes of the linked file, of its harness alone, and where the plugin begins and ends.

    ``compiler`` is its version.
    """

    text: int
    data: int
    bss: int
    harness_text: int
    begin: int
    end: int
    compiler: str


def build(
    folder: Path, machine: Machine, *, ends: tuple[Sequence[int], Sequence[int]], samples: int
) -> Built:
    """Make ``firmware.elf`` of ``net.c`` in a folder.

    Args:
        folder: Where.
        machine: What for.
        ends: Bytes of each input and each output.
        samples: How many are run.

    Raises:
        ArtifactError: it is larger than the emulated board's memory, or the compiler refuses it.
        DeviceError: the compiler fails otherwise.
    """
    (folder / "ends.h").write_text(_ends(*ends, samples=samples))
    (folder / "firmware.ld").write_text(_script(machine))
    objects = [_compile(str(tools.sources() / name), folder, machine) for name in _HARNESS]
    try:
        objects.append(_compile(C_FILE, folder, machine))
    except DeviceError as error:
        raise ArtifactError(f"GCC refuses its C: {error}") from error
    _demand_room(folder, machine, objects)
    _gcc([*machine.flags, *_FLAGS, *_LINK, *objects, *_LIBRARIES, "-o", ELF], folder)
    sizes = _sizes(folder, [ELF, *objects[:2]])
    addresses = _addresses(folder)
    text, data, bss = sizes[ELF]
    return Built(
        text=text,
        data=data,
        bss=bss,
        harness_text=sum(sizes[name][0] for name in objects[:2]),
        begin=addresses["inference_begins"],
        end=addresses["inference_ends"],
        compiler=_run("gcc", ["-dumpfullversion"], folder, "asking for a version").strip(),
    )


def _demand_room(folder: Path, machine: Machine, objects: Sequence[str]) -> None:
    """Refuse what the emulated board has no memory for; stacks are added up, which is the most."""
    sizes = _sizes(folder, objects).values()
    stacks = (folder / f"{Path(C_FILE).stem}.su").read_text().splitlines()
    flash = sum(text + data for text, data, _ in sizes)
    ram = sum(data + bss for _, data, bss in sizes)
    ram += _SPARE_STACK + sum(int(line.split("\t")[1]) for line in stacks)
    for what, needed, there in (("flash", flash, machine.flash[1]), ("RAM", ram, machine.ram[1])):
        if needed > there:
            raise ArtifactError(
                f"it needs up to {needed / 2**20:.1f} MiB of {what}, more than the"
                f" {there / 2**20:.0f} MiB of the emulated board"
            )


def _ends(inputs: Sequence[int], outputs: Sequence[int], *, samples: int) -> str:
    named = {
        end: [(f"{end}_{place}", size) for place, size in enumerate(sizes)]
        for end, sizes in (("input", inputs), ("output", outputs))
    }
    every = [name for pairs in named.values() for name, _ in pairs]
    parameters = [f"{'const ' if n.startswith('input') else ''}void *" for n in every]
    lists = [
        f"#define {end.upper()}S(X) {' '.join(f'X({name}, {size})' for name, size in pairs)}"
        for end, pairs in named.items()
    ]
    return "\n".join(
        [
            f"#define SAMPLES {samples}",
            *lists,
            f"#define PARAMETERS {', '.join(parameters)}",
            f"#define ARGUMENTS {', '.join(every)}",
            "",
        ]
    )


def _script(machine: Machine) -> str:
    return _SCRIPT.format(
        flash_at=machine.flash[0], flash_bytes=machine.flash[1],
        ram_at=machine.ram[0], ram_bytes=machine.ram[1],
    )  # fmt: skip


def _compile(source: str, folder: Path, machine: Machine) -> str:
    """Compile one source; return the name of its object."""
    name = f"{Path(source).stem}.o"
    words = [*machine.flags, *_FLAGS, f"-I{tools.sources()}", "-I.", "-c", source, "-o", name]
    _gcc(words, folder)
    return name


def _gcc(words: Sequence[str], folder: Path) -> None:
    """Compile or link; the C library lies where it was unpacked to."""
    root = tools.GCC.root / "usr"
    library = [f"-B{root}/lib/arm-none-eabi/newlib/", "-isystem", f"{root}/include/newlib"]
    _run("gcc", [*library, *words], folder, "compiling the model")


def _sizes(folder: Path, names: Sequence[str]) -> Mapping[str, tuple[int, int, int]]:
    """Return (text with constants, data, bss) in bytes, of each file."""
    told = _run("size", ["-B", *names], folder, "asking for sizes")
    rows = [line.split() for line in told.splitlines()[1:]]
    return {row[-1]: (int(row[0]), int(row[1]), int(row[2])) for row in rows}


def _addresses(folder: Path) -> Mapping[str, int]:
    told = _run("nm", [ELF], folder, "asking for addresses")
    rows = [line.split() for line in told.splitlines()]
    found = {row[2]: int(row[0], 16) for row in rows if len(row) == 3}
    if missing := {"inference_begins", "inference_ends"} - found.keys():
        raise DeviceError(f"compiling the model: expected the function {min(missing)}, found none")
    return found


def _run(program: str, words: Sequence[str], folder: Path, doing: str) -> str:
    return output_of(
        [str(tools.cross(program)), *words], doing=doing, timeout_s=_TIMEOUT_S, folder=folder,
        environment=tools.environment(tools.GCC.root),
    )  # fmt: skip
