#!/usr/bin/env bats
# The command line itself: help, options before the command, what Docker has and varve cannot do,
# messages as JSON, completion.
# shellcheck disable=SC2016 # templates

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
                --rm=false; do
                run -125 varve build "$option" "$work/warns"
                says "build cannot honour $option: "
        done
        run -0 varve build --rm --force-rm=true --load --provenance false --isolation default \
                "$work/warns"
        run -125 varve run --privileged busybox:1
        says 'run cannot honour --privileged'
        run -125 varve -H tcp://other:1 images
        says 'cannot honour -H: there is no daemon'
        run -125 varve --frobnicate images
        says 'no option --frobnicate'
        run -125 varve imagse
        says 'Did you mean `varve images`'
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
