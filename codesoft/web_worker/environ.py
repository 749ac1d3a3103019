"""A request as WSGI wants it (PEP 3333), named as gunicorn names it. What all requests share is made once."""

import os
from typing import Any

from gunicorn import util
from gunicorn.http.wsgi import base_environ


def environ_of_worker(config: Any) -> dict[str, Any]:
    return {**base_environ(config), "wsgi.multithread": True, "SCRIPT_NAME": os.environ.get("SCRIPT_NAME", "")}


def environ_of_connection(worker: dict[str, Any], peer: Any, server: Any) -> dict[str, Any]:
    """`peer` and `server` are (address, port, …), or the path of a Unix socket."""
    address, port = (peer, "") if isinstance(peer, str) else peer[:2]
    name, own_port = (server or "localhost", "") if isinstance(server, str) else server[:2]
    known = {"REMOTE_ADDR": address, "REMOTE_PORT": str(port), "SERVER_NAME": name, "SERVER_PORT": str(own_port)}
    return worker | known


def environ_of_request(connection: dict[str, Any], request: Any) -> dict[str, Any]:
    environ = connection.copy()
    major, minor = request.version
    environ["wsgi.input"] = request.body
    environ["wsgi.url_scheme"] = request.scheme
    environ["REQUEST_METHOD"] = request.method
    environ["RAW_URI"] = request.uri
    environ["QUERY_STRING"] = request.query
    environ["SERVER_PROTOCOL"] = f"HTTP/{major}.{minor}"
    environ["PATH_INFO"] = _path_info(request.path, environ["SCRIPT_NAME"])
    for name, value in request.headers:
        key = name.replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
            if key in environ:
                value = f"{environ[key]},{value}"
        environ[key] = value
    return environ


def _path_info(path: str, script_name: str) -> str:
    path = path.removeprefix(script_name)
    plain = path.isascii() and "%" not in path
    return path if plain else str(util.unquote_to_wsgi_str(path))
