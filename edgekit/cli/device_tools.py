"""``edgekit devices install``, ``check`` and ``remove``: what devices run on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from edgekit.cli.complete import device_names
from edgekit.cli.options import json_option, print_json, say
from edgekit.report.text import visible

if TYPE_CHECKING:
    from edgekit.devices import Device
    from edgekit.devices.backend import Fetch, State
    from edgekit.devices.removal import Removal

yes_option = click.option("-y", "--yes", is_flag=True, help="Do it without asking.")


@click.command("install")
@click.argument("names", nargs=-1, required=True, shell_complete=device_names)
@click.option(
    "--runtime", "runtime", default="", metavar="NAME",
    help="One that is brought on demand, or `all`; `devices show` lists them.",
)  # fmt: skip
@yes_option
@click.option("--again", is_flag=True, help="Remove what is there of them before, and fetch anew.")
@click.option("-q", "--quiet", "silent", is_flag=True, help="No progress bars.")
@json_option
def install(
    names: tuple[str, ...], runtime: str, yes: bool, again: bool, silent: bool, as_json: bool
) -> None:
    """Bring what devices need, into your cache folder; what is there already is left alone."""
    from edgekit.devices.backend import backend_of
    from edgekit.devices.declaration import load_device
    from edgekit.devices.removal import Removal, removal
    from edgekit.devices.runtime_choice import with_runtimes

    devices = [each for name in names for each in with_runtimes(load_device(name), runtime)]
    before = removal(devices, shared=True, optional=False) if again else Removal(freed_mb={})
    _agree(before, f"Remove {_megabytes(before)} first?", yes=yes, as_json=as_json)
    before.carry_out()
    needed = list({fetch: None for d in devices for fetch in backend_of(d).needs(d)})
    if not as_json:
        for fetch in needed:
            say(said(fetch))
    megabytes = sum(fetch.size_mb for fetch in needed)
    if needed and not (yes or again):
        _confirm(f"Fetch about {megabytes:.0f} MB?", as_json)
    _bring(devices, silent=silent or as_json)
    states: dict[str, State] = {}
    for device in devices:
        if device.name not in states or states[device.name].readiness == "ready":
            states[device.name] = backend_of(device).state(device)
    if as_json:
        rows = [{"device": name, "state": state} for name, state in states.items()]
        print_json({"schema": 1, "fetched": needed, "devices": rows})
    _demand_ready(states)
    if not as_json:
        say(f"ready: {', '.join(map(visible, states))}")


@click.command("check")
@click.argument("names", nargs=-1, required=True, shell_complete=device_names)
@json_option
def check(names: tuple[str, ...], as_json: bool) -> None:
    """Run something small whose answer is known on each device; exit code 1 if one is wrong."""
    from edgekit.devices.declaration import load_device
    from edgekit.errors import DeviceError

    found: list[tuple[str, list[str]]] = []
    for device in [load_device(name) for name in names]:
        wrong = _wrong(device)
        found.append((device.name, wrong))
        if not as_json:
            say(f"{visible(device.name)}: {visible('; '.join(wrong), most=2000) or 'ok'}")
    if as_json:
        rows = [{"device": name, "wrong": wrong} for name, wrong in found]
        print_json({"schema": 1, "devices": rows})
    if lines := [f"{name}: {line}" for name, wrong in found for line in wrong]:
        raise DeviceError(" | ".join(lines))


@click.command("remove")
@click.argument("names", nargs=-1, required=True, shell_complete=device_names)
@yes_option
@click.option("--shared", is_flag=True, help="Remove also what other installed devices use.")
@json_option
def remove(names: tuple[str, ...], yes: bool, shared: bool, as_json: bool) -> None:
    """Remove what was installed for devices; what other installed devices use stays."""
    from edgekit.devices.declaration import load_device
    from edgekit.devices.removal import removal

    plan = removal([load_device(name) for name in names], shared=shared)
    if not as_json:
        for name, users in plan.kept.items():
            say(f"stays: {visible(name)}, used by {', '.join(users)}")
        if plan.kept:
            say("--shared removes these, too")
    _agree(plan, f"Remove {_megabytes(plan)}?", yes=yes, as_json=as_json)
    plan.carry_out()
    if as_json:
        print_json({"schema": 1, "freed_mb": plan.freed_mb, "kept": plan.kept})
    else:
        say(f"freed {_megabytes(plan)}" if plan.freed_mb else "nothing to remove")


def said(fetch: Fetch) -> str:
    """Return on one line what is fetched."""
    version = f" {fetch.version}" if fetch.version else ""
    size = f", about {fetch.size_mb:g} MB" if fetch.size_mb else ""
    return visible(f"{fetch.source}: {fetch.package}{version}{size}")


def _agree(plan: Removal, question: str, *, yes: bool, as_json: bool) -> None:
    """Say what goes, and ask; nothing where nothing goes."""
    if not as_json:
        for name, megabytes in plan.freed_mb.items():
            say(f"remove {visible(name)}, {megabytes:.1f} MB")
    if plan.freed_mb and not yes:
        _confirm(question, as_json)


def _confirm(question: str, as_json: bool) -> None:
    if as_json:
        raise click.UsageError("--json does not ask: add --yes")
    if not click.confirm(question, default=True):
        raise click.Abort


def _megabytes(plan: Removal) -> str:
    return f"{sum(plan.freed_mb.values()):.1f} MB"


def _bring(devices: Sequence[Device], *, silent: bool) -> None:
    from edgekit.devices.backend import backend_of
    from edgekit.quiet import quiet
    from edgekit.report.terminal.progress import progress

    with quiet() as real, progress(None if silent else real.err) as told:
        for device in devices:
            with told.stage(f"install {device.name}"):
                backend_of(device).install(device, told)


def _demand_ready(states: dict[str, State]) -> None:
    from edgekit.errors import DeviceError

    lacking = [f"{n}: {s.readiness}: {s.why}" for n, s in states.items() if s.readiness != "ready"]
    if lacking:
        raise DeviceError(" | ".join(lacking))


def _wrong(device: Device) -> list[str]:
    from edgekit.devices.backend import backend_of
    from edgekit.errors import EdgekitError
    from edgekit.quiet import quiet

    try:
        with quiet():
            return list(backend_of(device).check(device))
    except EdgekitError as error:
        return [str(error)]
