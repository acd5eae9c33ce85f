"""Serves the Git repositories below a folder over HTTPS, as a forge does: by git's own `http-backend`."""

import http.server
import os
import socket
import ssl
import subprocess
import sys

FOLDER, CERTIFICATE, KEY = sys.argv[1:]


class Forge(http.server.BaseHTTPRequestHandler):
    def answer(self):
        path, _, query = self.path.partition("?")
        header = self.headers.get
        request = {
            "GIT_PROJECT_ROOT": FOLDER,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": header("Git-Protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": header("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": header("Content-Encoding", ""),
        }
        body = self.rfile.read(int(header("Content-Length", "0")))
        git = subprocess.run(["git", "http-backend"], input=body, env=os.environ | request, stdout=subprocess.PIPE, check=True)
        head, _, content = git.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer

    def log_message(self, *_):
        """Says nothing: the CLI reports what goes wrong."""


class Server(http.server.ThreadingHTTPServer):
    # Of the two addresses of `localhost`, the one at which no other server of the lab answers.
    address_family = socket.AF_INET6


server = Server(("::1", 443), Forge)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(CERTIFICATE, KEY)
server.socket = tls.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
