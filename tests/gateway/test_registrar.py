"""A registry of the members' own gets our schemas under the ids of our topics.

No such registry runs here without Java packages from elsewhere, so one stands in that
keeps the rules of the API: an id is taken only from a subject in mode IMPORT.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from hub.core import observation
from hub.core.errors import InvalidError, RetriableError
from hub.core.topics import indicator_topic
from hub.gateway.registrar import Registrar, Registry, put_all
from hub.gateway.routes.registry import entries
from tests.core.sdmx.releases import catalogue, close, released


class Standin:
    """Schemas by id, modes by subject."""

    def __init__(self) -> None:
        self.schemas: dict[int, str] = {}
        self.modes: dict[str, str] = {}
        self.writes = 0
        self.imports = True

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """What a registry answers."""
        match [unquote(part) for part in path.strip("/").split("/")]:
            case ["schemas", "ids", number] if method == "GET":
                found = self.schemas.get(int(number.partition("?")[0]))
                return (404, {}) if found is None else (200, {"schema": found})
            case ["mode", subject] if method == "GET":
                mode = self.modes.get(subject)
                return (404, {}) if mode is None else (200, {"mode": mode})
            case ["mode", subject]:
                self.modes |= {subject: body["mode"]} if self.imports else {}
                return (200, body) if self.imports else (405, {})
            case ["subjects", subject, "versions"] if method == "POST":
                if self.modes.get(subject) != "IMPORT":
                    return 422, {"error_code": 42205}
                self.schemas[body["id"]] = body["schema"]
                self.writes += 1
                return 200, {"id": body["id"]}
        return 404, {}


@pytest.fixture
def standin() -> Iterator[tuple[Standin, str]]:
    """The registry and its address."""
    held = Standin()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            status, said = held.answer(self.command, self.path, body)
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_PUT = do_POST = do_GET  # noqa: N815 - names that the server looks for

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield held, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_schemas_are_there_under_our_ids(standin: tuple[Standin, str]) -> None:
    """Once; a deserialiser that knows only that registry reads our topics."""
    held, url = standin
    ours = list(entries(catalogue()).values())
    registry = Registry(url)
    thread = Registrar(registry, ours)
    thread.start()
    thread.join(60)

    assert held.writes == len(ours)
    assert set(held.schemas) == {one.id for one in ours}
    assert set(held.modes.values()) == {"READWRITE"}
    assert put_all(registry, ours) == 0
    table = catalogue().tables["STK_VEL"]
    found, _ = released(table, close(1))
    context = SerializationContext(indicator_topic(table.id), MessageField.VALUE)
    with SchemaRegistryClient({"url": url}) as client:
        row: Any = AvroDeserializer(client)(
            observation.Codec(table).encode(found[0]), context
        )
    assert row["OBS_VALUE"] == found[0].value


def test_another_schema_under_our_id_is_left_alone(
    standin: tuple[Standin, str],
) -> None:
    """And said; the mode a subject had comes back."""
    held, url = standin
    first, second, *_ = entries(catalogue()).values()
    held.schemas[first.id] = '"string"'
    held.modes[second.subject] = "READONLY"

    with pytest.raises(InvalidError, match=str(first.id)):
        Registry(url).put(first)
    assert held.schemas[first.id] == '"string"'
    assert Registry(url).put(second)
    assert held.modes[second.subject] == "READONLY"


def test_a_registry_that_takes_no_ids_is_told_once(
    standin: tuple[Standin, str], caplog: pytest.LogCaptureFixture
) -> None:
    """As Karapace answers: nothing is written, nothing is tried again."""
    held, url = standin
    held.imports = False
    thread = Registrar(Registry(url), entries(catalogue()).values())
    thread.start()
    thread.join(20)

    assert not thread.is_alive()
    assert held.writes == 0
    [said] = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert "405" in said
    assert "unset KERWEN_REGISTRY" in said


def test_a_registry_that_is_away_is_tried_again(standin: tuple[Standin, str]) -> None:
    """It refuses or is not there: nothing is left half done."""
    held, url = standin
    one = next(iter(entries(catalogue()).values()))
    with pytest.raises(RetriableError, match="does not answer"):
        Registry("http://127.0.0.1:1").put(one)
    with pytest.raises(RetriableError, match="404"):
        Registry(f"{url}/elsewhere").put(one)
    assert held.writes == 0
    assert replace(one, id=1).said["version"] == 1
