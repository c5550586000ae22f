"""The key types, ciphertexts and signatures of Vault's transit engine: pure, without I/O."""
