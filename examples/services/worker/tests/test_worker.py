"""Run with `python3 -m unittest` in the directory of the service; the image build runs these tests as well."""

import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SOURCES = pathlib.Path(os.environ.get("WORKER_SOURCES", pathlib.Path(__file__).resolve().parent.parent / "src"))
sys.path.insert(0, str(SOURCES))

import handler  # noqa: E402


class RuntimeApi(ThreadingHTTPServer):
    """The service side of the Lambda Runtime API: hands out events, collects answers."""

    daemon_threads = True

    def __init__(self, events):
        super().__init__(("127.0.0.1", 0), Invocations)
        self.events = list(enumerate(events))
        self.answers = queue.Queue()


class Invocations(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/2018-06-01/runtime/invocation/next":
            return self.send_error(404)
        if not self.server.events:
            # Nothing to do: the runtime waits, as it would in Lambda.
            threading.Event().wait()
        number, event = self.server.events.pop(0)
        payload = json.dumps(event).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", f"request-{number}")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.answers.put((self.path.removeprefix("/2018-06-01/runtime/invocation/"), body))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class CountsWords(unittest.TestCase):
    def test_words_are_counted_without_regard_to_case(self):
        self.assertEqual(handler.handle({"text": "To be or not to be"}), {"words": 6, "top": [("to", 2), ("be", 2), ("or", 1)]})

    def test_an_empty_text_has_no_words(self):
        self.assertEqual(handler.handle({"text": ""}), {"words": 0, "top": []})


class ServesEvents(unittest.TestCase):
    def test_answers_and_errors_go_to_the_event_they_belong_to(self):
        api = RuntimeApi([{"text": "a b a"}, {"no": "text"}, {"text": "still alive"}])
        threading.Thread(target=api.serve_forever, daemon=True).start()
        environment = {**os.environ, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}"}
        runtime = subprocess.Popen([sys.executable, SOURCES / "bootstrap.py", "handler.handle"], env=environment)
        try:
            answers = dict(api.answers.get(timeout=20) for _ in range(3))
        finally:
            runtime.kill()
            runtime.wait()
            api.shutdown()
            api.server_close()
        self.assertEqual(answers["request-0/response"], {"words": 3, "top": [["a", 2], ["b", 1]]})
        self.assertEqual(answers["request-1/error"]["errorType"], "KeyError")
        self.assertEqual(answers["request-2/response"]["words"], 2)


if __name__ == "__main__":
    unittest.main()
