#!/usr/bin/env bats
# What networks and registries do to transfers: a proxy between varve and a registry does it, and counts
# bytes. Each transfer succeeds with the right digests, or fails with a message; the store is sound.
# shellcheck disable=SC2030,SC2031 # each test is a shell

# shellcheck source=tests/integration/registry.bash
. "$BATS_TEST_DIRNAME/registry.bash"

TRANSFERS=${TRANSFERS:-20}
SIZE=9000000

setup_file() {
        fresh_work
        registry_at plain
        echo "$port" >"$work/plain.port"
        echo '[]' >"$work/rules"
        starts proxy "$here/tools/fault-proxy" --upstream "$port" --rules "$work/rules" \
                --log "$work/log"
        printed_port proxy
        echo "$port" >"$work/port"
        settings "insecure 127.0.0.1:$port"
        varve import "$stage/busybox.tar" busybox:1
        sample_image "127.0.0.1:$port/app:1" "$SIZE"
        varve push -q "127.0.0.1:$port/app:1" >"$work/digest"
        varve inspect "127.0.0.1:$port/app:1" >"$work/inspected"
        layer=$(python3 -c '
import json, sys, urllib.request
url = f"http://127.0.0.1:{sys.argv[1]}/v2/app/manifests/1"
accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
reply = urllib.request.urlopen(urllib.request.Request(url, headers=accept))
print(max(json.load(reply)["layers"], key=lambda l: l["size"])["digest"])' "$port")
        echo "$layer" >"$work/layer"
}

teardown_file() {
        stop_servers
}

setup() {
        host=127.0.0.1:$(cat "$work/port")
        settings "insecure $host" 'stall 3'
        digest=$(cat "$work/digest")
        layer=$(cat "$work/layer")
        : >"$work/log"
        # What was used up in the test before is not in this one.
        rules "[{\"path\": \"no such path of $BATS_TEST_NUMBER\"}]"
        curl -s -o "$work/ignored" "http://$host/v2/"
        : >"$work/log"
}

# rules JSON: what the proxy does from now on.
rules() {
        printf '%s' "$1" >"$work/rules.new"
        mv "$work/rules.new" "$work/rules"
}

# moved METHOD FIELD: how many bytes of the big layer passed the proxy.
moved() {
        python3 -c '
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
print(sum(l[sys.argv[3]] for l in lines if l["method"] == sys.argv[2]
          and ("blobs" in l["path"])))' "$work/log" "$1" "$2"
}

pulls() {
        fresh_store
        run varve pull -q "$host/app:1"
        [ "$status" -eq 0 ] || fail 'the pull was to succeed'
        [ "${lines[-1]}" = "$digest" ] || fail 'another digest'
        store_is_sound
        varve run --rm "$host/app:1" cat /big | cmp - "$work/sample/big"
}

# pushes NAME RULES: an image with a new layer, to a repository that has the layers of its base.
pushes() {
        local name=$1
        store=$work/store
        context_of fresh "FROM $host/app:1" 'COPY new /new'
        head -c "$SIZE" /dev/urandom >"$context/new"
        chown "$user" "$context/new"
        rules '[]'
        varve build -q -t "$host/$name:1" "$context"
        varve push -q "$host/app:1" "$host/$name:base"
        : >"$work/log"
        rules "$2"
        run varve push -q "$host/$name:1"
        [ "$status" -eq 0 ] || fail 'the push was to succeed'
        rules '[]'
        skopeo copy -q --src-tls-verify=false "docker://$host/$name:1" "dir:$work/pushed-$name"
}

@test "a GET that is cut once is gone on with" {
        rules '[{"method": "GET", "path": "'"$layer"'", "cut": 4000000, "times": 1}]'
        pulls
        [ "$(moved GET sent)" -lt $((SIZE + 2500000)) ] || fail 'it began again'
}

@test "a GET that is cut every time is gone on with every time" {
        rules '[{"method": "GET", "path": "'"$layer"'", "cut": 1000000}]'
        pulls
        [ "$(moved GET sent)" -lt $((SIZE + 2500000)) ] || fail 'it began again'
}

@test "where a Range is ignored, it begins again" {
        rules '[{"method": "GET", "path": "'"$layer"'", "cut": 4000000, "times": 1},
                {"method": "GET", "path": "'"$layer"'", "ignore_range": true}]'
        pulls
}

