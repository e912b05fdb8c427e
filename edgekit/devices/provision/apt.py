"""Debian packages, fetched by name with the machine's own sources and unpacked into a folder.

Nothing is installed and no administrator is needed: ``apt-get`` only resolves, checks and
downloads, against a copy of the machine's list of installed packages.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from edgekit.devices.backend import Fetch
from edgekit.devices.provision import store
from edgekit.devices.provision.command import output_of
from edgekit.errors import DeviceError
from edgekit.progress import Progress

_STATUS = Path("/var/lib/dpkg/status")
_TIMEOUT_S = 600.0
_ADVICE = "check the network and the package sources, then run the same command again"
_NEVER = r"(?!)"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Packages that lie together in one folder of the store, with what they depend on.

    What is installed on the machine is not fetched, but for what ``always`` matches; what
    ``needless`` matches is left out though others depend on it. Both are regular expressions over
    names. ``size_mb`` is about what is fetched. ``architecture`` is Debian's name of another one,
    of which nothing counts as installed.
    """

    name: str
    packages: tuple[str, ...]
    size_mb: float
    always: str = _NEVER
    needless: str = _NEVER
    architecture: str = ""

    @property
    def root(self) -> Path:
        """Return the folder that stands for ``/`` of what is unpacked."""
        return store.place(self.name) / "root"

    def needs(self) -> list[Fetch]:
        """Return what ``fetch`` would bring."""
        if store.present(self.name):
            return []
        return [Fetch(source="apt", package=" ".join(self.packages), size_mb=self.size_mb)]

    def fetch(self, progress: Progress) -> None:
        """Bring all packages; if they are there it does nothing, and after a failure it goes on.

        Raises:
            DeviceError: this is no Debian or a kin of it, or something cannot be fetched.
        """
        if store.present(self.name):
            return
        _demand_apt(self.packages)
        with progress.stage(f"fetching {self.name}"), store.making(self.name) as folder:
            if folder is not None:
                _fill(folder, self)


@dataclass(frozen=True, kw_only=True)
class _Deb:
    name: str
    file: str
    size: int


def _demand_apt(packages: Sequence[str]) -> None:
    if not (_STATUS.is_file() and shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise DeviceError(
            f"expected a Debian or Ubuntu machine with apt-get, from which {', '.join(packages)}"
            " can be fetched; use one, or a container of one"
        )


def _fill(folder: Path, bundle: Bundle) -> None:
    options = _private(folder, ".*" if bundle.architecture else bundle.always)
    if bundle.architecture:
        options += ["-o", f"APT::Architecture={bundle.architecture}"]
        options += ["-o", f"APT::Architectures={bundle.architecture}"]
    wanted = _resolve(folder, bundle, options)
    _download(folder / "debs", wanted, options)
    root = folder / "root"
    root.mkdir(exist_ok=True)
    for deb in wanted:
        unpack = ["dpkg-deb", "-x", str(folder / "debs" / deb.file), str(root)]
        output_of(unpack, doing=f"unpacking {deb.name}", timeout_s=_TIMEOUT_S)
    (folder / "status").unlink()
    for made in ("debs", "lists"):
        shutil.rmtree(folder / made, ignore_errors=True)


def _private(folder: Path, always: str) -> list[str]:
    """Return options with which apt-get writes nowhere but into ``folder``."""
    status = folder / "status"
    stanzas = _STATUS.read_text(encoding="utf-8", errors="replace").split("\n\n")
    status.write_text("\n\n".join(s for s in stanzas if not _named(s, always)), encoding="utf-8")
    (folder / "debs" / "partial").mkdir(parents=True, exist_ok=True)
    settings = {
        "Dir::State::status": str(status),
        "Dir::Cache::archives": str(folder / "debs"),
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Debug::NoLocking": "true",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
    }
    if (folder / "lists").is_dir():
        settings["Dir::State::lists"] = str(folder / "lists")
    return [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]


def _named(stanza: str, pattern: str) -> bool:
    found = re.search(r"^Package: (.+)$", stanza, re.MULTILINE)
    return bool(found and re.fullmatch(pattern, found[1].strip()))


def _resolve(folder: Path, bundle: Bundle, options: list[str]) -> list[_Deb]:
    command = ["apt-get", "--print-uris", "--yes", "install", *bundle.packages]
    try:
        told = _ask([*command, *options], f"resolving {bundle.name}")
    except DeviceError:
        told = _resolve_anew(folder, command, options, bundle.name)
    debs = [_deb(line) for line in told.splitlines() if line.startswith("'")]
    return [deb for deb in debs if not re.fullmatch(bundle.needless, deb.name)]


def _resolve_anew(folder: Path, command: Sequence[str], options: list[str], name: str) -> str:
    """Resolve with new lists; where a part of these cannot be fetched, the rest may do."""
    failure = None
    try:
        _update(folder, options)
    except DeviceError as error:
        failure = error
    try:
        return _ask([*command, *options], f"resolving {name}")
    except DeviceError as error:
        raise failure or error from error


def _update(folder: Path, options: list[str]) -> None:
    """Fetch lists of packages of our own: the machine has none, or stale ones."""
    (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    if "Dir::State::lists=" not in " ".join(options):
        options += ["-o", f"Dir::State::lists={folder / 'lists'}"]
    _ask(["apt-get", "update", *options], "fetching the lists of packages")


def _deb(line: str) -> _Deb:
    """Read a line of ``--print-uris``: address, name of the file, bytes, digest."""
    _, file, size, *_ = line.split()
    return _Deb(name=unquote(file).partition("_")[0], file=file, size=int(size))


def _download(folder: Path, wanted: Sequence[_Deb], options: list[str]) -> None:
    """Fetch what is not there whole; apt-get checks digests and signatures."""
    lacking = [deb for deb in wanted if not _whole(folder, deb)]
    for deb in lacking:
        (folder / deb.file).unlink(missing_ok=True)
    if lacking:
        names = [deb.name for deb in lacking]
        _ask(["apt-get", "download", *names, *options], f"fetching {', '.join(names)}", folder)
    for deb in lacking:
        if not _whole(folder, deb):
            raise DeviceError(f"fetching {deb.name}: expected {deb.file}, got another; {_ADVICE}")


def _whole(folder: Path, deb: _Deb) -> bool:
    path = folder / deb.file
    return path.is_file() and path.stat().st_size == deb.size


def _ask(command: Sequence[str], doing: str, folder: Path | None = None) -> str:
    return output_of(command, doing=doing, timeout_s=_TIMEOUT_S, folder=folder, advice=_ADVICE)
