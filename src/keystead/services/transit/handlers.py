"""Every handler of transit operations: imported so that they are registered."""

from keystead.services.transit import (  # noqa: F401
    backups,
    certificates,
    encryption,
    exporting,
    importing,
    keys,
    mounts,
    rotation,
    signing,
    views,
)
