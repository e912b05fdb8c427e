"""``edgekit devices``: where files can be measured."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli import device_tools
from edgekit.cli.complete import device_names
from edgekit.cli.options import WIDTH, json_option, print_columns, print_json, say, wrapped
from edgekit.report.text import visible

if TYPE_CHECKING:
    from edgekit.devices import Device


@click.group("devices", invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List where files can be measured, and whether each device is ready.

    `edgekit devices show NAME` explains one. Every name works as `edgekit bench --device`, and so
    does the path of a TOML file of your own.
    """
    if ctx.invoked_subcommand is not None:
        return
    from edgekit.devices.backend import backend_of
    from edgekit.devices.declaration import all_devices

    found = [(device, backend_of(device).state(device)) for device in all_devices()]
    if as_json:
        print_json({"schema": 1, "devices": [{"device": d, "state": s} for d, s in found]})
        return
    heading = ("device", "kind", "state", "what it is")
    rows = [(d.name, d.kind, s.readiness, d.description) for d, s in found]
    print_columns(wrapped([heading, *rows], WIDTH))


command.add_command(device_tools.install)
command.add_command(device_tools.check)
command.add_command(device_tools.remove)


@command.command("show")
@click.argument("name", shell_complete=device_names)
@json_option
def show(name: str, as_json: bool) -> None:
    """Explain one device: its figures, where each comes from, and what it needs."""
    from edgekit.devices.backend import backend_of
    from edgekit.devices.declaration import load_device

    device = load_device(name)
    backend = backend_of(device)
    state, needs = backend.state(device), backend.needs(device)
    if as_json:
        print_json({"schema": 1, "device": device, "state": state, "needs": needs})
        return
    say(f"{visible(device.name)}: {visible(device.description)}\n")
    for line in _declared(device):
        _fold(line)
    why = f": {visible(state.why, most=400)}" if state.why else ""
    say(f"\n{state.readiness}{why}")
    for fetch in needs:
        say(f"  {device_tools.said(fetch)}")
    if needs:
        say(f"edgekit devices install {shlex.quote(name)} brings it")


def _declared(device: Device) -> Iterator[str]:
    """Yield a line for each figure, with where it is from, and for each other source."""
    facts = dict(_facts(device))
    for key, value in facts.items():
        source = device.provenance.get(key)
        yield f"{key} = {value}" + (f"  ({source})" if source else "")
    yield from (f"{k}: {source}" for k, source in device.provenance.items() if k not in facts)


def _fold(line: str) -> None:
    shown = visible(line, most=2000)
    say(textwrap.fill(shown, WIDTH, initial_indent="  ", subsequent_indent="    "))


def _facts(device: Device) -> Iterator[tuple[str, str]]:
    """Yield what is declared, by dotted key, but for what is not set."""
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(device)
    for key in ("name", "description", "provenance"):
        plain.pop(key)
    yield from _flat(plain, "")


def _flat(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, (list, tuple)):
        if value:
            yield key, _listed(value)
    elif value not in (None, "", 0):
        yield key, str(value)


def _listed(values: Sequence[Any]) -> str:
    """Name what is in a list; of tables, their values."""
    return ", ".join(
        " ".join(map(str, value.values())) if isinstance(value, dict) else str(value)
        for value in values
    )
