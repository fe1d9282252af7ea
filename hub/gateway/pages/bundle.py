"""The chart library for browsers, and pictures made by the same library here.

Rules (docs/dashboard.md, "Charts"):

- The bundle is the one that vl-convert ships: Vega, Vega-Lite and Vega-Embed of the
  versions that pictures are made with. Nothing is fetched from elsewhere.
- It is made once a process, when the first reader asks for it; its URL names its
  versions, so browsers keep it for ever.
- Pictures have no address to load from: what a specification could name is refused.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

import vl_convert

NAME = "vega.js"
SNIPPET = "window.vegaEmbed = vegaEmbed;"
SVG, PNG = "image/svg+xml", "image/png"
PNG_SCALE = 2.0
_lock = threading.Lock()


@cache
def digest() -> str:
    """Changes with the versions of what is in the bundle."""
    versions = (
        version("vl-convert-python"),
        vl_convert.get_vega_version(),
        vl_convert.get_vega_embed_version(),
        *vl_convert.get_vegalite_versions(),
        SNIPPET,
    )
    return hashlib.sha256("\n".join(versions).encode()).hexdigest()[:12]


def url() -> str:
    """Where the bundle is."""
    return f"/static/{digest()}/{NAME}"


def script() -> bytes:
    """The bundle: it sets ``vegaEmbed``."""
    with _lock:  # several seconds of work, wanted by many at once
        return _script()


@cache
def _script() -> bytes:
    return vl_convert.javascript_bundle(SNIPPET).encode()


def svg(spec: Mapping[str, Any]) -> bytes:
    """A picture of a specification, as vectors."""
    text: str = vl_convert.vegalite_to_svg(json.dumps(spec), allowed_base_urls=[])
    return text.encode()


def png(spec: Mapping[str, Any]) -> bytes:
    """A picture of a specification, as dots, twice as fine as a screen's."""
    return bytes(
        vl_convert.vegalite_to_png(
            json.dumps(spec), scale=PNG_SCALE, allowed_base_urls=[]
        )
    )
