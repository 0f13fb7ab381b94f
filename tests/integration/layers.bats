#!/usr/bin/env bats
# Sealed layers as GNU tar sees them, which shares no code with varve, and as other tools take them.
# shellcheck disable=SC2016 # a Dockerfile expands these

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

setup_file() {
        fresh_work debian
}

# layers_of NAME: sets `layers` to the tars of its layers, the bottom first.
layers_of() {
        local id
        layers=()
        for id in $(varve inspect --format '{{json .RootFS.Layers}}' "$1" | tr '",[]' '    '); do
                layers+=("$store/layers/${id#sha256:}.tar")
        done
}

# lists REGEX...: the last layer has exactly these entries, a line each: as `tar -tv` prints them.
lists() {
        local i=0
        mapfile -t lines < <(TZ=UTC tar --full-time --numeric-owner --quoting-style=escape -tvf \
                "${layers[-1]}" 2>&1 | tr -s ' ')
        output=$(printf '%s\n' "${lines[@]}")
        [ "${#lines[@]}" -eq $# ] || fail "${#lines[@]} entries, not $#"
        for pattern; do
                [[ ${lines[i]} =~ ^$pattern$ ]] || fail "entry $i is not: $pattern"
                i=$((i + 1))
        done
}

# build_step COMMAND...: an image of one step on the image "last", which it becomes.
build_step() {
        context_of step "FROM ${from:-last}" "RUN ${*//$'\n'/ }"
        varve build -t last "$context"
        from=last
        layers_of last
}

@test "GNU tar sees in each layer what its step did" {
        from=debian:12
        time='[0-9]{4}-[0-9-]+ [0-9:]+(\.[0-9]+)?'
        build_step 'mkdir /d && cd /d && touch -d "2001-02-03 04:05:06.123456789 UTC" nanoseconds &&
                touch -d @-2 before && chown 5:6 before && chmod 6754 before'
        lists "drwxr-xr-x 0/0 0 $time \./" \
                "drwxr-xr-x 0/0 0 $time d/" \
                '-rwsr-sr-- 5/6 0 1969-12-31 23:59:58 d/before' \
                '-rw-r--r-- 0/0 0 2001-02-03 04:05:06\.123456789 d/nanoseconds'
        build_step 'cd /d && rm before && ln nanoseconds other && ln -s gone link && mkfifo -m 600 fifo'
        lists "drwxr-xr-x 0/0 0 $time d/" \
                "---------- 0/0 0 $time d/\.wh\.before" \
                "prw------- 0/0 0 $time d/fifo" \
                "lrwxrwxrwx 0/0 0 $time d/link -> gone" \
                '-rw-r--r-- 0/0 0 2001-02-03 04:05:06\.123456789 d/nanoseconds' \
                'hrw-r--r-- 0/0 0 2001-02-03 04:05:06\.123456789 d/other link to d/nanoseconds'
        build_step 'rm -r /d && mkdir -m 700 /d && truncate -s 9G /d/sparse &&
                touch "/d/$(printf "\377\376")" && mknod /d/null c 1 3'
        lists "drwxr-xr-x 0/0 0 $time \./" \
                "drwx------ 0/0 0 $time d/" \
                "---------- 0/0 0 $time d/\.wh\.\.wh\.\.opq" \
                "crw-r--r-- 0/0 1,3 $time d/null" \
                "-rw-r--r-- 0/0 9663676416 $time d/sparse" \
                "-rw-r--r-- 0/0 0 $time d/\\\\377\\\\376"
        build_step 'true'
        [ "${#layers[@]}" -eq 4 ] || fail 'a step that changed nothing has a layer'
        build_step 'chmod 755 /d; chmod 700 /d; touch /x; rm /x; cp -p /etc/passwd /p; mv /p /etc/passwd'
        [ "${#layers[@]}" -eq 5 ] || fail "${#layers[@]} layers"
        for layer in "${layers[@]}"; do
                tar -tf "$layer" >"$work/list"
        done
        store_is_sound
}

@test "skopeo, umoci and podman take the image, and see the same layers" {
        context_of taken 'FROM debian:12' 'RUN echo x > /x && rm /etc/issue' 'CMD ["cat", "/x"]'
        varve build -t taken "$context"
        layers_of taken
        unpacked taken
        [ "$(cat "$root/x")" = x ] && [ ! -e "$root/etc/issue" ]
        [ "$("$here/integration/podman-run" "$work/saved:image")" = x ]
        # What skopeo unpacks of each blob is the tar at rest, byte for byte.
        run -0 skopeo inspect --config "oci:$work/saved:image"
        for layer in "${layers[@]}"; do
                says "$(basename "$layer" .tar)"
        done
        # The store itself is a layout that other tools read.
        skopeo inspect --raw "oci:$store/oci:docker.io/library/taken:latest" >/dev/null
}
