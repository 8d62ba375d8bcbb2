"""Histories of other systems: one module a source format, each turns a file into rows of events."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from watchtime.importers import (
    amazon,
    columns,
    jellyfin,
    jellystat,
    jsonl,
    kodi,
    netflix,
    streamystats,
    tautulli,
    trakt,
    xapi,
    youtube,
)
from watchtime.importers.rows import Options, Row, Skipped
from watchtime.importers.source import Source

Reader = Callable[[Source, Options], Iterator[Row | Skipped]]

FORMATS: Mapping[str, Reader] = MappingProxyType(
    {
        "jsonl": jsonl.read,
        "csv": columns.read,
        "xapi": xapi.read,
        "netflix": netflix.read,
        "trakt": trakt.read,
        "tautulli": tautulli.read,
        "jellyfin": jellyfin.read,
        "jellystat": jellystat.read,
        "streamystats": streamystats.read,
        "youtube": youtube.read,
        "kodi": kodi.read,
        "amazon": amazon.read,
    }
)
