"""Run with `python3 -m unittest` in the directory of the service."""

import json
import os
import pathlib
import subprocess
import sys
import unittest
import urllib.error
import urllib.request

APP = pathlib.Path(__file__).resolve().parent.parent / "src" / "app.py"


class ServiceOverHttp(unittest.TestCase):
    def setUp(self):
        # Port 0 lets the system choose; the service prints what it got.
        self.process = subprocess.Popen(
            [sys.executable, APP], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PORT": "0"}
        )
        self.port = int(self.process.stdout.readline().rsplit(" ", 1)[1])

    def tearDown(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as response:
            return response.status, json.load(response)

    def test_root_answers_with_the_message(self):
        self.assertEqual(self.get("/"), (200, {"service": "api", "message": "hello from fastcontainer"}))

    def test_health_answers_ok_whatever_the_query(self):
        self.assertEqual(self.get("/health?from=elb"), (200, {"status": "ok"}))

    def test_unknown_path_is_not_found(self):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.get("/nothing")
        with caught.exception as error:
            self.assertEqual(error.code, 404)

    def test_sigterm_ends_the_service_cleanly(self):
        self.get("/health")
        self.process.terminate()
        self.assertEqual(self.process.wait(timeout=10), 0)


if __name__ == "__main__":
    unittest.main()
