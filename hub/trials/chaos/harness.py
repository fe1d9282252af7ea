"""A chaos trial from an empty folder to a verdict.

Rules:

- Ministries publish all the time, while one fault follows the other.
- At the end everything is published, declared, closed and released once more. Then the
  checker counts, and the ordinary audit gives a second opinion, of earlier cuts too.
- The same seed deals the same faults to the same sample. When they hit is up to the
  machine: a trial is no simulation.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from hub.client import wait_for
from hub.core.catalogue.model import Catalogue
from hub.core.errors import HubError, RetriableError
from hub.core.messages import Close
from hub.edge import control
from hub.edge.files import schemas_folder
from hub.edge.settings import Settings
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor
from hub.trials import audit, demo
from hub.trials.chaos import pieces, variant, volume
from hub.trials.chaos.checker.compare import check
from hub.trials.chaos.checker.evidence import Evidence, Published
from hub.trials.chaos.cycles import YEAR, Cycles
from hub.trials.chaos.faults import SHARED
from hub.trials.chaos.feeder import Feeder
from hub.trials.chaos.outcome import Cycle, Outcome, Tell, Trial
from hub.trials.chaos.probe import Probe
from hub.trials.chaos.scene import Scene
from hub.trials.chaos.watcher import Watcher
from hub.trials.sample.write import write

SUBSCRIBER = "iom"
READY_SECONDS_MAX = 300.0
CYCLE_SECONDS = 7.0
"""What a cycle takes, about: so much is published that it lasts."""

_PIECES_MIN = 60
_PIECE_ROWS = 60
_ROWS_PER_PERSON = 12


def run(settings: Settings, trial: Trial, tell: Tell) -> Outcome:
    """Run a trial in the fresh home of `settings`.

    Raises:
        HubError: The hub does not start, or does not recover and the trial is strict.
    """
    began = time.monotonic()
    root = settings.home.root
    catalogue = variant.make(root / "catalogue", settings.catalogue)
    settings = Settings(
        home=settings.home, catalogue=root / "catalogue", log_level=settings.log_level
    )
    settings.home.make()
    dealt = _pieces(settings, catalogue, trial)
    tell(f"{len(dealt)} pieces to publish")
    plan = Plan(
        workers={"release": 1} | dict.fromkeys(SHARED, 2),
        module=trial.module,
        quick=True,  # the broker is started again and again
        ready_seconds=READY_SECONDS_MAX,
    )
    with (
        volume.at(settings.home.state) as disk,
        Supervisor(settings, plan, catalogue=catalogue) as hub,
    ):
        tell(f"{len(hub.kept)} workers are ready; their disk: {disk.kind}")
        outcome = Outcome(trial=trial, volume=disk.kind)
        scene = Scene(hub=hub, volume=disk)
        try:
            _story(_Run(scene, catalogue, outcome, tell), dealt)
        finally:
            scene.wake()
            outcome.restarts = sum(one.restarts for one in hub.kept)
            outcome.rss_bytes = dict(scene.rss_bytes)
    outcome.seconds = time.monotonic() - began
    return outcome


@dataclass(frozen=True, slots=True)
class _Run:
    """What the parts of a story share."""

    scene: Scene
    catalogue: Catalogue
    outcome: Outcome
    tell: Tell

    @property
    def settings(self) -> Settings:
        return self.scene.hub.settings


def _story(run: _Run, dealt: Sequence[pieces.Piece]) -> None:
    """Everything between the start and the end of the hub."""
    trial, outcome = run.outcome.trial, run.outcome
    feeder = Feeder(
        settings=run.settings,
        catalogue=run.catalogue,
        pieces=dealt,
        interval_seconds=1 / trial.pieces_per_second,
        seed=trial.seed,
    )
    try:
        feeder.start()
        cuts = _cycles(run, feeder)
        outcome.unreceipted = feeder.finish(trial.quiet_seconds)
        declarations = demo.manifest(run.settings.home.root / "sample")["declarations"]
        outcome.unreceipted += feeder.declare(declarations, trial.quiet_seconds)
        run.tell(f"{len(feeder.journal)} pieces published and declared; the last cut")
        feeder.close()
        close = _release(run)
        outcome.finding = check(_evidence(run.settings, feeder, close))
        _audit(run, [*cuts[-trial.audits :], close.marker])
    finally:
        feeder.close()
        outcome.notes += feeder.notes


def _cycles(run: _Run, feeder: Feeder) -> list[bytes]:
    """All cycles; the markers of the cuts on the way."""
    outcome = run.outcome
    probe = Probe(run.settings, run.catalogue)
    with Watcher(settings=run.settings) as watcher:
        cycles = Cycles(
            trial=outcome.trial,
            scene=run.scene,
            catalogue=run.catalogue,
            feeder=feeder,
            watcher=watcher,
            probe=probe,
            cuts=[],
        )
        try:
            for number, one in enumerate(cycles.run(), 1):
                outcome.cycles.append(one)
                run.tell(_told(number, one))
        finally:
            probe.close()
    outcome.cuts = len(cycles.cuts)
    return cycles.cuts


def _release(run: _Run) -> Close:
    """Close the year and wait for its vintages."""
    outcome = run.outcome
    close = control.close(run.settings, run.catalogue, period=str(YEAR))
    try:
        wait_for(
            run.settings,
            SUBSCRIBER,
            close.marker,
            close.tables,
            outcome.trial.quiet_seconds,
        )
        outcome.released = True
    except RetriableError as error:
        outcome.notes.append(str(error))
    return close


def _audit(run: _Run, cuts: Sequence[bytes]) -> None:
    """The second opinion about cuts."""
    for one in cuts:
        try:
            verdict = audit.audit(run.settings, run.catalogue, one).verdict
        except HubError as error:
            verdict = "none"
            run.outcome.notes.append(f"audit: {error}")
        run.outcome.audits.append(verdict)


def _pieces(
    settings: Settings, catalogue: Catalogue, trial: Trial
) -> list[pieces.Piece]:
    """A sample that lasts for all cycles, in pieces."""
    root = settings.home.root
    lasting = round(trial.cycles * CYCLE_SECONDS * trial.pieces_per_second)
    wanted = max(_PIECES_MIN, lasting)
    persons = trial.persons or wanted * _PIECE_ROWS // _ROWS_PER_PERSON
    write(root / "sample", catalogue, persons=persons, seed=trial.seed)
    files = demo.manifest(root / "sample")["files"]
    rows = max(10, sum(one["rows"] for one in files) // wanted)
    return pieces.cut(root / "sample", files, root / "pieces", rows, trial.seed)


def _evidence(settings: Settings, feeder: Feeder, close: Close) -> Evidence:
    home = settings.home
    return Evidence(
        published=[
            Published(
                member=one.member,
                dataflow=one.dataflow,
                path=one.path,
                again=one.again,
            )
            for one in feeder.journal
        ],
        sample=home.root / "sample",
        spools=feeder.spools(),
        catalogue=home.root / "catalogue",
        schemas=schemas_folder(),
        bootstrap=settings.brokers(),
        pki=home.pki,
        subscriber=SUBSCRIBER,
        release=close.marker.hex(),
        tables=close.tables,
        year=str(YEAR),
    )


def _told(number: int, one: Cycle) -> str:
    recovered = one.recover_seconds
    end = (
        "did not recover" if recovered is None else f"moves again in {recovered:.1f} s"
    )
    return f"cycle {number}: {one.kind} ({one.target}), {one.seconds:.1f} s; {end}"
