"""The REST door: resources under ``/api/v1/``, JSON, problem documents."""
