#!/usr/bin/env bash
# Applies the production overlay to a new cluster of kind and asks it, through its Ingress, whether it answers rightly.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
    cat <<'END'
Usage: deploy/kind/up.sh

Makes a cluster named scorer with kind, loads the image coefficient-scorer that
`make image` has built, installs an Ingress controller, applies
deploy/kubernetes/overlays/kind, and runs deploy/smoke.sh against it at
https://scores.example.com:8443. The cluster stays: `kind delete cluster
--name scorer` removes it.

Needs docker, kind, kubectl, openssl and curl, and downloads kind's node image
and the controller.
END
}

fail() {
    echo "up.sh: $1" >&2
    exit 1
}

cluster=scorer
image=coefficient-scorer
host=scores.example.com
port=8443
kubectl=(kubectl --context "kind-$cluster")
own=("${kubectl[@]}" --namespace scorer)

# Where something went wrong, what the cluster says of it.
clean_up() {
    local code=$?
    if ((code)); then
        "${kubectl[@]}" get pods --all-namespaces --output wide || true
        "${own[@]}" get events --sort-by .lastTimestamp || true
        "${own[@]}" logs --selector app.kubernetes.io/name=scorer --tail 100 --prefix || true
        "${kubectl[@]}" --namespace nginx-ingress logs deployment/nginx-ingress --tail 100 || true
    fi >&2
    rm -rf "$work"
    exit "$code"
}

# The API key's line for the servers, in a file; the key itself in $key.
make_key() {
    local lines
    lines=$(docker run --rm "$image" key smoke)
    echo "${lines%%$'\n'*}" >"$work/api-keys"
    key=${lines##* }
}

# A certificate that is signed by itself.
make_certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$host" -addext "subjectAltName=DNS:$host" \
        -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
}

case ${1-} in
    '') ;;
    --help | -h) usage && exit ;;
    *)
        echo "up.sh: no such option: $1" >&2
        usage >&2
        exit 2
        ;;
esac
for program in docker kind kubectl openssl curl; do
    command -v "$program" >/dev/null || fail "$program is not installed"
done
docker image inspect "$image" >/dev/null 2>&1 || fail "there is no image $image: run make image"
[[ $'\n'$(kind get clusters 2>/dev/null)$'\n' != *$'\n'$cluster$'\n'* ]] ||
    fail "there is a cluster $cluster already; kind delete cluster --name $cluster removes it"

work=$(mktemp -d)
trap clean_up EXIT
kind create cluster --config deploy/kind/cluster.yaml --wait 120s
kind load docker-image "$image" --name "$cluster"
"${kubectl[@]}" apply --kustomize deploy/kind/controller
"${kubectl[@]}" apply --filename deploy/kubernetes/overlays/production/namespace.yaml
make_key
make_certificate
"${own[@]}" create secret generic scorer-api-keys --from-file "$work/api-keys"
"${own[@]}" create secret tls scorer-tls --cert "$work/tls.crt" --key "$work/tls.key"
"${kubectl[@]}" apply --kustomize deploy/kubernetes/overlays/kind
"${kubectl[@]}" --namespace nginx-ingress rollout status deployment/nginx-ingress --timeout 180s
"${own[@]}" rollout status deployment/scorer --timeout 180s
API_KEY=$key deploy/smoke.sh "https://$host:$port" --wait 60 -- \
    --cacert "$work/tls.crt" --resolve "$host:$port:127.0.0.1"
