#!/bin/sh
# Starts the runtime for the handler that the image's command names, as Lambda does.
if [ $# -ne 1 ]; then
    echo "entrypoint requires the handler name to be the first argument" >&2
    exit 142
fi
if [ -z "$AWS_LAMBDA_RUNTIME_API" ]; then
    echo "this image has no emulator of Lambda in it; call the function with \`lab image invoke\`" >&2
    exit 1
fi
export _HANDLER="$1"
exec /var/runtime/bootstrap
