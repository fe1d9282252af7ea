"""The hub that is simulated: two ministries, three dataflows, seven tables.

The catalogue is the repository's, cut down, so that rules, codelists and policies are
the real ones and a schedule still takes a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from faust.types import TP

from hub.core import topics
from hub.core.aggregate import Aggregate
from hub.core.blocks import InternalKey
from hub.core.bundle import Held, only
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.dedupe import Dedupe
from hub.core.envelope.recipients import PrivateKey
from hub.core.intake import Intake
from hub.core.keys import HUB, Key, KeyRegistry, SigningKey, Use
from hub.core.log import PARTITIONS_FACTS, PARTITIONS_MINISTRY
from hub.core.messages import Genesis, encode, sign
from hub.core.release import Release
from hub.core.stage import Stage
from tests.core import ministry

MEF = "TM/GOV/MEF/HUB"
MEMBERS = {"sms": ministry.SMS, "mef": MEF}
PROVIDES = {"sms": ("border_crossing", "residence_permit"), "mef": ("remittance",)}
TABLES = ("XNG_EVT", "PRM_NEW", "STK_CIT", "REM_VOL")
INTERNAL = ("DECLARED", "DECLARED_Q", "DECLARED_A")
STAGES = ("intake", "dedupe", "aggregate", "release")
DOMAINS = (Domain.MOBILITY, Domain.NONE)

FACTS = InternalKey(key_id="facts-1", secret=b"f" * 32)
CELLS = InternalKey(key_id="cells-1", secret=b"c" * 32)
MEF_SIGN = Ed25519PrivateKey.from_private_bytes(b"M" * 32)
STATEMENT = Ed25519PrivateKey.from_private_bytes(b"t" * 32)
RELEASE = Ed25519PrivateKey.from_private_bytes(b"R" * 32)
MEF_SEAL = PrivateKey(suite=2, seed=b"S" * 32)
SIGNS = {"sms": ministry.SIGN, "mef": MEF_SIGN}
OPENS = {"sms-1": ministry.SMS_SEAL, "mef-1": MEF_SEAL}


@cache
def catalogue() -> Catalogue:
    """The catalogue of the repository, cut down."""
    whole = ministry.catalogue()
    flows = {*PROVIDES["sms"], *PROVIDES["mef"], "declaration"}
    return replace(
        whole,
        dataflows={n: flow for n, flow in whole.dataflows.items() if n in flows},
        members={
            name: replace(whole.members[name], provides=provides)
            for name, provides in PROVIDES.items()
        },
        tables={n: whole.tables[n] for n in (*INTERNAL, *TABLES)},
    )


@cache
def registry() -> KeyRegistry:
    """Everyone's public keys."""
    known = dict(ministry.registry().keys)
    more: list[tuple[str, Use, str, Ed25519PrivateKey]] = [
        ("mef-sign", "sign", MEF, MEF_SIGN),
        ("statement-1", "statement", HUB, STATEMENT),
        ("release-1", "release", HUB, RELEASE),
    ]
    for key_id, use, member, private in more:
        public = private.public_key().public_bytes_raw()
        known[key_id] = Key(key_id=key_id, use=use, member=member, public=public)
    raw = MEF_SEAL.public().raw
    known["mef-1"] = Key(key_id="mef-1", use="seal", member=MEF, suite=2, public=raw)
    return KeyRegistry(keys=known)


@cache
def bundles() -> Held:
    """The bundle in force."""
    return only(catalogue(), registry())


def stages(entropy: Callable[[int], bytes]) -> dict[str, Stage]:
    """The real stages, with the keys above."""
    return {
        "intake": Intake(bundles=bundles(), keys=ministry.Keys(), entropy=entropy),
        "dedupe": Dedupe(
            bundles(),
            records=ministry.RECORDS,
            facts=FACTS,
            statement=SigningKey(key_id="statement-1", private=STATEMENT),
            entropy=entropy,
        ),
        "aggregate": Aggregate(
            bundles(), facts_key=FACTS, cells_key=CELLS, entropy=entropy
        ),
        "release": Release(
            bundles(),
            cells_key=CELLS,
            secret=b"d" * 32,
            signer=SigningKey(key_id="release-1", private=RELEASE),
        ),
    }


def chance(*parts: object) -> Random:
    """Draws that can be made again."""
    return Random(repr(parts))  # noqa: S311 - a schedule, not a secret


def inputs(stage: str) -> list[TP]:
    """The partitions a stage reads."""
    match stage:
        case "intake":
            return [
                TP(topics.ministry_topic(member, flow), partition)
                for member, provides in PROVIDES.items()
                for flow in provides
                for partition in range(PARTITIONS_MINISTRY)
            ]
        case "dedupe":
            return [TP(topics.records_topic(domain), 0) for domain in DOMAINS]
        case "aggregate":
            return [
                TP(topics.facts_topic(domain), partition)
                for domain in DOMAINS
                for partition in range(PARTITIONS_FACTS)
            ]
        case _:
            return [TP(topics.CELLS, 0)]


def log_of(topic: str) -> bytes:
    """The genesis uuid of a topic."""
    return topic.encode()[-16:].rjust(16, b".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Born:
    """A partition and its first message."""

    tp: TP
    value: bytes


@cache
def births() -> tuple[Born, ...]:
    """The genesis record of every partition that is read."""
    found = []
    for tp in (tp for stage in STAGES for tp in inputs(stage)):
        genesis = Genesis(
            log=log_of(tp.topic),
            topic=tp.topic,
            partition=tp.partition,
            partitions=2,
            catalogue=catalogue().digest,
            generation=1,
            created_ms=ministry.CLOCK_MS,
            key_id="control-1",
        )
        value = encode(sign(genesis, ministry.CONTROL))
        found.append(Born(tp=tp, value=value))
    return tuple(found)
