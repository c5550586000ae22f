"""One folder a protocol: bytes to an operation, a reply or an error to bytes."""