@test "429 is waited for as long as it asks, 503 too" {
        rules '[{"path": "'"$layer"'", "status": 429, "headers": {"Retry-After": "1"}, "times": 2}]'
        pulls
        rules '[{"path": "manifests", "status": 503, "times": 2},
                {"path": "'"$layer"'", "status": 503, "times": 2}]'
        pulls
}

@test "who asks to be left alone for long is left alone" {
        rules '[{"path": "manifests", "status": 429, "headers": {"Retry-After": "9000"}}]'
        fresh_store
        refused pull "$host/app:1"
        says 429 9000
}

@test "a byte that is another one is noticed, and nothing of it is kept" {
        rules '[{"method": "GET", "path": "'"$layer"'", "corrupt": 5000000}]'
        fresh_store
        refused pull "$host/app:1"
        says 'digest|corrupt|damaged|invalid|checksum'
        # What was under way of another layer may stay.
        [ -z "$(find "$store/tmp" -name "*${layer#sha256:}*")" ] || fail 'it would be gone on with'
        rules '[{"method": "GET", "path": "manifests", "corrupt": 20}]'
        refused pull "$host/app:1"
        says 'digest'
}

@test "a pull that is killed is gone on with by the next one" {
        fresh_store
        # After the cut, everything stalls: the process dies while it waits.
        rules '[{"method": "GET", "path": "'"$layer"'", "cut": 6000000, "times": 1},
                {"method": "GET", "path": "'"$layer"'", "status": 503, "headers": {"Retry-After": "60"}}]'
        as_tester env VARVE_ROOT="$store" VARVE_REGISTRIES="$work/registries" \
                "$stage/bin/varve" pull "$host/app:1" >"$work/killed" 2>&1 &
        local killed=$!
        for i in $(seq 100); do
                [ "$(moved GET sent)" -lt 6000000 ] || break
                sleep 0.1
        done
        sleep 0.3
        pkill -KILL -u "$user" || :
        wait "$killed" || :
        : >"$work/log"
        rules '[]'
        run varve pull -q "$host/app:1"
        [ "$status" -eq 0 ] || fail 'the pull was to succeed'
        [ "$(moved GET sent)" -lt $((SIZE - 4000000)) ] || fail 'it began again'
        store_is_sound
}

@test "what stalls is tried again" {
        rules '[{"method": "GET", "path": "'"$layer"'", "stall": 20, "times": 1}]'
        pulls
}

# Each byte keeps the connection alive, and the whole would take minutes.
@test "what drips and is small is tried again, and is not waited for without an end" {
        settings "insecure $host" 'stall 1'
        rules '[{"method": "GET", "path": "manifests", "drip": 0.3, "times": 1},
                {"method": "GET", "path": "'"$(python3 -c '
import json, sys
print(json.load(open(sys.argv[1]))[0]["Id"])' "$work/inspected")"'", "drip": 0.3, "times": 2}]'
        begun=$SECONDS
        pulls
        [ $((SECONDS - begun)) -lt 60 ] || fail 'it was waited for'
        [ "$(grep -c '"drip"' "$work/log")" -eq 3 ]
}

# This registry takes nothing more for a piece that was cut, by its own state: a new session is opened.
@test "an upload that is cut once is sent again" {
        pushes cut '[{"method": "PATCH", "path": "uploads", "cut_upload": 4000000, "times": 1}]'
        [ "$(moved PATCH received)" -lt $((SIZE + 5500000)) ] || fail 'it was sent several times'
}

@test "what is small is sent along with the request that ends the upload, and again where that is cut" {
        store=$work/store
        context_of little 'FROM scratch' 'COPY little /little'
        echo little >"$context/little"
        varve build -q -t "$host/little:1" "$context"
        rules '[{"method": "PUT", "path": "uploads", "cut_upload": 20, "times": 1},
                {"method": "PUT", "path": "uploads", "fail_upload": 500, "times": 1}]'
        varve push -q "$host/little:1"
        run ! grep '"PATCH"' "$work/log"
        [ "$(grep -c '"cut_upload"\|"fail_upload"' "$work/log")" -eq 2 ]
        fresh_store
        varve pull -q "$host/little:1"
        store_is_sound
}

@test "an upload in pieces is gone on with behind the last one that was taken" {
        pushes resumed '[{"method": "PATCH", "path": "uploads", "status": 413, "times": 1},
                {"method": "PATCH", "path": "uploads", "after": 2, "status": 503, "times": 2}]'
        # One of all for 413, the pieces, and the second piece twice more.
        [ "$(moved PATCH received)" -lt $((2 * SIZE + 3500000)) ] || fail 'it began again'
}

@test "an upload that fails twice is tried again" {
        pushes failed '[{"method": "PATCH", "path": "uploads", "status": 500, "times": 2}]'
        pushes failed-late '[{"method": "PUT", "path": "uploads", "fail_upload": 500, "times": 2}]'
        pushes refused '[{"method": "POST", "path": "uploads", "status": 503, "times": 2}]'
}

@test "an answer followed by bytes that belong to none is got over" {
        pushes stray '[{"method": "HEAD", "path": "blobs", "status": 503, "stray": true, "times": 2}]'
}

@test "an upload too large for one piece goes in several" {
        pushes pieces '[{"method": "PATCH", "path": "uploads", "status": 413, "times": 1},
                {"method": "PATCH", "path": "uploads", "after": 1, "times": 1, "status": 429,
                 "headers": {"Retry-After": "1"}}]'
        [ "$(grep -c '"PATCH"' "$work/log")" -ge 3 ]
        # Who stands between breaks off without a word.
        pushes long '[{"method": "PATCH", "path": "uploads", "cut_upload": 8500000}]'
}

