"""Starts plugins written in Python as the CLI's language host does: the one part of it that these tests need.

The host that the lab can build is too old to start plugins. This one speaks the same protocol with the classes of the
`pulumi` package.
"""

import contextlib
import os
import queue
import subprocess
import sys
import threading
from concurrent import futures

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    """Every call that `package add`, `preview` and `up` make for a plugin."""

    def Handshake(self, request, context):
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="3.259.0")

    def GetRequiredPackages(self, request, context):
        return language_pb2.GetRequiredPackagesResponse()

    def InstallDependencies(self, request, context):
        """Makes the virtual environment of the plugin. Without one the real host would change the system's Python."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment(request.info)], check=True)
        yield language_pb2.InstallDependenciesResponse(stdout=b"made\n")

    def Cancel(self, request, context):
        return empty_pb2.Empty()

    def RunPlugin(self, request, context):
        """Runs `python FOLDER ARGUMENTS…` and hands on what it writes, then how it ended."""
        python = os.path.join(environment(request.info), "bin", "python")
        command = [python, request.info.program_directory, *request.args]
        variables = dict(pair.split("=", 1) for pair in request.env)
        plugin = subprocess.Popen(command, cwd=request.pwd, env={**os.environ, **variables}, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        context.add_callback(plugin.kill)
        written = queue.Queue()
        for name in ("stdout", "stderr"):
            threading.Thread(target=hand_on, args=(name, getattr(plugin, name), written), daemon=True).start()
        ends = 0
        while ends < 2:
            response = written.get()
            if response is None:
                ends += 1
            else:
                yield response
        yield language_pb2.RunPluginResponse(exitcode=plugin.wait())


def environment(info):
    """The folder of the option `virtualenv`, in the plugin's own folder."""
    return os.path.join(info.root_directory, info.options["virtualenv"])


def hand_on(name, stream, written):
    """One message for each piece of output; nothing after the last."""
    while piece := stream.read1(65536):
        written.put(language_pb2.RunPluginResponse(**{name: piece}))
    written.put(None)


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Host(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.wait_for_termination()
    # Threads of calls under way would keep the process.
    os._exit(0)


main()
