"""Names to objects, loaded when asked for; plugins join by entry point."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgekit.errors import OptionError, UnknownName


@dataclass(frozen=True, kw_only=True)
class Registry:
    """What answers to the names of a kind.

    ``shipped`` maps a name to ``module:object``. Installed plugins add to it through an entry
    point group, for instance ``edgekit.passes``.
    """

    kind: str
    group: str
    shipped: Mapping[str, str]

    def names(self) -> list[str]:
        """Return every name, sorted; imports nothing.

        Raises:
            OptionError: two plugins, or a plugin and edgekit, use one name.
        """
        return sorted(self._places())

    def load(self, name: str) -> Any:
        """Import and return the object that a name stands for.

        Raises:
            UnknownName: nothing answers to the name; the nearest is suggested.
            OptionError: a clash, or a plugin that cannot be imported.
        """
        places = self._places()
        if name not in places:
            raise UnknownName(self.kind, name, places)
        module, _, attribute = places[name].partition(":")
        try:
            found: Any = importlib.import_module(module)
            for part in attribute.split(".") if attribute else ():
                found = getattr(found, part)
        except (ImportError, AttributeError) as error:
            if name in self.shipped:
                raise
            raise OptionError(
                f"{self.kind} {name!r}: its plugin {places[name]} cannot be loaded: {error}"
            ) from error
        return found

    def _places(self) -> dict[str, str]:
        places = dict(self.shipped)
        for point in importlib.metadata.entry_points(group=self.group):
            if places.setdefault(point.name, point.value) != point.value:
                raise OptionError(
                    f"{self.kind} {point.name!r} is claimed by {places[point.name]} and by "
                    f"{point.value}: uninstall one of them"
                )
        return places
