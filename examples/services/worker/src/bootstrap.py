"""A custom AWS Lambda runtime: fetches events from the Runtime API and hands them to a handler function.

The handler is named `module.function` on the command line, which for a container image is the `CMD`.
"""

import importlib
import json
import os
import sys
import traceback
import urllib.request

API_VERSION = "2018-06-01"


class RuntimeApi:
    """The three calls of the Lambda Runtime API that a runtime needs."""

    def __init__(self, address):
        self.base = f"http://{address}/{API_VERSION}/runtime/invocation"

    def next(self):
        """Waits for an event; returns its request id and payload."""
        # Lambda freezes the process between events, so this call must never time out.
        with urllib.request.urlopen(f"{self.base}/next", timeout=None) as response:
            return response.headers["Lambda-Runtime-Aws-Request-Id"], json.load(response)

    def respond(self, request_id, result):
        """Delivers what the handler returned."""
        self._post(f"{self.base}/{request_id}/response", result, {})

    def fail(self, request_id, error):
        """Reports that the handler raised."""
        kind = type(error).__name__
        report = {
            "errorMessage": str(error),
            "errorType": kind,
            "stackTrace": traceback.format_tb(error.__traceback__),
        }
        self._post(f"{self.base}/{request_id}/error", report, {"Lambda-Runtime-Function-Error-Type": f"Unhandled.{kind}"})

    @staticmethod
    def _post(url, body, headers):
        payload = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **headers}
        with urllib.request.urlopen(urllib.request.Request(url, payload, headers, method="POST")):
            pass


def load_handler(name):
    """Imports `module.function`."""
    module, _, function = name.rpartition(".")
    return getattr(importlib.import_module(module), function)


def serve_one(api, handler):
    """Handles one event. Whatever the handler raises is reported, so that the next event finds a living runtime."""
    request_id, event = api.next()
    try:
        result = handler(event)
    except Exception as error:  # noqa: BLE001
        api.fail(request_id, error)
    else:
        api.respond(request_id, result)


def main():
    handler = load_handler(sys.argv[1])
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        serve_one(api, handler)


if __name__ == "__main__":
    main()
