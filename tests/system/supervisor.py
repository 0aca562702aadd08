"""Stands in for Home Assistant's Supervisor: runs inside the machine, on plain Python.

``ANSWER``, a file: what GET /services/mqtt says to those who know the token, as the documentation
of its API has it.  Without the file, no app provides a broker.
"""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

TOKEN = "Bearer the-token"


class Supervisor(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """The one request that an app with ``services: [mqtt:want]`` may make here."""
        answer = Path(sys.argv[1])
        if self.path != "/services/mqtt" or self.headers["Authorization"] != TOKEN:
            status, body = 403, '{"result": "error", "message": "forbidden"}'
        elif answer.exists():
            status, body = 200, answer.read_text()
        else:
            status, body = 400, '{"result": "error", "message": "Service not enabled"}'
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())


HTTPServer(("127.0.0.1", 80), Supervisor).serve_forever()
