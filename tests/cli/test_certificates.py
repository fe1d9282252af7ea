"""``kerwen keys certificates|reissue``: what ends when, and what was taken back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography import x509

from hub.cli.main import main
from hub.edge import keyring, keystamps, passes
from hub.edge.files import read_catalogue
from hub.edge.settings import Home
from hub.embedded import pki


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with an authority and three certificates."""
    monkeypatch.delenv("KERWEN_BOOTSTRAP", raising=False)
    monkeypatch.setenv("KERWEN_HOME", str(tmp_path))
    made = Home(root=tmp_path)
    made.make()
    pki.issue(made, ("broker", "intake", "sms"))
    return made


def serial(home: Home, name: str) -> str:
    """The serial number of a principal's certificate, in hex."""
    content = (home.pki / f"{name}.pem").read_bytes()
    return f"{x509.load_pem_x509_certificate(content).serial_number:x}"


def test_certificates_are_listed_with_their_ends(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """The authority's too; no private key is shown."""
    assert main(["keys", "certificates", "--json"]) == 0

    text = capsys.readouterr().out
    found = {one["name"]: one for one in json.loads(text)["certificates"]}
    assert set(found) == {"broker", "ca", "intake", "sms"}
    assert found["sms"]["serial"] == serial(home, "sms")
    assert (found["sms"]["state"], found["sms"]["days_left"]) == ("good", 396)


def test_a_certificate_is_told_then_revoked_and_replaced(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """The gateway's list and the authority's signed one name the old serial."""
    old = serial(home, "sms")
    words = ["keys", "reissue", "sms", "--reason", "laptop lost"]
    assert main(words) == 0
    assert serial(home, "sms") == old

    assert main([*words, "--apply", "--json"]) == 0

    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    listed = x509.load_pem_x509_crl(Path(told["revocations"]).read_bytes())
    authority = x509.load_pem_x509_certificate((home.pki / "ca.pem").read_bytes())
    public = authority.public_key()
    assert listed.is_signature_valid(public)  # type: ignore[arg-type]  # an EC key
    assert [f"{one.serial_number:x}" for one in listed] == [old]
    assert passes.revoked(home).certificates[old].reason == "laptop lost"
    assert serial(home, "sms") != old
    new = x509.load_pem_x509_certificate((home.pki / "sms.pem").read_bytes())
    new.verify_directly_issued_by(authority)


def test_a_run_that_broke_off_is_finished_by_the_next(home: Home) -> None:
    """Revoked and not replaced yet: the same call replaces it."""
    old = serial(home, "sms")
    passes.revoke(home, now_ms=7, reason="laptop lost", certificate=old)

    assert main(["keys", "reissue", "sms", "--reason", "again", "--apply"]) == 0

    assert serial(home, "sms") != old
    assert passes.revoked(home).certificates[old].since_ms == 7


def test_a_worker_takes_its_new_certificate(home: Home) -> None:
    """Its stamp is another one: it starts again by itself."""
    keyring.create(home.root, read_catalogue(), now_ms=1_794_700_000_000)
    before = keystamps.stamp(home, "intake")

    assert main(["keys", "reissue", "intake", "--reason", "yearly", "--apply"]) == 0

    assert keystamps.stamp(home, "intake") != before


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["reissue"], 2, "name one"),
        (["reissue", "sms", "--apply"], 2, "--reason"),
        (["reissue", "moe"], 1, "has no certificate"),
        (["reissue", "sms", "--reason", "x", "--apply"], 3, "ca.key is missing"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    home: Home,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    text: str,
) -> None:
    """A hub with another authority than ours issues its own."""
    (home.pki / "ca.key").unlink()
    old = serial(home, "sms")

    assert main(["keys", *words]) == code

    assert text in capsys.readouterr().err.strip().splitlines()[-1]
    assert serial(home, "sms") == old
    assert old not in passes.revoked(home).certificates
