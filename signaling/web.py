"""The HTTP half of the relay's port: the page, its files, and the state of health."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, unquote_plus

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
}
"""What the page may consist of, by suffix. Nothing else is served."""

SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self' ws: wss:",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # what frame-ancestors says, for browsers from before it
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def is_websocket_request(request: Request) -> bool:
    """Whether a request asks to become a WebSocket, rightly or wrongly; the rest is plain HTTP."""
    return any("websocket" in value.lower() for value in request.headers.get_all("Upgrade"))


def respond(request: Request, health: Mapping[str, object]) -> Response:
    """Answer a plain HTTP request; `health` is what `/healthz` tells."""
    if request.method not in ("GET", "HEAD"):
        response = plain(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET and HEAD are possible here.")
        response.headers["Allow"] = "GET, HEAD"
        return response
    path = unquote(request.path.partition("?")[0], errors="replace")
    harmless = _query_without_start(request)
    if harmless is not None:
        response = plain(HTTPStatus.FOUND, "Another page led here, so the call does not start by itself.")
        response.headers["Location"] = f"?{harmless}"
    elif path == "/healthz":
        response = _response(HTTPStatus.OK, "application/json", json.dumps(health).encode())
    else:
        response = _file_response(path)
    if request.method == "HEAD":
        response.body = b""  # Content-Length stays: RFC 9110, section 9.3.2
    return response


def plain(status: HTTPStatus, text: str) -> Response:
    """Answer with one line of text."""
    return _response(status, CONTENT_TYPES[".txt"], f"{text}\n".encode())


def _query_without_start(request: Request) -> str | None:
    """The query without what makes the page take the camera without a click; None where it may stay.

    It may where the user gave the address to the browser, or a page of this relay did. Browsers tell (Fetch Metadata,
    `Sec-Fetch-Site`), and no page can have them tell otherwise; those that don't are left to what the page sees.
    """
    sites = request.headers.get_all("Sec-Fetch-Site")
    parts = request.path.partition("?")[2].split("&")
    kept = [part for part in parts if unquote_plus(part.partition("=")[0]) != "start"]
    if kept == parts or {"none", "same-origin"}.issuperset(sites):
        return None
    return quote("&".join(kept), safe="%!$&'()*+,;=:@/?-._~")


def _file_response(path: str) -> Response:
    name = path.removeprefix("/") or "index.html"
    content_type = CONTENT_TYPES.get(PurePosixPath(name).suffix)
    file = _page_file(name)
    if content_type is None or file is None:
        return plain(HTTPStatus.NOT_FOUND, "There is no such page. The demo is at /, the WebSocket on any path.")
    return _response(HTTPStatus.OK, content_type, file.read_bytes())


def _page_file(name: str) -> Traversable | None:
    """Walk down to a file of the page by names that are really there, so that no path can lead out of it."""
    place: Traversable = files(__package__) / "page"
    for part in name.split("/"):
        if not place.is_dir():
            return None
        inside = {entry.name: entry for entry in place.iterdir()}
        if part not in inside:
            return None
        place = inside[part]
    return place if place.is_file() else None


def _response(status: HTTPStatus, content_type: str, body: bytes) -> Response:
    headers = Headers(
        {
            "Content-Type": content_type,
            "Content-Length": str(len(body)),
            "Connection": "close",
            **SECURITY_HEADERS,
        }
    )
    return Response(status.value, status.phrase, headers, body)
