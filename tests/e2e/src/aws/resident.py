"""Runs the AWS CLI for one caller: each line of standard input is a call, each line of standard output its answer."""

import io
import json
import os
import sys

from awscli.clidriver import create_clidriver

SURROUNDINGS = dict(os.environ)
ANSWERS = sys.stdout


def answer(call):
    os.environ.clear()
    os.environ.update(SURROUNDINGS | call["environment"])
    sys.stdout, sys.stderr = streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    try:
        status = create_clidriver().main(call["arguments"])
    except SystemExit as end:
        status = end.code
    said, complained = (stream.buffer.getvalue().decode() for stream in streams)
    return {"success": status == 0, "said": said, "complained": complained}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), file=ANSWERS, flush=True)
