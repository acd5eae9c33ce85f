#!/bin/sh
cd "$LAMBDA_TASK_ROOT" || exit 1
export PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}/var/runtime"
exec python3 -m awslambdaric "$_HANDLER"
