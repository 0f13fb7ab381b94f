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

@test "an image of the store for another platform is refused" {
        run -125 varve run --rm --platform linux/arm64 busybox:1 uname -m
        says 'busybox:1 was found but does not provide the specified platform \(linux/arm64\)'
        run -125 varve run --rm --pull never --platform linux/s390x busybox:1 true
        says 'varve pull --platform linux/s390x busybox:1'
        varve run --rm --platform "linux/$(dpkg --print-architecture)" busybox:1 true
}

@test "standard streams are the caller's" {
        [ "$(echo typed | varve run -i --rm busybox:1 cat)" = typed ]
        [ -z "$(echo typed | varve run --rm busybox:1 cat)" ]
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

@test "a file that is a standard stream is not in the command's hands" {
        local before
        echo untouched | as_tester tee "$work/input" >/dev/null
        as_tester touch "$work/log"
        before=$(stat -c '%u %a' "$work/input" "$work/log")
        varve run -i --rm busybox:1 sh -c 'cat; for fd in 0 1 2; do
                echo OVERWRITTEN >/proc/self/fd/$fd; chown 5 /proc/self/fd/$fd
                chmod 777 /proc/self/fd/$fd; done; :' <"$work/input" >"$work/log" 2>&1
        [ "$(cat "$work/input")" = untouched ]
        [ "$(head -n 1 "$work/log")" = untouched ]
        [ "$(stat -c '%u %a' "$work/input" "$work/log")" = "$before" ]
        run varve run -i --rm busybox:1 ls /proc/self/fd/0/ <"$work"
        says 'not a directory'
}

@test "what a command prints into a file is there as a whole and in its order" {
        seq 200000 | as_tester tee "$work/numbers" >/dev/null
        varve run -i --rm busybox:1 cat <"$work/numbers" >"$work/log"
        cmp "$work/numbers" "$work/log"
        varve run --rm busybox:1 sh -c 'for i in 1 2 3 4 5; do echo out; echo err >&2; done' \
                >"$work/log" 2>&1
        [ "$(uniq <"$work/log" | wc -l)" -eq 10 ]
        varve run --rm busybox:1 sh -c 'echo out; echo err >&2' >"$work/log" 2>"$work/errors"
        [ "$(cat "$work/log")" = out ]
        [ "$(cat "$work/errors")" = err ]
        # not only by root
        varve run --rm -u 7:7 busybox:1 sh -c 'echo more >/dev/stdout' >"$work/log"
        [ "$(cat "$work/log")" = more ]
}

@test "what a command does not read of a file is left to the next" {
        seq 3 >"$work/numbers"
        while read -r _; do
                varve run -i --rm busybox:1 true
                echo run
        done <"$work/numbers" >"$work/log"
        [ "$(wc -l <"$work/log")" -eq 3 ]
        head -c 1000000 /dev/zero >"$work/numbers"
        { varve run -i --rm busybox:1 dd bs=1000 count=3 of=/dev/null && wc -c >"$work/log"; } \
                <"$work/numbers"
        [ "$(cat "$work/log")" -eq 997000 ]
}

@test "an output that is full is told" {
        as_tester mkdir "$work/small"
        mount -t tmpfs -o size=64k,mode=777 varve-test "$work/small"
        full() {
                { varve run --rm busybox:1 head -c 200000 /dev/zero >"$work/small/log"; } 2>&1
        }
        run -125 full
        umount "$work/small"
        says 'cannot write to standard output: no space left'
}

@test "127 says that a command is not there, 126 that it cannot be executed" {
        context_of commands \
                'FROM busybox:1' \
                'RUN cd /; echo "echo hi" >plain; echo "#!/nowhere" >bad; ln -s loop loop' \
                'RUN printf "\177ELF" >/elf; echo >/closed; chmod 755 /plain /bad /elf' \
                'RUN mkdir -m 700 /private'
        varve build -t commands "$context"
        local command
        for command in no-such-command /no/such/command /plain/below; do
                run -127 varve run --rm commands "$command"
        done
        for command in /plain /bad /elf /loop /closed /bin; do
                run -126 varve run --rm commands "$command"
                says "cannot execute $command"
        done
        if [ "$mode" = ranges ]; then
                run -126 varve run --rm -u 7:7 -w /private commands true
                says 'cannot enter the working directory /private'
        fi
        run -125 varve run --rm -w /plain commands true
        run -125 varve run --rm -u nobody-here commands true
        run -125 varve run --rm no-such-image true
}

@test "125 says that the host does not let varve" {
        install -m 000 /dev/null "$work/closed"
        without_fuse() {
                unshare --mount sh -c 'mount --bind "$1" /dev/fuse; shift; exec "$@"' sh \
                        "$work/closed" \
                        setpriv --reuid "$user" --regid "$user" --init-groups --inh-caps=-all \
                        env -i HOME=/ PATH="$PATH" VARVE_ROOT="$store" \
                        "$stage/bin/varve" run --fs=fuse --rm busybox:1 true
        }
        run -125 without_fuse
        says 'cannot open /dev/fuse: permission denied'
}

# stream_of FD: what the container's command has under this number, told on its other streams.
stream_of() {
        varve run -i --rm busybox:1 sh -c 'is=$(readlink /proc/$$/fd/'"$1"'); echo $is; echo $is >&2'
}

@test "a stream that the caller has closed leads nowhere" {
        all_closed() {
                varve run -i --rm busybox:1 sh -c 'exit 5' <&- >&- 2>&-
        }
        directory_inside() {
                varve run -i --rm busybox:1 ls /proc/self/fd/0/ <&-
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
