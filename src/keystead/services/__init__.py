"""What gets done. Services know no protocol; only the gate calls them."""


def load_services() -> None:
    """Import every service, so that every operation has its handler."""
    from keystead.services import (  # noqa: F401
        audit,
        audit_devices,
        host,
        mfa,
        mounts,
        namespaces,
        oidc_keys,
        oidc_tokens,
        password_policies,
        path_policies,
        policies,
        quotas,
        randomness,
        snapshots,
        system,
        totp,
    )
    from keystead.services import wrapping as response_wrapping  # noqa: F401
    from keystead.services.database import (  # noqa: F401
        configs,
        credentials,
        rotation,
        static_roles,
        unmounting,
    )
    from keystead.services.database import roles as database_roles  # noqa: F401
    from keystead.services.identity import (  # noqa: F401
        approle,
        certificates,
        entities,
        groups,
        identity_groups,
        jwt_auth,
        jwt_oidc,
        kubernetes_auth,
        roles,
        token_roles,
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
    from keystead.services.leases import changing, ending  # noqa: F401
    from keystead.services.leases import sweeping as lease_sweeping  # noqa: F401
    from keystead.services.leases import views as lease_views  # noqa: F401
    from keystead.services.secrets import (  # noqa: F401
        cubbyhole,
        listing,
        metadata,
        sweeping,
        values,
    )
    from keystead.services.transit import handlers  # noqa: F401
