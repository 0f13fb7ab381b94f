# shellcheck shell=bash
# What the tests of registries share: Debian's docker-registry on loopback, the servers of
# tests/tools in front of it and beside it, and varve's settings for them.

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

servers=$work/servers

# starts NAME COMMAND...: in the background, until the test file is over; sets `port` to what it
# prints first, where it prints one.
starts() {
        local name=$1
        shift
        mkdir -p "$servers"
        # It is there for printed_port before the server has opened it.
        : >"$servers/$name.out"
        setsid "$@" >"$servers/$name.out" 2>"$servers/$name.err" 3>&- &
        echo $! >"$servers/$name.pid"
}

printed_port() {
        local i
        for i in $(seq 100); do
                port=$(head -n 1 "$servers/$1.out")
                [ -z "$port" ] || return 0
                sleep 0.1
        done
        fail "$1 does not start: $(cat "$servers/$1.err")"
}

stop_servers() {
        local file
        for file in "$servers"/*.pid; do
                [ ! -e "$file" ] || kill "$(cat "$file")" 2>/dev/null || :
        done
}

free_port() {
        python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# registry_at NAME [LINE...]: a registry of its own storage, with more lines of configuration; sets
# `port`.
registry_at() {
        local name=$1 i
        shift
        port=$(free_port)
        mkdir -p "$servers/$name"
        {
                printf 'version: 0.1\nlog: {accesslog: {disabled: true}}\n'
                printf 'storage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\n' \
                        "$servers/$name"
                printf '%s\n' "${@//PORT/$port}"
                printf '%s\n' "$*" | grep -q '^ *http:' ||
                        printf 'http: {addr: "127.0.0.1:%s"}\n' "$port"
        } >"$servers/$name.yml"
        starts "$name" docker-registry serve "$servers/$name.yml"
        for i in $(seq 100); do
                ! python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))" \
                        2>/dev/null || return 0
                sleep 0.1
        done
        fail "the registry does not start: $(cat "$servers/$name.err")"
}

# settings LINE...: varve's, for what follows.
settings() {
        printf '%s\n' 'block docker.io' "$@" >"$work/registries"
        chmod 644 "$work/registries"
}

varve() {
        as_tester env VARVE_ROOT="$store" VARVE_REGISTRIES="$work/registries" \
                REGISTRY_AUTH_FILE="$work/auth.json" "$stage/bin/varve" "$@"
}

# Blobs of which a part has come may be left in tmp/.
# shellcheck disable=SC2034 # store_is_sound reads it
put_by='.partial-*'

# fresh_store: what follows has an empty one.
fresh_store() {
        rm -rf "$work/second"
        store=$work/second
}

# sample_image NAME BYTES: an image of a layer of BYTES that do not compress, and a busybox.
sample_image() {
        context_of sample 'FROM busybox:1' 'COPY big /big' 'CMD ["cat", "/etc/issue"]'
        head -c "$2" /dev/urandom >"$context/big"
        chown "$user" "$context/big"
        varve build -q -t "$1" "$context"
}

# put_manifests URL FILE TAG...: puts a manifest or an index under each tag.
put_manifests() {
        python3 - "$@" <<'END'
import json, sys, urllib.request
url, path, *tags = sys.argv[1:]
body = open(path, "rb").read()
kind = {"Content-Type": json.loads(body)["mediaType"]}
for tag in tags:
    urllib.request.urlopen(urllib.request.Request(f"http://{url}/{tag}", body, kind, method="PUT"))
END
}
