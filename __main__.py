"""Starts the provider from a checkout: builds it when there is no release binary, then becomes it.

The Pulumi CLI runs this file because of PulumiPlugin.yaml. Standard output belongs to the plugin protocol. What cargo
says goes to standard error, which the CLI does not always show, and to a log file that outlives it.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
NAME = "pulumi-resource-fastcontainer"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or "target")
TARGET = TARGET if TARGET.is_absolute() else ROOT / TARGET


def give_up(sentence: str) -> None:
    """Ends with a sentence that the CLI shows, since it is the last that it reads."""
    sys.exit(f"pulumi-fastcontainer: {sentence}")


def build(log: Path) -> None:
    """Builds the release binary, or ends with a sentence that says what is missing."""
    if shutil.which("cargo") is None:
        give_up(f"{ROOT} holds the provider's sources, and cargo was not found: install Rust (https://rustup.rs), or "
                "use a release instead of the sources")
    command = ["cargo", "build", "--release", "--locked", "--package", NAME]
    print(f"building the provider, this takes some minutes; see {log}", file=sys.stderr, flush=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as file:
        cargo = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
        for line in cargo.stdout:
            for place in (file, sys.stderr):
                place.write(line)
                place.flush()
    if cargo.wait() != 0:
        give_up(f"the provider could not be built from {ROOT}; what cargo said is in {log}")


def main() -> None:
    """Builds if needed and replaces this process, so that no second process can be left behind."""
    if os.name == "nt":
        give_up("the provider runs on Linux and macOS; on Windows, use WSL")
    binary = TARGET / "release" / NAME
    if not binary.exists():
        build(TARGET / "plugin-build.log")
    # The CLI keeps what it clones in `resource-NAME-vVERSION`, with a version of its own making.
    cloned = re.search(r"^resource-.+-v(\d+\.\d+\.\d+.*)$", ROOT.name)
    if cloned:
        os.environ["PULUMI_FASTCONTAINER_CLONED_AS"] = cloned[1]
    os.execv(binary, [str(binary), *sys.argv[1:]])


main()
