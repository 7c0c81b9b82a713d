"""Serves a folder on a free port of 127.0.0.1, with byte ranges: http_server.py FOLDER PORT_FILE LOG.

Writes the port to PORT_FILE and a line "PATH RANGE" to LOG for every request. Paths below /whole/ know no ranges.
"""

import http.server
import os
import sys
from pathlib import Path

folder, port_file, log = map(Path, sys.argv[1:])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        wanted = self.headers.get("Range", "")
        with open(log, "a") as out:
            out.write(f"{self.path} {wanted}\n")
        path = folder / self.path.split("/")[-1]
        if not path.exists():
            self.send_error(404)
            return
        content = path.read_bytes()
        begin = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        ranged = bool(wanted) and not self.path.startswith("/whole/")
        if ranged and begin >= len(content):
            self.send_error(416)
            return
        body = content[begin:] if ranged else content
        self.send_response(206 if ranged else 200)
        if ranged:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
    part = port_file.with_suffix(".part")
    part.write_text(str(server.server_port))
    os.rename(part, port_file)
    server.serve_forever()
