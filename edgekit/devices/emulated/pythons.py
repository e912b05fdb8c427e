"""Debian's Python of each architecture, unpacked."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.devices.provision.apt import Bundle

_PACKAGES = ("python3.11-minimal", "libpython3.11-stdlib", "python3-numpy", "libstdc++6")
_NEEDLESS = (
    "dpkg|tar|python3|python3.11|(lib)?python3-(minimal|stdlib|pkg-resources)|media-types"
    "|readline-common|lib(acl1|selinux1|pcre2.*|gssapi.*|k.*|com-err2|nsl2|tirpc.*|sqlite3-0"
    "|db5.3|readline8|ncursesw6|tinfo6|md0|zstd1|uuid1)"
)


@dataclass(frozen=True, kw_only=True)
class Python:
    """Python and numpy of an architecture.

    Args:
        bundle: The packages.
        triplet: What Debian calls the folders of its libraries.
        tag: What wheels call it.
        loader: A folder of the loader's own, where it has one.
    """

    bundle: Bundle
    triplet: str
    tag: str
    loader: str = ""


def _python(debian: str, triplet: str, tag: str, size_mb: float, loader: str = "") -> Python:
    bundle = Bundle(
        name=f"python-{debian}",
        packages=_PACKAGES,
        size_mb=size_mb,
        architecture=debian,
        needless=_NEEDLESS,
    )
    return Python(bundle=bundle, triplet=triplet, tag=tag, loader=loader)


PYTHONS = {
    "armv7": _python("armhf", "arm-linux-gnueabihf", "armv7l", 15.3),
    "aarch64": _python("arm64", "aarch64-linux-gnu", "aarch64", 16.0),
    "x86_64": _python("amd64", "x86_64-linux-gnu", "x86_64", 18.0, loader="lib64"),
}
