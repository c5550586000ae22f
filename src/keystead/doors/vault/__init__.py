"""The Vault door: the HTTP API that clients of HashiCorp Vault and OpenBao speak, at /v1/."""
