"""Keys as Vault's transit engine has them."""
