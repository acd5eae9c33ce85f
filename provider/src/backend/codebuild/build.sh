# One remote build: fetch the plan and the files, start a builder of our own, build, push, say what came out.
#
# POSIX sh, for dash and for bash. Nothing that a user wrote is part of this text or is ever evaluated: it comes from
# the plan, a JSON file, and reaches programs as whole arguments, as files or as input. FC_PLAN and FC_ARCHIVE are
# `bucket/key`; FC_PLAN_SHA256 and FC_ARCHIVE_SHA256 say what must be there; FC_REGION is the bucket's region.
set -eu
umask 022
cd "$FC_WORK"

step() {
  printf '%s' "$1" > step
  echo "[fastcontainer] $1"
}

fail() {
  printf '%s' "$1" > failure
  echo "[fastcontainer] $1" >&2
  exit 1
}

plan() {
  jq -r "$1" plan.json
}

# Runs docker once with the arguments that the list $1 of the plan holds, and keeps what it prints in $1.log. xargs would
# make several calls of many arguments; with -x and -n it refuses instead.
docker_with() {
  {
    code=0
    jq -j ".$1[] + \"\\u0000\"" plan.json | xargs -0 -x -n 1000000 docker || code=$?
    echo "$code" > "$1.code"
  } 2>&1 | tee "$1.log"
  return "$(cat "$1.code")"
}

# How many steps of the Dockerfile the build had, how many of them came from the cache, and how many ran.
count_steps() {
  awk '
    /^#[0-9]+ \[[^]]*[0-9]+\/[0-9]+\] / { steps[$1] = 1; if ($0 !~ /\] FROM /) ran[$1] = 1 }
    /^#[0-9]+ CACHED/ { if ($1 in steps) cached[$1] = 1; delete ran[$1] }
    END { print length_of(steps), length_of(cached), length_of(ran) }
    function length_of(list, item, count) { count = 0; for (item in list) count++; return count }
  ' build.log > steps
}

fetch_plan() {
  step 'fetching the plan'
  # Unlike `aws s3 cp`, it says which action is not allowed.
  aws s3api get-object --region "$FC_REGION" --bucket "${FC_PLAN%%/*}" --key "${FC_PLAN#*/}" plan.json > fetched 2>&1 ||
    fail "the plan cannot be fetched from the bucket: $(tail -n 1 fetched)"
  echo "$FC_PLAN_SHA256  plan.json" | sha256sum -c - > /dev/null || fail 'the plan in the bucket is not the one that was uploaded'
}

fetch_files() {
  step 'fetching the files'
  mkdir files
  mkfifo copy
  sha256sum < copy > archive.sum &
  sum=$!
  unpacked=0
  aws s3 cp --only-show-errors --region "$FC_REGION" "s3://$FC_ARCHIVE" - |
    tee copy | tar -xzpmf - --no-same-owner -C files || unpacked=$?
  wait "$sum"
  read -r found _ < archive.sum
  [ "$found" = "$FC_ARCHIVE_SHA256" ] || fail "the files in the bucket are not those that were uploaded, or cannot be read: remove s3://$FC_ARCHIVE and build again"
  [ "$unpacked" = 0 ] || fail 'the files cannot be unpacked'
  # They are filtered already: an ignore file among them is a file like any other.
  : > files/Dockerfile.dockerignore
}

# The Docker daemon of the build image uses a store that can neither push by digest nor export a cache.
start_daemon() {
  step 'starting the builder'
  echo '{"features": {"containerd-snapshotter": true}}' > daemon.json
  mkdir -p /var/lib/docker/fastcontainer
  set -- --config-file "$FC_WORK/daemon.json" --host "$DOCKER_HOST" --pidfile "$FC_WORK/dockerd.pid" \
    --data-root /var/lib/docker/fastcontainer --exec-root "$FC_WORK/exec"
  # The bridge of the daemon that is there already, with the rules that it made.
  [ ! -e /sys/class/net/docker0 ] || set -- "$@" --bridge=docker0 --iptables=false --ip6tables=false --ip-forward=false
  dockerd "$@" > dockerd.log 2>&1 &
  daemon=$!
  tries=0
  until docker version > /dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -gt 150 ] || ! kill -0 "$daemon" 2> /dev/null; then
      tail -n 20 dockerd.log >&2
      fail 'the Docker daemon does not start: privileged mode is needed, and an image with Docker'
    fi
    sleep 0.2
  done
}

log_in() {
  count=$(plan '.logins | length')
  [ "$count" = 0 ] || step 'logging in'
  at=0
  while [ "$at" -lt "$count" ]; do
    host=$(plan ".logins[$at].host")
    region=$(plan ".logins[$at].region // empty")
    if [ -n "$region" ]; then
      aws ecr get-login-password --region "$region" > password ||
        fail "no login for $host: the service role of the project needs ecr:GetAuthorizationToken"
    else
      printenv "$(plan ".logins[$at].variable")" > password
    fi
    docker login --username "$(plan ".logins[$at].username")" --password-stdin "$host" < password > login.log 2>&1 || {
      cat login.log >&2
      fail "$host refuses the login"
    }
    rm password
    at=$((at + 1))
  done
}

# It shares the machine's network: the daemon has no rules for the bridge of its own.
use_own_buildkit() {
  image=$(plan '.buildkitImage // empty')
  [ -n "$image" ] || return 0
  step 'starting the BuildKit of buildkitImage'
  docker buildx create --use --name fastcontainer --driver docker-container --driver-opt "image=$image,network=host" \
    --buildkitd-flags '--allow-insecure-entitlement network.host' --bootstrap || fail 'the BuildKit of buildkitImage does not start'
}

build() {
  step 'building'
  if [ "$(plan '.policy != null')" = true ]; then
    jq .policy plan.json > policy.json
    export EXPERIMENTAL_BUILDKIT_SOURCE_POLICY="$FC_WORK/policy.json"
  fi
  docker_with build || fail 'the build failed'
  count_steps
}

# Nothing is pushed over an image that somebody else published meanwhile.
push() {
  step 'pushing'
  if docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$(plan .image)" > digest 2> /dev/null; then
    echo '[fastcontainer] the image is in the registry already'
    return 0
  fi
  docker_with push || fail 'the push failed'
  jq -r '."containerimage.digest"' metadata.json > digest
}

# A cache that cannot be exported fails no build, and is told of.
export_cache() {
  [ "$(plan '.export | length')" != 0 ] || return 0
  read -r _ _ ran < steps
  [ "$ran" != 0 ] || return 0
  step 'exporting the cache'
  docker_with export || { grep '^ERROR' export.log || echo 'see the log'; } | tail -n 1 | cut -c 1-500 > warning
}

for tool in aws awk docker jq sha256sum tar xargs; do
  command -v "$tool" > /dev/null || fail "the build image has no $tool"
done
export DOCKER_HOST="unix://$FC_WORK/docker.sock" DOCKER_CONFIG="$FC_WORK/config"
mkdir -m 700 config
[ ! -d "${HOME:-/root}/.docker/cli-plugins" ] || ln -s "${HOME:-/root}/.docker/cli-plugins" config/cli-plugins
fetch_plan
fetch_files
start_daemon
log_in
use_own_buildkit
build
push
export_cache
step 'done'
