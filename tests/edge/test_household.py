"""What a process shows of its machine: ends, beginnings, room; no key, no name."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from hub.edge import checks, keyring
from hub.edge.checks import Check
from hub.edge.files import read_catalogue
from hub.edge.household import LOOK_SECONDS, Household
from hub.edge.settings import Home
from hub.embedded import pki

DAY = 86_400


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with certificates and keys."""
    made = Home(root=tmp_path_factory.mktemp("home"))
    made.make()
    pki.issue(made, ["intake", "sms"])
    keyring.create(made.root, read_catalogue(), now_ms=time.time_ns() // 1_000_000)
    return made


def shown(collector: Household) -> dict[tuple[str, ...], float]:
    """Name and label values (without the stage) -> value."""
    registry = CollectorRegistry()
    registry.register(collector)
    text = generate_latest(registry).decode()
    return {
        (sample.name, *(v for k, v in sorted(sample.labels.items()) if k != "stage")): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_an_agent_shows_its_own_certificate_and_the_room(home: Home) -> None:
    """Thirteen months from now it ends."""
    found = shown(Household(home, "intake", own="intake"))
    days = (found[("kerwen_certificate_end_seconds",)] - time.time()) / DAY
    assert 395 < days < 398
    free, size = found[("kerwen_disk_free_bytes",)], found[("kerwen_disk_bytes",)]
    assert 0 < free < size
    assert len(found) == 3


def test_a_home_shows_all_certificates_keys_and_checks(home: Home) -> None:
    """The hub's keys are the hub's; a member that is not in the catalogue is nobody."""
    checks.note(home, Check(name="attacks", at_ms=7_000, failed=2))
    sms = read_catalogue().members["sms"]
    found = shown(Household(home, "publisher", names={sms.member: sms.id}))

    assert found["kerwen_certificate_end_seconds", "sms"] > time.time()
    for use in ("seal", "receipt", "statement", "release", "control"):
        began = found["kerwen_key_begin_seconds", "hub", use]
        assert abs(began - datetime.now(UTC).timestamp()) < DAY
    assert ("kerwen_key_begin_seconds", "sms", "sign") in found
    assert not any("mfa" in place for place in found)
    assert found["kerwen_keys_revoked", "sms"] == 0
    assert found["kerwen_check_last_seconds", "attacks"] == 7
    assert found["kerwen_check_failed", "attacks"] == 2


def test_what_cannot_be_read_is_zero_and_is_looked_at_again(tmp_path: Path) -> None:
    """A certificate that is mended shows within half a minute."""
    home = Home(root=tmp_path)
    home.make()
    now = [0.0]
    collector = Household(home, "intake", own="intake", clock=lambda: now[0])
    assert shown(collector)[("kerwen_certificate_end_seconds",)] == 0

    pki.issue(home, ["intake"])
    assert shown(collector)[("kerwen_certificate_end_seconds",)] == 0
    now[0] = LOOK_SECONDS
    assert shown(collector)[("kerwen_certificate_end_seconds",)] > time.time()


def test_a_check_that_never_ran_shows_nothing(tmp_path: Path) -> None:
    """Nor does a damaged word of one."""
    home = Home(root=tmp_path)
    checks.note(home, Check(name="audit", at_ms=1, failed=0))  # no home yet
    assert list(checks.read(home)) == []
    home.make()
    (home.run / "check-audit.json").write_text("{")
    assert list(checks.read(home)) == []
