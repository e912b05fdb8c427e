"""Files out of npm packages, fetched by name and version with the machine's npm."""

from __future__ import annotations

import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

from edgekit.devices.backend import Fetch
from edgekit.devices.provision import store
from edgekit.devices.provision.command import output_of
from edgekit.errors import DeviceError
from edgekit.progress import Progress

_TIMEOUT_S = 600.0
_ROOT = "package/"


@dataclass(frozen=True, kw_only=True)
class NpmPackage:
    """Some files of a package at a version; the rest is not kept, and nothing of it is run.

    ``members`` are paths in the package; ``size_mb`` is what is fetched.
    """

    name: str
    version: str
    members: tuple[str, ...]
    size_mb: float

    @property
    def folder(self) -> Path:
        """Where the files lie, at the paths that they have in the package."""
        return store.place(self.stored)

    @property
    def stored(self) -> str:
        """What the folder is called in the store."""
        return f"npm-{self.name.removeprefix('@').replace('/', '-')}-{self.version}"

    def needs(self) -> list[Fetch]:
        """Return what ``fetch`` would bring."""
        if store.present(self.stored):
            return []
        return [Fetch(source="npm", package=self.name, version=self.version, size_mb=self.size_mb)]

    def fetch(self, progress: Progress) -> None:
        """Bring the files; if they are there it does nothing.

        npm checks the digest that its registry tells. No script of the package is run.

        Raises:
            DeviceError: there is no npm, no such package, or no such file in it.
        """
        if store.present(self.stored):
            return
        with progress.stage(f"fetching {self.name}"), store.making(self.stored) as folder:
            if folder is not None:
                self._fill(folder)

    def _fill(self, folder: Path) -> None:
        passing = folder / "archives"
        shutil.rmtree(passing, ignore_errors=True)
        passing.mkdir()
        wanted = f"{self.name}@{self.version}"
        output_of(
            [_npm(wanted), "pack", "--ignore-scripts", "--silent", wanted],
            doing=f"fetching {wanted}", timeout_s=_TIMEOUT_S, folder=passing,
            advice="check the network and npm's configuration, then run the same command again",
        )  # fmt: skip
        found = list(passing.glob("*.tgz"))
        if len(found) != 1:
            raise DeviceError(f"{wanted}: expected one archive from npm pack, got {len(found)}")
        self._unpack(found[0], folder)
        shutil.rmtree(passing)

    def _unpack(self, archive: Path, folder: Path) -> None:
        """Write the files that are wanted, and no others: what the archive names is not trusted."""
        try:
            with tarfile.open(archive) as opened:
                for member in self.members:
                    content = opened.extractfile(_ROOT + member)
                    if content is None:
                        raise KeyError(member)
                    target = folder / member
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with content, target.open("wb") as written:
                        shutil.copyfileobj(content, written)
        except (tarfile.TarError, EOFError, KeyError) as error:
            raise DeviceError(
                f"{self.name} {self.version}: expected {', '.join(self.members)} in it; take"
                f" another version ({error})"
            ) from error


def _npm(wanted: str) -> str:
    if (found := shutil.which("npm")) is None:
        raise DeviceError(
            f"expected npm, to fetch {wanted} with, found none; install it, on Debian with"
            " apt-get install npm"
        )
    return found
