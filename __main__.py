"""Starts the provider from a checkout: builds it when there is no release binary, then becomes it.

The Pulumi CLI runs this file because of PulumiPlugin.yaml. Standard output belongs to the plugin protocol, so everything
that cargo prints goes to standard error.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
NAME = "pulumi-resource-fastcontainer" + (".exe" if os.name == "nt" else "")


def target_directory() -> Path:
    """Where cargo puts what it builds."""
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def build(binary: Path) -> None:
    """Builds the release binary, or ends with a sentence that says what is missing."""
    if shutil.which("cargo") is None:
        sys.exit(f"{binary} does not exist and cargo was not found: install Rust (https://rustup.rs), then run again")
    command = ["cargo", "build", "--release", "--package", "pulumi-resource-fastcontainer"]
    print(f"building the provider: {' '.join(command)}", file=sys.stderr, flush=True)
    if subprocess.run(command, cwd=ROOT, stdout=sys.stderr).returncode != 0:
        sys.exit("the provider could not be built; see cargo's messages above")


def main() -> None:
    """Builds if needed and replaces this process, so that no second process can be left behind."""
    binary = target_directory() / "release" / NAME
    if not binary.exists():
        build(binary)
    os.execv(binary, [str(binary), *sys.argv[1:]])


main()
