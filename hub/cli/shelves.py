"""What doctor looks for in the store of bundles.

Rules (docs/adr/0005-bundle.md):

- Looks at files of the home only, and asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterator

from hub.cli.findings import Finding
from hub.core.bundle import short
from hub.core.errors import HubError
from hub.edge import bundles, enacting
from hub.edge.settings import Settings

APPLY = "kerwen topics bundle --apply"


def of_bundles(settings: Settings) -> Iterator[Finding]:
    """Bundles that are damaged, not in every log, or not what the files say."""
    store = settings.home.bundles
    if not store.is_dir():
        return
    library = enacting.library(settings)
    for folder in sorted(store.glob("?" * bundles.NAME_SIZE)):
        if not library.has(bytes.fromhex(folder.name)):
            yield Finding(
                what="bundle damaged",
                cause=f"{folder} is not what control signed: a state from before it "
                "cannot be rebuilt",
                command="kerwen topics bundle --add FOLDER",
            )
    newest = library.newest()
    if newest is None:
        yield Finding(
            what="no bundle",
            cause=f"{store} holds no bundle: no worker can begin",
            command="kerwen topics bundle --add FOLDER",
        )
        return
    if bundles.applied(store) != newest.digest:
        yield Finding(
            what="bundle not in force",
            cause=f"bundle {newest.number} ({short(newest.digest)}) may not be in every"
            " ministry's log",
            command=APPLY,
        )
    yield from _pending(settings)


def _pending(settings: Settings) -> Iterator[Finding]:
    try:
        wanted = enacting.plan(settings)
        enacting.refuse(wanted)
    except HubError as error:
        yield Finding(
            what="catalogue", cause=str(error), command="kerwen topics bundle"
        )
        return
    if wanted.bundle is not wanted.before:
        yield Finding(
            what="not in force",
            cause=f"files of this home say more than the bundle in force: "
            f"{'; '.join(wanted.notes)}",
            command=APPLY,
        )
