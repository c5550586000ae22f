"""The tamper-evident audit log.

entry          what is recorded, and its canonical bytes
merkle         RFC 6962 tree heads, inclusion and consistency proofs
note           C2SP signed notes, as text
checkpoint     C2SP checkpoints: Ed25519 signatures and cosignatures
checkpoints    the file they are kept in
segments       the files of a log, read
log            the files of a log, written: group commit and disk faults
head           where a log ends, found again on opening
committer      entries in, durable indexes out: by a thread of this process
socket_committer, writer_process, wire
               the same, by a process that several workers share
journal        what both drive: groups of entries, and checkpoints in time
recovery       intents that a crash left without an outcome
verify, chain  is the whole log what was written?
query, summary find entries; pass segments over that have none
follow         read the log as it grows
proof          one entry's inclusion, provable without the log
sinks          copies of the log elsewhere, that may lag but never block

Nothing is re-exported here, so that the writer process loads only what it needs.
"""