@test "a registry that is down is told after a few tries" {
        settings 'insecure 127.0.0.1:1'
        fresh_store
        refused pull 127.0.0.1:1/app
        says '127.0.0.1' 'connect'
}

# tells_of DIRECTION: the last `run` has failed, or has not; lines of what happened.
tells_of() {
        if [ "$status" -eq 0 ]; then
                echo "$1: succeeded"
        else
                printf '%s\n' "$output" | grep '^varve: ' | tail -n 1 |
                        sed -E "s/^varve: /$1: /; s/[0-9a-f]{64}/.../g; s,127.0.0.1:[0-9]+[^ ]*,NAME,g"
        fi >>"$work/transfers"
}

# What SEED repeats: the proxy's faults by chance, and which of both is done. After a pull that failed the
# next one has its store.
@test "transfers under random faults succeed or say why, and the store is sound after each" {
        SEED=${SEED:-$RANDOM}
        echo "seed: $SEED, $TRANSFERS transfers"
        starts random "$here/tools/fault-proxy" --upstream "$(cat "$work/plain.port")" \
                --log "$work/random.log" --random "$SEED"
        printed_port random
        settings "insecure 127.0.0.1:$port" 'stall 3'
        local good i target=127.0.0.1:$port
        store=$work/store
        varve tag "$host/app:1" "$target/app:1"
        fresh_store
        for i in $(seq "$TRANSFERS"); do
                if [ $((i % 2)) -eq 0 ]; then
                        store=$work/second
                        run varve pull -q "$target/app:1"
                        [ "$status" -ne 0 ] || [ "${lines[-1]}" = "$digest" ] || fail 'another digest'
                        tells_of pull
                else
                        store=$work/store
                        run varve push -q "$target/app:1" "$target/random$i:1"
                        [ "$status" -ne 0 ] || skopeo inspect --raw --tls-verify=false \
                                "docker://127.0.0.1:$(cat "$work/plain.port")/random$i:1" |
                                sha256sum | grep -q "${digest#sha256:}" || fail 'another manifest'
                        tells_of push
                fi
                [ "$status" -lt 126 ] || fail "status $status"
                [ "$status" -eq 0 ] || [ -n "$output" ] || fail 'no message'
                store_is_sound
                [ $((i % 2)) -ne 0 ] || [ "$status" -ne 0 ] || fresh_store
        done
        nothing_runs
        sort "$work/transfers" | uniq -c | sed 's/^/#/' >&3
        good=$(grep -c succeeded "$work/transfers")
        [ "$good" -gt $((TRANSFERS * 2 / 3)) ] || fail "only $good of $TRANSFERS succeeded"
}
