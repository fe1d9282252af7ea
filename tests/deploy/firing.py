"""Every alert but those on conservation: what is scraped, and what is then said."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Case:
    """One alert that fires.

    Attributes:
        series: Series and its values; before `quiet` minutes all is well.
        at: Minutes after which it fires.
        says: Words of its summary; empty: the name of the ministry or stage.
    """

    series: dict[str, str]
    labels: dict[str, str]
    says: str
    quiet: int
    at: int
    severity: str = "warning"


SMS = {"ministry": "sms", "dataflow": "x"}
STAGE = {"stage": "intake"}


def refused(reason: str, name: str = "envelopes") -> dict[str, str]:
    """A first refusal after ten minutes."""
    labels = 'stage="intake",ministry="sms",dataflow="x",outcome="refused"'
    return {f'kerwen_{name}_total{{{labels},reason="{reason}"}}': "_x60 1x60"}


CASES: dict[str, Case] = {
    "KerwenCanaryLost": Case(
        series={'kerwen_canary_lost_total{outcome="counted"}': "_x60 1x60"},
        labels={"outcome": "counted"},
        says="1 synthetic records did not arrive: counted",
        quiet=9,
        at=12,
        severity="critical",
    ),
    "KerwenCanaryWrong": Case(
        series={'kerwen_canary_wrong_total{outcome="leaked"}': "_x60 1x60"},
        labels={"outcome": "leaked"},
        says="a synthetic record arrived otherwise than it was sent: leaked",
        quiet=9,
        at=12,
        severity="critical",
    ),
    "KerwenCanarySilent": Case(
        series={'kerwen_canary_last_seconds{outcome="counted"}': "0x120"},
        labels={},
        says="no synthetic record came through for 10m 0s",
        quiet=4,
        at=10,
    ),
    "KerwenDown": Case(
        series={'up{job="kerwen",instance="a"}': "1x60 0x60"},
        labels={"job": "kerwen", "instance": "a"},
        says="a does not answer",
        quiet=10,
        at=12,
        severity="critical",
    ),
    "KerwenBrokerDown": Case(
        series={
            'up{job="kafka",instance="a"}': "1x60 0x60",
            'up{job="kerwen",instance="b"}': "1x120",
        },
        labels={"job": "kafka", "instance": "a"},
        says="the broker a does not answer",
        quiet=10,
        at=12,
        severity="critical",
    ),
    "KerwenReplicasBehind": Case(
        series={
            'kafka_replica_underreplicatedpartitions{instance="a"}': "0x60 2x60",
            'kafka_replica_underreplicatedpartitions{instance="b"}': "0x60 3x60",
        },
        labels={},
        says="5 partitions have fewer copies than they should",
        quiet=14,
        at=16,
    ),
    "KerwenNotReady": Case(
        series={'kerwen_ready{stage="intake",instance="a"}': "1x60 0x60"},
        labels={**STAGE, "instance": "a"},
        says="a worker of intake is not ready",
        quiet=11,
        at=13,
    ),
    "KerwenRestarting": Case(
        series={
            'process_start_time_seconds{job="kerwen",instance="a"}': "1x60 2x6 3x6 "
            "4x6 5x30"
        },
        labels={"job": "kerwen", "instance": "a"},
        says="a was started 4 times in a quarter of an hour",
        quiet=12,
        at=15,
        severity="critical",
    ),
    "KerwenPartitionStopped": Case(
        series={'kerwen_partition_stopped{stage="intake",instance="a"}': "0x60 2x60"},
        labels={**STAGE, "instance": "a"},
        says="2 partitions of intake stand still and wait for a person",
        quiet=10,
        at=12,
        severity="critical",
    ),
    "KerwenLag": Case(
        series={'kerwen_lag_seconds{stage="intake"}': "1x60 90x60"},
        labels=STAGE,
        says="intake is 1m 30s behind",
        quiet=10,
        at=12,
    ),
    "KerwenSlow": Case(
        series={
            'kerwen_message_seconds_bucket{stage="intake",le="60"}': "0x180",
            'kerwen_message_seconds_bucket{stage="intake",le="300"}': "0x30 0+1x150",
            'kerwen_message_seconds_bucket{stage="intake",le="+Inf"}': "0x30 0+1x150",
        },
        labels=STAGE,
        says="one message in a hundred is 4m 57s under way to intake",
        quiet=10,
        at=20,
    ),
    "KerwenGapOpen": Case(
        series={'kerwen_gap_open{stage="intake",source="s/0"}': "_x60 1x60"},
        labels={**STAGE, "source": "s/0"},
        says="intake holds back blocks of s/0: some before them are missing",
        quiet=10,
        at=12,
        severity="critical",
    ),
    "KerwenGuardBusy": Case(
        series={'kerwen_seeks_total{stage="intake"}': "_x60 25x60"},
        labels=STAGE,
        says="partitions of intake were set back 25 times in ten minutes",
        quiet=9,
        at=12,
    ),
    "KerwenCutWaits": Case(
        series={'kerwen_cut_held{source="s/0"}': "0x60 7x240"},
        labels={"source": "s/0"},
        says="s/0 holds 7 messages back until a cut is complete",
        quiet=35,
        at=42,
    ),
    "KerwenRebuilding": Case(
        series={'kerwen_rebuild_messages{stage="intake"}': "0x60 70x120"},
        labels=STAGE,
        says="intake builds a state again: 70 messages to go",
        quiet=14,
        at=16,
    ),
    "KerwenCheckpointFailed": Case(
        series={
            'kerwen_checkpoints_total{stage="intake",outcome="failed"}': "_x60 1x60"
        },
        labels=STAGE,
        says="intake could not keep a checkpoint",
        quiet=9,
        at=12,
    ),
    "KerwenDiskLow": Case(
        series={
            'kerwen_disk_free_bytes{instance="a"}': "5000000000x60 3000000000x60",
            'kerwen_disk_bytes{instance="a"}': "80000000000x120",
        },
        labels={"instance": "a"},
        says="there is hardly any room left where a writes",
        quiet=10,
        at=12,
        severity="critical",
    ),
    "KerwenClockBehind": Case(
        series={'kerwen_clock_behind_seconds{instance="a"}': "0x60 5x60"},
        labels={"instance": "a"},
        says="the clock of a is 5s behind that of the brokers",
        quiet=10,
        at=12,
    ),
    "KerwenSeriesDropped": Case(
        series={'kerwen_series_dropped_total{stage="intake"}': "0x60 4x60"},
        labels=STAGE,
        says="intake has more series than it may show",
        quiet=9,
        at=12,
    ),
    "KerwenBatchesRefused": Case(
        series=refused("schema"),
        labels={**SMS, "reason": "schema"},
        says="batches of sms x were refused: schema",
        quiet=9,
        at=12,
    ),
    "KerwenSignatureRefused": Case(
        series=refused("signature"),
        labels=SMS,
        says="somebody sent batches as sms without its signature",
        quiet=9,
        at=12,
        severity="critical",
    ),
    "KerwenChainForked": Case(
        series=refused("fork"),
        labels=SMS,
        says="two different batches of sms x claim one place",
        quiet=9,
        at=12,
        severity="critical",
    ),
    "KerwenKeyUnknown": Case(
        series=refused("key"),
        labels=SMS,
        says="batches of sms x are sealed to a key that the hub has not",
        quiet=9,
        at=12,
        severity="critical",
    ),
    "KerwenControlRefused": Case(
        series=refused("signature", "control"),
        labels=SMS,
        says="a control record in the log of sms is not the hub's own",
        quiet=9,
        at=12,
        severity="critical",
    ),
    "KerwenAnswersUnsealed": Case(
        series={'kerwen_answers_total{ministry="sms",outcome="unsealed"}': "_x60 1x60"},
        labels={"ministry": "sms"},
        says="answers to sms could not be sealed: it has no key",
        quiet=9,
        at=12,
    ),
    "KerwenNothingNew": Case(
        series={
            'kerwen_event_newest_seconds{ministry="sms",dataflow="x"}': "-34559000x600"
        },
        labels=SMS,
        says="the newest event of sms x is 400d 1h 1m 20s old",
        quiet=60,
        at=78,
    ),
    "KerwenSourceSilent": Case(
        series={
            'kerwen_last_success_seconds{ministry="sms",dataflow="x"}': "-172500x90"
        },
        labels=SMS,
        says="sms has read nothing of x for 2d 0h 8m 0s",
        quiet=9,
        at=13,
    ),
    "KerwenWatchFailing": Case(
        series={'kerwen_watch_failures_total{ministry="sms"}': "_x60 1x6 5x60"},
        labels={"ministry": "sms"},
        says="the service of sms fails again and again",
        quiet=10,
        at=14,
    ),
    "KerwenFilesFailed": Case(
        series={
            'kerwen_files_total{ministry="sms",dataflow="x",outcome="failed"}': "_x60 "
            "1x60"
        },
        labels=SMS,
        says="a file of sms x could not be read",
        quiet=9,
        at=12,
    ),
    "KerwenCertificateEnds": Case(
        series={'kerwen_certificate_end_seconds{stage="intake"}': "2592600x120"},
        labels=STAGE,
        says="the certificate of intake ends in 29d 23h 58m 0s",
        quiet=9,
        at=12,
    ),
    "KerwenCertificateEnded": Case(
        series={'kerwen_certificate_end_seconds{stage="a",ministry="sms"}': "600x120"},
        labels={"stage": "a", "ministry": "sms"},
        says="the certificate of sms has ended or cannot be read",
        quiet=9,
        at=10,
        severity="critical",
    ),
    "KerwenKeyOld": Case(
        series={
            'kerwen_key_begin_seconds{ministry="hub",outcome="seal"}': "-34559000x600"
        },
        labels={"ministry": "hub", "outcome": "seal"},
        says="the newest key of hub for seal is 400d 1h 1m 20s old",
        quiet=60,
        at=78,
    ),
    "KerwenCheckFailed": Case(
        series={'kerwen_check_failed{outcome="attacks"}': "0x60 2x60"},
        labels={"outcome": "attacks"},
        says="the last run of attacks found 2 things wrong",
        quiet=9,
        at=11,
        severity="critical",
    ),
    "KerwenCheckOld": Case(
        series={'kerwen_check_last_seconds{outcome="audit"}': "-2678000x600"},
        labels={"outcome": "audit"},
        says="audit was last run 31d 1h 3m 20s ago",
        quiet=60,
        at=70,
    ),
    "KerwenGatewayErrors": Case(
        series={
            'kerwen_requests_total{outcome="200"}': "0+9x180",
            'kerwen_requests_total{outcome="503"}': "0x60 0+1x120",
        },
        labels={},
        says="10% of the members' requests fail",
        quiet=12,
        at=20,
        severity="critical",
    ),
    "KerwenGatewaySlow": Case(
        series={
            'kerwen_request_seconds_bucket{le="2.5"}': "0x180",
            'kerwen_request_seconds_bucket{le="5"}': "0+1x180",
            'kerwen_request_seconds_bucket{le="+Inf"}': "0+1x180",
        },
        labels={},
        says="one request in a hundred takes 4.975s or more",
        quiet=8,
        at=20,
    ),
    "KerwenGatewayBehind": Case(
        series={'kerwen_lag_messages{stage="gateway"}': "0x60 3x60"},
        labels={},
        says="the gateway has not taken in 3 messages",
        quiet=14,
        at=16,
    ),
    "KerwenReleaseRefused": Case(
        series={'kerwen_releases_total{outcome="refused"}': "_x60 1x60"},
        labels={},
        says="the gateway refused a release: its proof does not hold",
        quiet=9,
        at=12,
        severity="critical",
    ),
    "KerwenCutRefused": Case(
        series={'kerwen_cuts_refused_total{stage="release"}': "_x60 1x60"},
        labels={},
        says="a cut was closed and nothing of it was published",
        quiet=9,
        at=12,
        severity="critical",
    ),
    "KerwenSuppressedMuch": Case(
        series={
            'kerwen_observations_total{outcome="published"}': "_x60 40x600",
            'kerwen_observations_total{outcome="suppressed"}': "_x60 60x600",
        },
        labels={},
        says="60% of the figures released in a week are suppressed",
        quiet=60,
        at=75,
    ),
}
