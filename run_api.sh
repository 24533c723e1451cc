#!/usr/bin/env bash
# Builds the Docker image and serves the model from it on port 1313; without Docker, from a local virtual environment.
#
#   ./run_api.sh                 in the foreground; Ctrl-C stops and removes the container
#
#   PORT                         port on this machine (1313)
#   IMAGE                        name of the image (coefficient-scorer)
#   DOCKER_BUILD_OPTIONS         more options for docker build, such as "--network host"
#   DOCKER_RUN_OPTIONS           instead of "--publish PORT:1313", such as "--network host"
set -euo pipefail
cd "$(dirname "$0")"

port=${PORT:-1313}
image=${IMAGE:-coefficient-scorer}

if ! docker info >/dev/null 2>&1; then
    if command -v docker >/dev/null; then
        echo "run_api.sh: Docker is installed, but its engine cannot be reached: serving from .venv instead" >&2
    else
        echo "run_api.sh: Docker is not installed: serving from .venv instead" >&2
    fi
    SCORER_PORT=$port exec make --no-print-directory run
fi

read -r -a build_options <<<"${DOCKER_BUILD_OPTIONS:-}"
read -r -a run_options <<<"${DOCKER_RUN_OPTIONS:---publish $port:1313}"

echo "run_api.sh: building the image $image"
docker build "${build_options[@]}" --tag "$image" .
echo "run_api.sh: serving on http://127.0.0.1:$port; Ctrl-C stops"
exec docker run --rm "${run_options[@]}" "$image"
