#!/usr/bin/env bash
# Asks a running scorer, whatever model it serves, and says of each answer whether it is right. Needs bash and curl.
set -euo pipefail
export LC_ALL=C # answers are bytes

usage() {
    cat <<'END'
Usage: deploy/smoke.sh URL [--wait SECONDS] [--timeout SECONDS] [-- CURL_OPTION...]

Checks a running scorer at URL, such as https://scores.example.com or
http://localhost:1313, with a path in front of its own if a proxy adds one.
Scores rows in which all cells are missing, so it fits every model.

  --wait SECONDS     try for so long until the server is ready (0)
  --timeout SECONDS  how long one answer may take (10)
  -- CURL_OPTION...  for curl, such as -- --cacert ca.pem
  --help             show this text

Environment:
  API_KEY            an API key, where the server asks for one

Exit codes: 0 if every check is ok, 1 if one failed, 2 for a wrong option.
END
}

misuse() {
    echo "smoke.sh: $1" >&2
    usage >&2
    exit 2
}

# One request. Leaves $status (000 if no whole answer came), $type and $body, or why there is none in $reason.
call() {
    local method=$1 path=$2
    shift 2
    : >"$work/head"
    : >"$work/body"
    status=$(curl --disable --silent --show-error --max-time "$timeout" --request "$method" --url "$url$path" \
        --dump-header "$work/head" --output "$work/body" --write-out '%{http_code}' \
        ${others[@]+"${others[@]}"} "$@" 2>"$work/reason") || status=000
    reason=$(<"$work/reason")
    body=$(tr -d '\0' <"$work/body")
    type=$(header content-type)
}

# A request with the API key, which curl reads from a file: arguments of a process can be read by everybody.
ask() {
    call "$@" --config "$work/key"
}

predict() {
    ask POST /predict --header 'content-type: application/json' --data-binary "$1"
}

# A header of the last answer; empty if it has none.
header() (
    value=''
    shopt -s nocasematch
    while IFS= read -r line; do
        [[ ! $line =~ ^"$1":\ *(.*)$ ]] || value=${BASH_REMATCH[1]}
    done < <(tr -d '\r\0' <"$work/head")
    echo "$value"
)

# What a pattern's brackets hold in the last answer's body; empty if it does not match.
found() {
    [[ ! $body =~ $1 ]] || echo "${BASH_REMATCH[1]}"
}

# What came, for a line of its own.
answered() {
    local location start=${body:0:200}
    if [[ $status == 000 ]]; then
        echo "no answer: $reason"
        return
    fi
    location=$(header location)
    echo "$status ${type:-without a type}${location:+, to $location}: ${start//[^[:print:]]/?}"
}

ok() {
    echo "ok      $1"
}

failed() {
    echo "FAILED  $1"
    ((failures += 1))
}

# Says what was found if the last answer has a status and a type; else what came.
expect() {
    if [[ $status == "$2" && $type == "$3"* ]]; then
        ok "$1"
    else
        failed "$1: $(answered)"
    fi
}

# Until it is ready, or does not say so and answers all the same. Its probes may be on another port (SCORER_ADMIN_PORT).
wait_until_ready() {
    local until=$((SECONDS + wait))
    while true; do
        call GET /readyz
        [[ $status != 200 ]] || return 0
        if [[ $status == 404 ]]; then
            ask GET /model
            [[ $status == 000 || $status == 5* ]] || return 0
        fi
        ((SECONDS < until)) || return 0
        sleep 0.5
    done
}

check_ready() {
    call GET /readyz
    case $status in
        200) ok "GET /readyz: ready" ;;
        404) echo "skipped GET /readyz: not at this address; a proxy or SCORER_ADMIN_PORT keeps it from callers" ;;
        *) failed "GET /readyz: $(answered)" ;;
    esac
}

