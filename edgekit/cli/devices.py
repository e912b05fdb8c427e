"""``edgekit devices``: where files can be measured."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli.options import json_option, print_columns, print_json, wrapped

if TYPE_CHECKING:
    from edgekit.devices import Device
    from edgekit.devices.backend import Fetch

WIDTH = 80


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


@command.command("show")
@click.argument("name")
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
    click.echo(f"{device.name}: {device.description}\n")
    for key, value in _facts(device):
        source = device.provenance.get(key)
        line = f"{key} = {value}" + (f"  ({source})" if source else "")
        click.echo(textwrap.fill(line, WIDTH, initial_indent="  ", subsequent_indent="    "))
    stated = {key for key, _ in _facts(device)}
    for key, source in device.provenance.items():
        if key not in stated:
            line = f"{key}: {source}"
            click.echo(textwrap.fill(line, WIDTH, initial_indent="  ", subsequent_indent="    "))
    click.echo(f"\n{state.readiness}" + (f": {state.why}" if state.why else ""))
    for fetch in needs:
        click.echo(f"  {_said(fetch)}")


@command.command("install")
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--runtime", "runtime", default="", metavar="NAME",
    help="One that is brought on demand, or `all`; `devices show` lists them.",
)  # fmt: skip
@click.option("-y", "--yes", is_flag=True, help="Fetch without asking.")
@click.option("-q", "--quiet", "silent", is_flag=True, help="No progress bars.")
def install(names: tuple[str, ...], runtime: str, yes: bool, silent: bool) -> None:
    """Bring what devices need, into your cache folder; what is there already is left alone."""
    from edgekit.devices.backend import backend_of
    from edgekit.devices.declaration import load_device
    from edgekit.devices.runtime_choice import with_runtimes
    from edgekit.errors import DeviceError
    from edgekit.quiet import quiet
    from edgekit.report.progress import progress

    devices = [each for name in names for each in with_runtimes(load_device(name), runtime)]
    needed = {fetch: None for d in devices for fetch in backend_of(d).needs(d)}
    for fetch in needed:
        click.echo(_said(fetch))
    megabytes = sum(fetch.size_mb for fetch in needed)
    if needed and not yes and not click.confirm(f"Fetch about {megabytes:.0f} MB?", default=True):
        raise click.Abort
    with quiet() as real, progress(None if silent else real.err) as told:
        for device in devices:
            with told.stage(f"install {device.name}"):
                backend_of(device).install(device, told)
    states = [(device.name, backend_of(device).state(device)) for device in devices]
    if lacking := [
        f"{name}: {s.readiness}: {s.why}" for name, s in states if s.readiness != "ready"
    ]:
        raise DeviceError(" | ".join(lacking))
    click.echo(f"ready: {', '.join(dict.fromkeys(device.name for device in devices))}")


@command.command("check")
@click.argument("names", nargs=-1, required=True)
def check(names: tuple[str, ...]) -> None:
    """Run something small whose answer is known on each device; exit code 1 if one is wrong."""
    from edgekit.devices.backend import backend_of
    from edgekit.devices.declaration import load_device
    from edgekit.errors import DeviceError, EdgekitError
    from edgekit.quiet import quiet

    wrong = []
    for device in [load_device(name) for name in names]:
        try:
            with quiet():
                said = list(backend_of(device).check(device))
        except EdgekitError as error:
            said = [str(error)]
        click.echo(f"{device.name}: {'; '.join(said) or 'ok'}")
        wrong += [f"{device.name}: {line}" for line in said]
    if wrong:
        raise DeviceError(" | ".join(wrong))


def _said(fetch: Fetch) -> str:
    version = f" {fetch.version}" if fetch.version else ""
    size = f", about {fetch.size_mb:g} MB" if fetch.size_mb else ""
    return f"{fetch.source}: {fetch.package}{version}{size}"


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
