"""What ``kerwen onboard`` does at the hub, step by step; each can be asked first."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from hub.cli import ministry
from hub.core.catalogue.model import Member
from hub.core.errors import InvalidError, RetriableError
from hub.core.period import day_of, of_day
from hub.core.topics import VINTAGES
from hub.edge import bundles, enacting, kafka, keyring, onboarding_files, trail
from hub.edge.keyfiles import write_file
from hub.edge.onboarding import Joining, Request, enrol
from hub.edge.settings import Settings
from hub.embedded import pki
from hub.publisher.publish import Session

TESTED = "test.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One member's case at the hub.

    Attributes:
        joining: Its agreement, checked.
        request: What it sent; None: its keys are made here.
        certificate: Signed by another authority than this home's.
        package: Folder of what the member is given.
    """

    settings: Settings
    joining: Joining
    request: Request | None
    certificate: Path | None
    package: Path

    @property
    def member(self) -> Member:
        """Who joins."""
        return self.joining.member

    def note(self, verb: str) -> None:
        """Write the act into the trail."""
        agreement = self.member.agreement
        until = f"until {agreement.until}" if agreement else ""
        sent = f", {self.request.fingerprint}" if self.request else ""
        trail.note(self.settings, verb, self.member.id, until + sent)

    def no_agreement(self) -> bool:
        """Whether the catalogue has another agreement, or none."""
        return self.joining.pending

    def no_keys(self) -> bool:
        """Whether the registry lacks an active key of either use."""
        known = keyring.registry(self.settings.home.root).keys
        uses = {
            key.use
            for key in known.values()
            if (key.member, key.status) == (self.member.member, "active")
        }
        asked = {key.key_id for key in self.request.keys} if self.request else set()
        return not uses >= {"sign", "seal"} or not asked <= set(known)

    def keys(self) -> None:
        """Take the public halves, or make the keys here."""
        home, member = self.settings.home, self.member
        if self.request is not None:
            enrol(self.settings, self.request, member)
        else:
            keyring.create(home.root, self.joining.catalogue, now_ms=_now_ms())
        if self.no_keys():
            raise InvalidError(
                f"{member.id} has no active key: have it send a new request, or make "
                "one with `kerwen keys`"
            )

    def no_certificate(self) -> bool:
        """Whether there is none, or one for another key."""
        if self.request is None:
            return not (self.settings.home.pki / f"{self.member.id}.pem").exists()
        path = self.package / f"{self.member.id}.crt"
        asked = pki.read_request(self.member.id, self.request.certificate)
        try:
            held = x509.load_pem_x509_certificate(path.read_bytes())
        except (OSError, ValueError):
            return True
        return held.public_key() != asked.public_key()

    def certify(self) -> None:
        """Issue one, or take the one that another authority signed."""
        home, name = self.settings.home, self.member.id
        if self.request is None:
            pki.issue(home, [name])
            return
        if self.certificate is not None:
            content = self.certificate.read_bytes()
        else:
            content = pki.sign_request(home, name, self.request.certificate)
        self.package.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(self.package / f"{name}.crt", content, 0o644)
        if self.no_certificate():
            raise InvalidError(f"{self.certificate} is not for the key of {name}")

    def not_in_force(self) -> bool:
        """Whether the logs do not name this agreement and these keys yet."""
        wanted = enacting.plan(self.settings)
        applied = bundles.applied(self.settings.home.bundles)
        return self.no_agreement() or applied != wanted.bundle.digest

    def enact(self) -> None:
        """Topics, permissions, and a bundle named in every ministry's log."""
        enacting.enact(self.settings)

    def no_package(self) -> bool:
        """Whether a file for the member is missing or from before."""
        text = keyring.registry(self.settings.home.root).text()
        path = self.package / "registry.json"
        return not path.exists() or path.read_text("utf-8") != text

    def pack(self) -> None:
        """Write the agreement, mappings and public files for the member."""
        registry = keyring.registry(self.settings.home.root)
        catalogue = enacting.in_force(self.settings)
        self.package.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(self.settings.home.pki / "ca.pem", self.package / "ca.pem")
        onboarding_files.package(self.package, catalogue, self.member, registry)

    def test(self, wait_seconds: float) -> list[str]:
        """A test batch through every topic, or a look at what may be read; what was.

        Raises:
            RetriableError: The receipts are not all there in time.
        """
        if not self.member.provides:
            with kafka.consumer(self.settings, self.member.id) as client:
                kafka.extents(client, [(VINTAGES, 0)])
            return [VINTAGES]
        path = self.settings.home.root / "onboarding" / self.member.id / TESTED
        done = set(json.loads(path.read_text("utf-8"))) if path.exists() else set()
        left = [name for name in self.member.provides if name not in done]
        catalogue = enacting.in_force(self.settings)
        with Session.open(self.settings, catalogue, self.member.id) as session:
            # What waits from a run that broke off is those batches already.
            for name in left if not ministry.waiting(session)[0] else ():
                period = of_day(day_of(_now_ms()), catalogue.dataflows[name].declare)
                session.declare(name, str(period), complete=False)
            session.settle(wait_seconds)
            waiting, refused = ministry.waiting(session)
        if refused:
            raise InvalidError(f"{refused} test batches were refused")
        if waiting:
            raise RetriableError(f"{waiting} test batches have no receipt yet")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(path, json.dumps(sorted({*done, *left})).encode(), 0o600)
        return list(self.member.provides)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
