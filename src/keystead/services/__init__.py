"""What gets done. Services know no protocol; only the gate calls them."""


def load_services() -> None:
    """Import every service, so that every operation has its handler."""
    from keystead.services import audit, namespaces, policies, randomness, system  # noqa: F401
    from keystead.services.identity import (  # noqa: F401
        approle,
        certificates,
        groups,
        roles,
        tokens,
        users,
    )
    from keystead.services.keys import (  # noqa: F401
        agreement,
        data_keys,
        encryption,
        exporting,
        importing,
        lifecycle,
        signing,
        usage,
        views,
        wrapping,
    )
