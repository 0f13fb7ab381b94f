#!/usr/bin/env bats
# What keeps a step, and an image, away from the host: what is on in a build, as the build sees it.
# shellcheck disable=SC2016 # the steps' shells expand these

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

setup_file() {
        fresh_work busybox
}

# threads: those of the tester's varve processes, "NoNewPrivs" of each.
threads() {
        local task
        for task in $(pgrep -u "$user" -x varve | sed 's,.*,/proc/&/task/*/status,'); do
                sed -n 's/^NoNewPrivs:\t//p' "$task"
        done
}

@test "the threads that serve a step's files are behind Landlock, and what starts sandboxes is not" {
        varve doctor | grep -q 'Landlock.*version' || skip 'the kernel has no Landlock'
        varve run --rm busybox:1 sh -c 'while [ ! -e /dev/shm/end ]; do sleep 0.1; done' &
        runner=$!
        until pgrep -u "$user" -x sleep >/dev/null; do sleep 0.05; done
        states=$(threads | sort | uniq -c | awk '{ print $2 "x" $1 }')
        kill "$(pgrep -u "$user" -x varve | head -1)" || :
        ends "$runner"
        # one or, with several CPUs, two threads
        grep -qxE '1x[12]' <<<"$states" || fail "no server is confined: $states"
        grep -q '^0x' <<<"$states" || fail "all of varve is confined: $states"
}

@test "what a confined server needs it can open: more than memory holds, on disk" {
        context_of big 'FROM busybox:1' \
                'RUN head -c 90000000 /dev/zero | tr "\0" x >/big && sha256sum /big >/sum && rm /big' \
                'RUN cat /sum'
        varve build -t big "$context"
        [ "$(varve run --rm big cut -c1-64 /sum)" = "$(head -c 90000000 /dev/zero | tr '\0' x | sha256sum | cut -c1-64)" ]
}
