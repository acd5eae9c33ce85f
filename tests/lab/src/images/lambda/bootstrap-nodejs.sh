#!/bin/sh
cd "$LAMBDA_TASK_ROOT" || exit 1
exec node --require /var/runtime/client.cjs /var/runtime/aws-lambda-ric/bin/index.mjs "$_HANDLER"
