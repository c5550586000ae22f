"""The tamper-evident audit log.

entry          what is recorded, and its canonical bytes
merkle         RFC 6962 tree heads, inclusion and consistency proofs
note           C2SP signed notes, as text
checkpoint     C2SP checkpoints: Ed25519 signatures and cosignatures
segments       the files of a log, read
log            the files of a log, written: group commit, recovery, disk faults
committer      entries in, durable indexes out: by a thread, or by a writer process
recovery       intents that a crash left without an outcome
verify         is the whole log what was written?
query          find entries, follow the log
proof          one entry's inclusion, provable without the log
sinks          copies of the log elsewhere, that may lag but never block

Nothing is re-exported here, so that the writer process loads only what it needs.
"""