check_model() {
    ask GET /model
    name=$(found '"name":"([^"]*)"')
    version=$(found '"version":"([^"]*)"')
    sha256=$(found '"sha256":"([0-9a-f]{64})"')
    input=$(found '"inputs":\[\{"name":"([^"]+)"')
    outcome=$(found '"outcome":\{"name":"([^"]+)"')
    probability=$(found '"outcome":\{"name":"[^"]+","probability":"([^"]+)"')
    if [[ $status == 200 && $name && $version && $sha256 && $input && $outcome && $probability ]]; then
        ok "GET /model: $name $version, sha256 $sha256"
        return
    fi
    failed "GET /model: $(answered)"
    [[ $status != 401 ]] || echo "        it asks for an API key: set API_KEY to one that it knows"
    return 1
}

check_row() {
    local phat identity
    row="{\"$input\":null}"
    predict "$row"
    single=$body
    phat=$(found "[{,]\"$probability\":(0|1|0\\.[0-9]+|1\\.0|[0-9.]+e-[0-9]+)[,}]")
    if [[ $status == 200 && $phat && $(found "^\\[\\{.*\"$outcome\":([01])[,}].*\\]\$") ]]; then
        ok "POST /predict: a row without values has $probability $phat"
    else
        failed "POST /predict: $(answered)"
        return 1
    fi
    identity="$(header x-model-name) $(header x-model-version), sha256 $(header x-model-sha256)"
    if [[ $identity == "$name $version, sha256 $sha256" ]]; then
        ok "POST /predict: scored by the model that GET /model names"
    else
        failed "POST /predict: scored by $identity; is a rollout under way?"
    fi
}

check_batch() {
    local answer=${single:1:${#single}-2}
    predict "[$row,$row,$row]"
    if [[ $status == 200 && $body == "[$answer,$answer,$answer]" ]]; then
        ok "POST /predict: a batch of 3 has 3 times the bytes of the row alone"
    else
        failed "POST /predict: a batch of 3 has other bytes than the row alone: $(answered)"
    fi
}

check_refusals() {
    predict '[{'
    expect "POST /predict: a body that is not JSON is refused" 400 application/problem+json
    predict '[{}]'
    expect "POST /predict: a row that has none of the inputs is refused" 422 application/problem+json
    ask GET /no-such-path
    expect "GET /no-such-path: there is none" 404 ""
    [[ -n $key ]] || return 0
    call POST /predict --header 'content-type: application/json' --data-binary "$row"
    expect "POST /predict: a call without the API key is refused" 401 application/problem+json
}

url='' wait=0 timeout=10 others=()
while (($#)); do
    case $1 in
        --wait | --timeout)
            (($# > 1)) || misuse "$1 needs a value"
            [[ $2 =~ ^[0-9]{1,5}$ ]] || misuse "$1: not a whole number: $2"
            if [[ $1 == --wait ]]; then wait=$((10#$2)); else timeout=$((10#$2)); fi
            shift
            ;;
        --help | -h) usage && exit ;;
        --)
            shift
            others=("$@")
            break
            ;;
        -*) misuse "no such option: $1" ;;
        *)
            [[ -z $url ]] || misuse "more than one URL: $1"
            url=${1%/}
            ;;
    esac
    shift
done
[[ -n $url ]] || misuse "no URL"
[[ $url =~ ^https?://[^/?#]+[^?#]*$ ]] || misuse "not an address of http or https: $url"
((timeout > 0)) || misuse "--timeout: not above 0: $timeout"
key=${API_KEY-}
[[ $key =~ ^[A-Za-z0-9._~+/=-]*$ ]] || misuse "API_KEY: not an API key"
command -v curl >/dev/null || misuse "curl is not installed"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(umask 077 && printf '%s' "${key:+header = \"authorization: Bearer $key\"}" >"$work/key")

failures=0
((wait == 0)) || wait_until_ready
check_ready
if check_model && check_row; then
    check_batch
    check_refusals
fi
if ((failures)); then
    echo "smoke.sh: $url: $failures of the checks failed"
    exit 1
fi
echo "smoke.sh: $url: ok"
