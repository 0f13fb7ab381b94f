#!/usr/bin/env bats
# The command line itself: help, options before the command, what Docker has and varve cannot do,
# messages as JSON, completion.
# shellcheck disable=SC2016,SC2154 # templates; bats sets stderr

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

setup_file() {
        fresh_work busybox
        context_of warns 'from busybox:1 AS first' 'FROM busybox:1 AS second'
}

@test "every command has help with an example" {
        local name names
        mapfile -t names < <(varve --help | sed -n '/^Commands:/,/^$/s/^  \(\S* \?[a-z]*\)  .*/\1/p')
        [ "${#names[@]}" -gt 30 ]
        for name in "${names[@]}"; do
                # shellcheck disable=SC2086 # a name may be two words
                varve $name --help | grep -qE '^Examples?:$' || fail "no example: $name"
        done
}

@test "what Docker has and varve cannot do is refused by name" {
        local option
        for option in --cpu-period=1 --isolation=hyperv --builder=other --compress --sbom=true \
                --rm=false --insecure --tls-verify=false; do
                run -125 varve build "$option" "$work/warns"
                says "build cannot honour $option: "
        done
        run -0 varve build --rm --force-rm=true --load --provenance false --isolation default \
                "$work/warns"
        run -125 varve run --privileged busybox:1
        says 'run cannot honour --privileged'
        run -125 varve run --insecure busybox:1
        says 'run cannot honour --insecure.*settings'
        run -125 varve pull --tls-verify=false busybox:1
        says 'it is --insecure'
        run -125 varve -H tcp://other:1 images
        says 'cannot honour -H: there is no daemon'
        run -125 varve --frobnicate images
        says 'no option --frobnicate'
        run -125 varve imagse
        says 'Did you mean `varve images`'
}

@test "each option of Docker's is understood, or refused with the reason" {
        [ "$mode" = ranges ] || skip 'it goes by no ids'
        # A line for a command: its name, and its options, as Docker 28 has them.
        run -0 as_tester sh -c 'while IFS=: read -r command options; do
                        for option in $options; do
                                "$1" --root "$2" $command --$option=x x y z </dev/null
                        done
                done <"$3" 2>&1 | grep -E "has no option|there is no command"; :' - \
                "$stage/bin/varve" "$work/no-store" "$here/data/docker-options"
        [ -z "$output" ] || fail 'not all'
        run -125 varve run -a stdout busybox:1 true
        says 'cannot honour -a: output is always attached'
        [ "$(varve help run)" = "$(varve run --help)" ]
        run -125 varve help nothing
}

@test "messages are as many as are wanted, and JSON if that is" {
        run -0 varve --log-level=error build --no-cache --progress=plain "$work/warns"
        run ! grep -E '^(varve: warning|note)' <<<"$output"
        run -0 varve -D images
        run -0 varve --debug inspect -f '{{.Id}}' busybox:1
        says "^varve: debug: inspect: the store is $store$"
        run -1 --separate-stderr varve --log-format json inspect none
        python3 -c 'import json, sys
line = json.load(sys.stdin)
assert line["level"] == "error" and "none" in line["msg"] and line["time"], line' <<<"$stderr"
        run -0 --separate-stderr varve --log-format=json build "$work/warns"
        python3 -c 'import json, sys
assert any("vertexes" in json.loads(line) for line in sys.stdin)' <<<"$stderr"
        run -125 varve --log-level loud images
        says '--log-level is debug'
}

@test "settings are defaults, and are strict" {
        as_tester mkdir -p "$work/config/varve"
        configured() {
                printf '%s\n' "$1" >"$work/config/varve/config.toml"
                shift
                run "$@"
        }
        with_settings() {
                as_tester env XDG_CONFIG_HOME="$work/config" "$stage/bin/varve" "$@"
        }
        configured "$(printf '# where\nroot = "%s" # it lies\n\n' "$store")" with_settings images -q busybox
        [ "$output" = "$(varve images -q busybox)" ] && [ -n "$output" ]
        run -0 with_settings --root "$work/none" images -q
        [ -z "$output" ]
        configured 'log-format = "json"' with_settings inspect none
        says '^\{"time":.*"level":"error"'
        configured 'progres = "plain"' with_settings images
        [ "$status" -eq 125 ]
        says 'config.toml:1: there is no setting "progres"' 'Did you mean progress'
        configured 'progress = plain' with_settings images
        says 'is no setting' 'progress = "plain"'
        configured 'progress = "bogus"' with_settings images
        [ "$status" -eq 125 ]
        says 'config.toml:1: --progress is auto, plain'
        configured '[build]' with_settings images
        says 'There are no tables'
        configured "log-format = 'json' # a literal" with_settings inspect none
        says '^\{"time":'
}

@test "completion knows commands, options, images and stages" {
        completes() {
                varve __complete "$@"
        }
        [ "$(completes bu | grep -x build)" = build ]
        completes imag | grep -qx image
        completes image '' | grep -qx prune
        completes build --ta | grep -qx -- --target
        completes build -t x '' >"$work/none"
        [ ! -s "$work/none" ] || fail 'files are wanted'
        [ "$(completes run --rm busy)" = busybox:1 ]
        [ "$(completes image inspect '')" = busybox:1 ]
        [ "$(completes build -f "$work/warns/Dockerfile" --target f | xargs)" = 'first second' ]
        [ "$(as_tester sh -c 'cd "$1" && "$2" __complete build --target ""' - "$work/warns" \
                "$stage/bin/varve" | xargs)" = 'first second' ]
        [ "$(completes run --network '' | xargs)" = 'private bridge host none pasta slirp4netns' ]
        completes build --progress '' | grep -qx rawjson
        completes logs '' >"$work/none"
        [ ! -s "$work/none" ]
}

@test "bash, zsh and fish complete a command line" {
        local scripts=$stage/completion
        printf '#!/bin/sh\nVARVE_ROOT=%q exec %q "$@"\n' "$store" "$stage/bin/varve" >"$work/varve"
        chmod 755 "$work/varve"
        in_bash() {
                as_tester env PATH="$work:$PATH" bash -c '
                        . "$1"
                        COMP_LINE=$2 COMP_POINT=${#2}
                        _varve
                        printf "%s\n" "${COMPREPLY[@]}"' - "$scripts/varve.bash" "$1"
        }
        [ "$(in_bash 'varve bui')" = $'build\nbuilder\nbuildx' ]
        [ "$(in_bash 'varve run busyb')" = busybox:1 ]
        [ "$(in_bash 'varve run busybox:')" = 1 ]
        [ "$(in_bash 'varve images --no-t')" = --no-trunc ]
        run -0 as_tester env HOME="$work" PATH="$work:$PATH" fish -c \
                "source $scripts/varve.fish; complete -C 'varve rmi busyb'"
        says '^busybox:1$'
        # zsh completes on a terminal alone: what its function would add is printed instead.
        run -0 as_tester env PATH="$work:$PATH" zsh -fc '
                compadd() { shift; print -l -- "$@"; }
                words=(varve rmi busyb) CURRENT=3
                . "$1"' - "$scripts/varve.zsh"
        says '^busybox:1$'
}
