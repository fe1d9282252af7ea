"""Why a row or a batch is refused: a closed enum; codes are part of the contract.

Texts in en/ru/tk and the hint how to mend live in
``catalogue/codelists/reasons.toml``; a test keeps the two in step.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Codes for receipts, quarantine and the `reason` label of metrics."""

    # Batch: the envelope (lane machine: chain untouched, refused).
    MALFORMED = "malformed"  # not a Kerwen message, truncated, trailing bytes
    OVERSIZED = "oversized"  # larger than a bound
    SIGNATURE = "signature"  # unsigned, wrongly signed, unknown or revoked signer
    ADDRESS = "address"  # header member/dataflow does not fit the topic
    # Batch: good signature, content unusable (chain advances, final negative receipt).
    KEY = "key"  # no recipient stanza opens, commitment wrong, destroyed epoch
    SCHEMA = "schema"  # fingerprint or container schema is not the registered one
    CONTENT = "content"  # container does not decode, or holds too many rows
    # Batch: lane.
    SEQUENCE = "sequence"  # gap: the sender goes back to the expected number
    FORK = "fork"  # same sequence, other content
    # Row (quarantined to the ministry).
    MISSING = "missing"  # a required field is empty
    CODE = "code"  # a code is not in its codelist
    DATE = "date"  # impossible date: before 1900, far future, end before start
    RANGE = "range"  # a number outside its bounds
    TEXT = "text"  # a text longer than its bound or with control characters
    RULE = "rule"  # a rule of the dataflow does not hold
    RECORD = "record"  # record_id, revision or action unusable
    # Batch: good signature, as above (codes are only ever appended).
    SKIPPED = "skipped"  # the hub could not process it; set aside by a signed skip
