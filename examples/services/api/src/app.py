"""A small HTTP service for Amazon ECS: `GET /` answers with JSON, `GET /health` serves the health check.

Needs nothing but the standard library. The port comes from the environment variable PORT (8080 when unset).
"""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MESSAGE = "hello from fastcontainer"


def answer(path):
    """Returns status and JSON body for a request path."""
    if path == "/":
        return 200, {"service": "api", "message": MESSAGE}
    if path == "/health":
        return 200, {"status": "ok"}
    return 404, {"error": f"no such path: {path}"}


class Handler(BaseHTTPRequestHandler):
    """Serves `answer` over HTTP."""

    server_version = "example-api"

    def do_GET(self):  # noqa: N802 (the name is given by the base class)
        status, body = answer(self.path.partition("?")[0])
        payload = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


def main():
    server = ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Handler)
    # ECS stops a task with SIGTERM; shutdown() must not run in the thread that serves.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"listening on port {server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
