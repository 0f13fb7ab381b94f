#!/usr/bin/env bats
# Caches that others have made: --cache-from and --cache-to.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # a Dockerfile expands these; each test is a shell

# shellcheck source=tests/integration/registry.bash
. "$BATS_TEST_DIRNAME/registry.bash"

setup_file() {
        fresh_work busybox
        registry_at shared
        echo "$port" >"$work/port"
        settings "insecure 127.0.0.1:$port"
}

setup() {
        port=$(cat "$work/port")
}

teardown_file() {
        stop_servers
}

# shared_context: two stages; the RUN of the target reads one of two files.
shared_context() {
        context_of shared \
                'FROM busybox:1 AS made' \
                'RUN echo made >/made; touch /made.done' \
                'FROM busybox:1' \
                'WORKDIR /app' \
                'COPY . .' \
                'COPY --from=made /made /made' \
                'RUN cat read /made >/out' \
                'RUN true'
        printf 'Dockerfile\n' >"$context/.dockerignore"
        printf 'one\n' >"$context/read"
        printf 'one\n' >"$context/other"
        chown -R "$user:$user" "$context"
}

# another_machine: what follows has a store of its own, with the base alone.
another_machine() {
        fresh_store
        varve import "$stage/busybox.tar" busybox:1
}

# no_step_runs CACHE: the build takes all from there.
no_step_runs() {
        run varve build --cache-from "$1" -t shared "$context"
        [ "$status" -eq 0 ] || fail "it is to build from $1"
        ! grep -E 'not cached|warning' <<<"$output" || fail 'a step has run'
        [ "$(grep -c "CACHED (same chain, of" <<<"$output")" -eq "$2" ] || fail "not $2 steps of it"
}

@test "a second machine runs no step that a directory has" {
        local cache=$work/local
        rm -rf "$cache"
        shared_context
        varve build -t shared --cache-to "type=local,dest=$cache,mode=max" "$context" 2>/dev/null
        varve run --rm shared cat /out >"$work/first"
        skopeo inspect --raw "oci:$cache:latest" | grep -q '"application/vnd.buildkit.cacheconfig.v0"'
        skopeo copy -q "oci:$cache:latest" "dir:$work/copied" || fail 'no tool can copy it'

        another_machine
        no_step_runs "type=local,src=$cache" 6
        varve run --rm shared cat /out | diff "$work/first" -
        store_is_sound

        # What the RUN has not read changes: the level of observed inputs, from there alone.
        another_machine
        echo longer >"$context/other"
        run varve build --cache-from "type=local,src=$cache" -t shared "$context"
        says '^#5 not cached' '^#6 not cached' '^#7 CACHED \(same inputs, of ' \
                '^#8 CACHED \(same inputs, of '
        store_is_sound
}

@test "a second machine runs no step that a registry has, nor one that an image has" {
        local cache=127.0.0.1:$port/ci/cache:main
        shared_context
        varve build -t shared --cache-to "type=registry,ref=$cache,mode=max" \
                --cache-to type=inline "$context" 2>/dev/null
        varve push -q shared "127.0.0.1:$port/ci/app:1"
        run varve build -t shared --cache-to "type=registry,ref=$cache,mode=max" "$context"
        [ "$status" -eq 0 ]
        skopeo inspect --tls-verify=false "docker://127.0.0.1:$port/ci/app:1" >"$work/inspected"

        another_machine
        no_step_runs "$cache" 6
        # The steps of the target alone are in the image.
        another_machine
        run varve build --cache-from "127.0.0.1:$port/ci/app:1" -t shared "$context"
        says '^#2 not cached' '^#4 CACHED' '^#5 CACHED' '^#6 CACHED' '^#7 CACHED' '^#8 CACHED'
        # Nor does what is built upon it have them.
        context_of upon 'FROM shared' 'RUN true'
        varve build -t upon "$context" 2>/dev/null
        saved upon
        [ "$(skopeo inspect --raw --config "oci:$work/saved:image" | grep -c varve.cache)" -eq 0 ]
        store_is_sound
}

@test "mode=min has the steps of the target, and what is not there is a warning" {
        local cache=$work/min
        shared_context
        varve build --cache-to "type=local,dest=$cache" "$context" 2>/dev/null
        another_machine
        run varve build --cache-from "type=local,src=$cache" \
                --cache-from "type=local,src=$work/none" --cache-from "127.0.0.1:$port/no/such" \
                "$context"
        [ "$status" -eq 0 ]
        says '^#2 not cached' '^#8 CACHED' 'warning: nothing is taken from the cache .*none' \
                'warning: nothing is taken from the cache .*no/such'
}

# flip FILE OFFSET
flip() {
        printf 'X' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "what was altered in a cache is passed over with a warning, and its steps run" {
        local cache=$work/poisoned blob
        rm -rf "$cache"
        shared_context
        varve build --cache-to "type=local,dest=$cache" "$context" 2>/dev/null
        cp -a "$cache" "$work/untouched"

        # A layer.
        for blob in "$cache"/blobs/sha256/*; do
                [ "$(head -c 2 "$blob" | od -An -tx1)" != ' 1f 8b' ] || flip "$blob" 100
        done
        another_machine
        run varve build -t shared --cache-from "type=local,src=$cache" "$context"
        [ "$status" -eq 0 ]
        says 'warning: a step of the cache .* is passed over: .*(digest|gzip|compress|damaged)'
        [ "$(varve run --rm shared cat /out)" = $'one\nmade' ]
        store_is_sound
        # It is mended by the next that writes it.
        varve build --cache-to "type=local,dest=$cache" "$context" 2>/dev/null
        another_machine
        run varve build --cache-from "type=local,src=$cache" "$context"
        ! grep -q warning <<<"$output" || fail 'it is still damaged'

        # The records, by somebody who can write digests, too.
        rm -rf "$cache"
        cp -a "$work/untouched" "$cache"
        python3 "$here/tools/cache-forger" "$cache"
        chown -R "$user:$user" "$cache"
        another_machine
        run varve build -t shared --cache-from "type=local,src=$cache" "$context"
        [ "$status" -eq 0 ]
        says 'passed over: its record is another step.s' 'passed over: its layer holds something else' \
                'passed over: its layer is none of the cache' 'passed over: its record is damaged'
        [ "$(varve run --rm shared cat /out)" = $'one\nmade' ]
        store_is_sound
}

@test "a cache whose registry fails is done without, with one warning" {
        local through fault at_once='"headers": {"Retry-After": "0"}'
        shared_context
        varve build --cache-to "type=registry,ref=127.0.0.1:$port/ci/failing,mode=max" "$context" \
                2>/dev/null
        starts failing "$here/tools/fault-proxy" --upstream "$port" --rules "$work/rules" \
                --log "$work/log"
        printed_port failing
        settings "insecure 127.0.0.1:$port"
        through=127.0.0.1:$port/ci/failing
        # What it is, its records, and its layers.
        for fault in '"path": "/manifests/", "status": 500, '"$at_once" \
                '"path": "/blobs/", "corrupt": 40' \
                '"path": "/blobs/", "after": 1, "status": 500, '"$at_once"; do
                echo "[{\"method\": \"GET\", $fault}]" >"$work/rules"
                another_machine
                run -0 varve build --cache-from "$through" -t shared "$context"
                says '^#4 not cached' 'warning: nothing (more )?is taken from the cache 127.0.0.1'
                [ "$(grep -c warning: <<<"$output")" -eq 1 ] || fail "$fault: not one warning"
                [ "$(varve run --rm shared cat /out)" = $'one\nmade' ]
                store_is_sound
        done
}

@test "an option that cannot be honoured is refused by name" {
        context_of refused 'FROM busybox:1'
        local option
        for option in type=gha type=local type=local,dest= type=registry,dest=x type=inline,mode=max \
                type=local,dest=x,mode=all type=local,dest=x,compression=zstd \
                type=local,dest=x,image-manifest=false type=local,dest=x,colour=red \
                'type=registry,ref=A B' ''; do
                run varve build --cache-to "$option" "$context"
                [ "$status" -ne 0 ] || fail "$option was to be refused"
                says "--cache-to $option"
        done
        run varve build --cache-from type=inline "$context"
        says 'type=registry,ref=IMAGE'
        varve build --cache-to "type=local,dest=$work/dest/a,compression=gzip,oci-mediatypes=true" \
                "$context" 2>/dev/null
        run varve build --cache-to type=local,dest=/proc/none "$context"
        [ "$status" -ne 0 ]
        says 'the cache cannot be written to /proc/none'
        run varve build --cache-to type=local,dest=/proc/none,ignore-error=true "$context"
        [ "$status" -eq 0 ]
        says 'warning: the cache cannot be written to /proc/none'
}
