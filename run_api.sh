#!/usr/bin/env bash
# Serves the model in Docker, or from a local virtual environment, in the foreground; says when it is ready.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
    cat <<'END'
Usage: ./run_api.sh [--local | --compose] [--port P] [--workers N]

Builds the Docker image, runs it in the foreground and says when it is ready.
Ctrl-C stops it and removes the container.

  --local       serve without Docker, from .venv (made where it is missing)
  --compose     run the stack of deploy/compose.yaml
  --port P      port on this machine (PORT, else 1313)
  --workers N   server processes (SCORER_WORKERS, else one for each CPU)
  --help        show this text

Environment:
  IMAGE                 name of the image (coefficient-scorer)
  DOCKER_BUILD_OPTIONS  more options for docker build, such as "--network host"
  DOCKER_RUN_OPTIONS    instead of "--publish P:P", such as "--network host"
  READY_SECONDS         how long to wait until it is ready (60)

Exit codes: 2 for a wrong option, 1 where it cannot be served, 130 after Ctrl-C,
143 after SIGTERM; otherwise the server's own.
END
}

fail() {
    echo "run_api.sh: $1" >&2
    exit 1
}

misuse() {
    echo "run_api.sh: $1" >&2
    usage >&2
    exit 2
}

child=    # the process that is waited for
outlives= # what goes on when that process has ended: docker or compose

# A container that is still being created can be neither stopped nor removed: tries again until docker run has ended.
stop_container() {
    for _ in {1..200}; do
        kill -0 "$child" || return
        docker stop --time 30 "$container" || sleep 0.3
    done
    docker rm --force "$container"
}

clean_up() {
    local code=$?
    trap '' INT TERM HUP
    case $outlives in
        docker) stop_container ;;
        compose) docker compose --file "$stack" down ;;
    esac >/dev/null 2>&1 || true
    if [[ -n $child ]]; then
        kill "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    exit "$code"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# In the background, since bash runs no trap while it waits for a command in the foreground.
attend() {
    local code=0
    "$@" &
    child=$!
    wait "$child" || code=$?
    child=
    return "$code"
}

# Status line and body of what the server says. /readyz may be on another port (SCORER_ADMIN_PORT).
ask() {
    local status='' line=''
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return
    printf 'GET /model HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n' >&3
    IFS= read -r -t 2 status <&3
    while IFS= read -r -t 2 line <&3; do :; done
    echo "${status%$'\r'} $line"
}

wait_until_ready() {
    local answer='' until=$((SECONDS + seconds)) code=0
    # 401: there are API keys
    until [[ $answer == "HTTP/1.1 200"* || $answer == "HTTP/1.1 401"* ]]; do
        if ! kill -0 "$child" 2>/dev/null; then
            wait "$child" || code=$?
            fail "the server ended before it was ready, with exit code $code"
        fi
        ((SECONDS < until)) || fail "not ready after $seconds seconds: ${answer:-nothing answers on port $port}"
        sleep 0.2
        answer=$(ask 2>/dev/null) || true
    done
}

mode=docker
port=${PORT:-1313}
image=${IMAGE:-coefficient-scorer}
seconds=${READY_SECONDS:-60}
stack=deploy/compose.yaml
container=coefficient-scorer-$$

while (($#)); do
    case $1 in
        --local | --compose) mode=${1#--} ;;
        --port | --workers)
            (($# > 1)) || misuse "$1 needs a value"
            [[ $2 =~ ^[0-9]{1,5}$ ]] || misuse "$1: not a whole number: $2"
            if [[ $1 == --port ]]; then port=$2; else export SCORER_WORKERS=$2; fi
            shift
            ;;
        --help | -h) usage && exit ;;
        *) misuse "no such option: $1" ;;
    esac
    shift
done
[[ $port =~ ^[1-9][0-9]{0,4}$ && $port -le 65535 ]] || misuse "no port: $port"
[[ $seconds =~ ^[0-9]{1,5}$ ]] || misuse "READY_SECONDS: not a whole number: $seconds"
export SCORER_PORT=$port

[[ $mode != compose || -e $stack ]] || fail "$stack is missing"
if [[ $mode != local ]]; then
    hint="; ./run_api.sh --local serves without it"
    command -v docker >/dev/null || fail "Docker is not installed$hint"
    docker info >/dev/null 2>&1 || fail "Docker is installed, but its engine cannot be reached$hint"
fi
if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    fail "port $port is taken; choose another with --port"
fi

case $mode in
    local)
        attend make --silent .venv/.service || fail "what serves could not be installed"
        .venv/bin/python -m scorer serve &
        ;;
    docker)
        attend make --silent image IMAGE="$image" || fail "the image could not be built"
        read -r -a run_options <<<"${DOCKER_RUN_OPTIONS:---publish $port:$port}"
        outlives=docker
        docker run --rm --init --name "$container" --env SCORER_PORT --env SCORER_WORKERS \
            --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges "${run_options[@]}" "$image" &
        ;;
    compose)
        docker compose version >/dev/null 2>&1 || fail "this Docker has no compose plugin"
        outlives=compose
        PORT=$port IMAGE=$image docker compose --file "$stack" up --build &
        ;;
esac
child=$!

wait_until_ready
echo "run_api.sh: ready at http://localhost:$port; Ctrl-C stops. In another terminal:"
echo "  curl --url http://localhost:$port/predict --header 'content-type: application/json' \\"
echo "    --data '[{\"x5\": \"monday\", \"x12\": \"\$1,205.10\", \"x31\": \"asia\", \"x81\": \"March\", \"x91\": 0.793728}]'"
wait "$child"
