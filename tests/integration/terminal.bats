#!/usr/bin/env bats
# What a build shows on a terminal, and in the other forms of --progress.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # a Dockerfile expands these; each test is a shell

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

setup_file() {
        fresh_work busybox
        context_of sides \
                'FROM busybox:1 AS one' \
                'RUN echo first line; sleep 0.6; echo last line' \
                'FROM busybox:1 AS two' \
                "RUN printf '\\033]0;owned\\007\\033[2J\\033[31mred\\033[0m\\007\\n'; sleep 0.6" \
                'FROM busybox:1' \
                'COPY --from=one /etc/issue /one' \
                'COPY --from=two /etc/issue /two'
        context_of fails 'FROM busybox:1' 'RUN seq 1 40; echo oops; exit 3' 'RUN never'
}

# on_terminal [OPTION...] -- ARGS...: varve on a terminal.
on_terminal() {
        local options=()
        while [ "$1" != -- ]; do
                options+=("$1")
                shift
        done
        shift
        timeout 60 "$here/tools/terminal" "${options[@]}" runuser -u "$user" -- env TERM=xterm \
                ${NO_COLOR:+NO_COLOR=1} VARVE_ROOT="$store" "$stage/bin/varve" "$@" </dev/null
}

@test "a terminal shows the stages side by side, and folds what is done" {
        run -0 on_terminal --raw "$work/raw" -- build --jobs 2 --no-cache -t sides "$work/sides"
        says '^ => \[one 2/2\] RUN echo first.* [0-9.]+s$' '^ => \[two 2/2\] RUN' \
                '^\[\+\] Building [0-9.]+s \(7 done\) FINISHED$' '^named sides$'
        run ! grep -E ' => => |running' <<<"$output"
        # While they ran, both were there, with what they had printed; colours are ours alone.
        grep -aq 'done, 2 running' "$work/raw"
        grep -aq ' => => first line' "$work/raw"
        grep -aq ' => => red' "$work/raw"
        run ! grep -aqE $'\033\\]|\033\\[2J|\007|\033\\[31m' "$work/raw"
        grep -aq $'\033\\[34m' "$work/raw"
        run -0 on_terminal --size 10x30 -- build "$work/sides"
        says '^ => CACHED \[one 2/2\]' '^\[\+\] Building'
}

@test "a terminal may become narrower, and colours are left out if nobody wants them" {
        NO_COLOR=1 run -0 on_terminal --size 24x100 --resize 0.3:24x40 --raw "$work/raw" -- \
                build --no-cache "$work/sides"
        says '^\[\+\] Building [0-9.]+s \(7 done\) FINISHED$'
        [ "$(grep -c Building <<<"$output")" = 1 ] || fail 'a line was left'
        run ! grep -aqE $'\033\\[[0-9;]*m' "$work/raw"
}

@test "a step that fails shows its last lines and its place in the Dockerfile" {
        run -1 on_terminal -- build "$work/fails"
        says '^ => ERROR \[2/3\] RUN seq' 'FAILED$' '^oops$' '^22$' '>>> RUN seq' '^  \|         \^$' 'status 3'
        run ! grep -x 21 <<<"$output"
}

@test "progress comes in the form that is asked for" {
        run -0 varve build --progress=rawjson "$work/sides"
        python3 -c 'import json, sys
kinds = [key for line in sys.stdin if line[0] == "{" for key in json.loads(line)]
assert "vertexes" in kinds, kinds' <<<"$output"
        run -0 --separate-stderr varve build --progress=quiet "$work/sides"
        [[ $output =~ ^sha256:[0-9a-f]{64}$ ]] || fail 'not the ID alone'
        [ -z "$stderr" ]
        run -0 on_terminal -- build --progress=plain "$work/sides"
        says '^#[0-9]+ \[one 1/2\] FROM'
        run -1 as_tester env BUILDKIT_PROGRESS=odd VARVE_ROOT="$store" "$stage/bin/varve" \
                build "$work/sides"
        says 'BUILDKIT_PROGRESS is auto, plain'
}
