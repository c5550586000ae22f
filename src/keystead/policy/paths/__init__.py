"""Path policies: rights written as paths and capabilities, the way Vault's clients know them."""
