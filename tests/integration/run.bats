#!/usr/bin/env bats
# The command `varve run --rm`: a container that leaves nothing behind.
# shellcheck disable=SC2016,SC2030,SC2031 # a Dockerfile expands these; each test is a shell

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

setup_file() {
        fresh_work busybox
        context_of sample \
                'FROM busybox:1' \
                'ENV greeting=hello' \
                'WORKDIR /here' \
                'ENTRYPOINT ["/bin/sh", "-c"]' \
                'CMD ["echo $greeting from $PWD"]'
        varve build -t sample "$context"
}

@test "the image's own command runs, or the one that is given" {
        [ "$(varve run --rm sample)" = 'hello from /here' ]
        [ "$(varve run --rm busybox:1 echo given words)" = 'given words' ]
}

@test "the exit status is the command's, and 128 and the signal where one ended it" {
        run -0 varve run --rm busybox:1 true
        run -3 varve run --rm busybox:1 sh -c 'exit 3'
        run -143 varve run --rm busybox:1 sh -c 'kill -TERM $$'
        run -127 varve run --rm busybox:1 no-such-command
}

@test "standard streams are the caller's" {
        [ "$(echo typed | varve run --rm busybox:1 cat)" = typed ]
        [ "$(varve run --rm busybox:1 sh -c 'echo err >&2; echo out' 2>/dev/null)" = out ]
}

@test "what the container changes is gone with it" {
        varve run --rm busybox:1 sh -c 'echo x > /changed && rm /etc/passwd'
        [ "$(varve run --rm busybox:1 sh -c 'ls /changed /etc/passwd 2>/dev/null')" = /etc/passwd ]
        store_is_sound
        nothing_runs
}

@test "processes that the command leaves end with it" {
        varve run --rm busybox:1 sh -c 'sleep 1000 & sleep 1001 & echo left'
        nothing_runs
}

@test "the first process is not the command, and reaps orphans" {
        run varve run --rm busybox:1 sh -c 'sh -c "sleep 0.1 & exit" ; sleep 0.5; ps -o pid,stat,comm'
        [ "$status" -eq 0 ]
        run ! grep -E ' Z' <<<"$output"
}

@test "no descriptor beyond the three is open" {
        run varve run --rm busybox:1 sh -c 'ls /proc/self/fd | tr "\n" " "'
        # ls itself has one open, the directory that it lists.
        [ "$output" = '0 1 2 3 ' ] || fail 'more descriptors'
}

# stream_of FD: what the container's command has under this number, told on its other streams.
stream_of() {
        varve run --rm busybox:1 sh -c 'is=$(readlink /proc/$$/fd/'"$1"'); echo $is; echo $is >&2'
}

@test "a stream that the caller has closed leads nowhere" {
        all_closed() {
                varve run --rm busybox:1 sh -c 'exit 5' <&- >&- 2>&-
        }
        directory_inside() {
                varve run --rm busybox:1 ls /proc/self/fd/0/ <&-
        }
        [ "$(stream_of 0 <&- 2>/dev/null)" = /dev/null ]
        [ "$(stream_of 1 2>&1 >&-)" = /dev/null ]
        [ "$(stream_of 2 2>&-)" = /dev/null ]
        run -5 all_closed
        run ! directory_inside
        says 'not a directory'
}

@test "a signal to varve reaches the command" {
        varve run --rm busybox:1 sh -c 'trap "echo caught; exit 5" TERM
                echo begun
                while :; do sleep 0.1; done' >"$work/log" 2>&1 &
        runner=$!
        for _ in $(seq 100); do
                grep -q begun "$work/log" && break
                sleep 0.1
        done
        pkill -TERM -u "$user" -x -o varve
        ends "$runner"
        [ "$status" -eq 5 ]
        grep caught "$work/log"
        nothing_runs
}
