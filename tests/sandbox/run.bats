#!/usr/bin/env bats
# How a command runs in a sandbox, and ends.
# shellcheck disable=SC2016 # the sandbox's shell expands these

# shellcheck source=tests/sandbox/sandbox.bash
. "$BATS_TEST_DIRNAME/sandbox.bash"

setup_file() {
        make_root
}

# What is waited for in the log is not to be there from before: the command in the background empties
# it when it is its turn.
setup() {
        rm -f "$work/log"
}

teardown() {
        nothing_runs
}

@test "the exit status is the command's, and 128 and the signal where one ended it" {
        run -0 inside true
        run -7 inside sh -c 'exit 7'
        run -143 inside sh -c 'kill -TERM $$'
        run -137 inside sh -c 'kill -KILL $$'
}

@test "standard streams are the caller's" {
        [ "$(echo typed | inside cat)" = typed ]
        [ "$(inside sh -c 'echo err >&2; echo out' 2>/dev/null)" = out ]
        # The pipe has to be the user's own, to be opened again.
        [ "$(as_user sh -c "'$stage/bin/sandbox-driver' --users $mode '$root' \
                sh -c 'echo through >/dev/stdout' | cat")" = through ]
}

@test "a command that is not there, or cannot be executed, is told with the reason" {
        run -125 inside no-such-command
        [[ $output = *'cannot find the command no-such-command'*PATH* ]] || fail 'no reason'
        run -125 inside /no/such
        [[ $output = *'cannot execute /no/such: No such file'* ]] || fail 'no reason'
        run -125 inside /etc/passwd
        [[ $output = *'Permission denied'* ]] || fail 'no reason'
        as_user sh -c "printf '#!/no/interpreter\n' >$root/work/script; chmod +x $root/work/script"
        run -125 inside /work/script
        [[ $output = *interpreter* ]] || fail 'no reason'
        as_user sh -c "echo nonsense >$root/work/text; chmod +x $root/work/text"
        run -125 inside /work/text
        [[ $output = *'Exec format error'*machine* ]] || fail 'no reason'
}

@test "the working directory is entered, and must be there" {
        [ "$(inside --workdir=/work pwd)" = /work ]
        run -125 inside --workdir=/no/such true
        [[ $output = *'working directory /no/such'* ]] || fail 'no reason'
}

@test "the environment is what is given, and nothing else" {
        [ "$(inside --env=A=1 --env='B=x y' env | sort | tr '\n' ,)" = \
                'A=1,B=x y,PATH=/usr/sbin:/usr/bin:/sbin:/bin,' ]
}

@test "PATH of the environment finds the command" {
        as_user sh -c "mkdir -p $root/own && cp $root/bin/busybox $root/own/echo"
        [ "$(inside --env=PATH=/no/such:/own echo found)" = found ]
}

@test "the command is not PID 1, and PID 1 reaps orphans" {
        [ "$(inside sh -c 'echo $$')" = 2 ]
        run inside sh -c '(sleep 0.1 & exit); sleep 0.3; ps -o stat,comm'
        [ "$status" -eq 0 ]
        run ! grep ^Z <<<"$output"
}

@test "processes that the command leaves end with it" {
        run -0 inside sh -c 'sleep 1000 & (setsid sleep 1001 &) ; echo left'
        [ "$output" = left ]
}

@test "a signal sent to the sandbox reaches the command" {
        run -5 inside --signal=15:300 sh -c 'trap "exit 5" TERM; while :; do sleep 0.05; done'
}

@test "the keys of a terminal reach what the command waits for, too" {
        local loop='while :; do sleep 0.05; done'
        for signal in 2:INT 3:QUIT; do
                run inside "--signal=${signal%:*}:300" --timeout-ms=5000 sh -c \
                        "trap : ${signal#*:}; sh -c 'trap \"echo caught; exit\" ${signal#*:}; $loop'"
                grep -q caught <<<"$output" || fail 'its child has not got it'
        done
}

@test "a signal sent to PID 1 reaches the command" {
        inside sh -c 'trap "echo caught; exit 6" TERM; echo begun; while :; do sleep 0.05; done' \
                >"$work/log" &
        runner=$!
        until grep -qs begun "$work/log"; do sleep 0.05; done
        pkill -TERM -u "$user" -x varve-sandbox
        ends 6 "$runner"
        grep caught "$work/log"
}

@test "a command that takes too long is killed with all that it started" {
        run -125 inside --timeout-ms=200 sh -c 'sleep 1000 & trap "" TERM INT HUP; sleep 1000; sleep 1000'
        [[ $output = *'still runs after 0.200 seconds'* ]] || fail 'no reason'
}

@test "nothing outlives a caller that is killed" {
        inside sh -c 'trap "" TERM INT HUP; setsid sleep 1000 & echo begun; sleep 1000' >"$work/log" &
        runner=$!
        until grep -qs begun "$work/log"; do sleep 0.05; done
        pkill -KILL -u "$user" -x sandbox-driver
        nothing_runs
        run ! grep "$work" /proc/self/mountinfo
        wait "$runner" || :
}

@test "nothing outlives a caller that is killed, even if a copy of it holds its sockets" {
        inside --hold sh -c 'echo begun; sleep 1000' >"$work/log" &
        runner=$!
        until grep -qs begun "$work/log"; do sleep 0.05; done
        kill -KILL "$(pgrep -o -u "$user" -x sandbox-driver)"
        for _ in 1 2 3 4 5 6 7 8 9 10; do
                pgrep -r D,R,S,T -u "$user" -x varve-sandbox >/dev/null || break
                sleep 0.01
        done
        run pgrep -a -r D,R,S,T -u "$user" -x 'varve-sandbox'
        output+=$(pgrep -a -r D,R,S,T -u "$user" -x 'sh|sleep') || :
        pkill -KILL -u "$user" -x sandbox-driver
        wait "$runner" || :
        [ -z "$output" ] || fail 'still there'
}

@test "nothing outlives a caller that is killed while the sandbox is made" {
        for delay in 0.000 0.001 0.002 0.003 0.004 0.005 0.006 0.008; do
                inside sleep 1000 &
                runner=$!
                until pgrep -u "$user" -x sandbox-driver >/dev/null; do :; done
                sleep "$delay"
                pkill -KILL -u "$user" -x sandbox-driver || :
                nothing_runs
                wait "$runner" || :
        done
}

@test "a sandbox killed from outside is told of" {
        inside sh -c 'echo begun; sleep 1000' >"$work/log" 2>&1 &
        runner=$!
        until grep -qs begun "$work/log"; do sleep 0.05; done
        pkill -KILL -u "$user" -x varve-sandbox
        ends 125 "$runner"
        grep 'the sandbox was killed' "$work/log"
}

@test "no signal is blocked or ignored" {
        run -0 inside grep -E '^Sig(Blk|Ign)' /proc/self/status
        [ "$output" = $'SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000' ] || fail 'one is'
}

@test "the command has a process group, an umask of 022 and no core files" {
        run inside sh -c 'echo $(cut -d" " -f5 /proc/self/stat) $(umask) $(ulimit -c)'
        [ "$output" = '2 0022 0' ] || fail 'not these'
}

@test "the command has no terminal, and a session of its own where varve has one" {
        export work root stage user mode
        # Of the fields of proc(5): the session, and the number of the terminal.
        in_session='exec >"$work/log"; inside cut -d" " -f6,7 /proc/self/stat'
        export -f inside driver as_user
        setsid -w bash -c "$in_session"
        [ "$(cat "$work/log")" = '0 0' ] || fail 'without'
        SHELL=/bin/bash script -qec "bash -c '$in_session'" /dev/null
        [ "$(cat "$work/log")" = '2 0' ] || fail 'with'
}

@test "resource limits are set, and one that only root may raise is told of" {
        [ "$(inside --limit=7:100 sh -c 'ulimit -n')" = 100 ]
        run -125 inside --limit=7:99999999 true
        [[ $output = *'resource limit 7'* ]] || fail 'no reason'
}

@test "the host name is the sandbox's own" {
        [ "$(inside --hostname=inner hostname)" = inner ]
        [ "$(hostname)" != inner ]
}

@test "a network of none has a loopback interface alone, and it is up" {
        [ "$(inside --network=none sh -c 'ls /sys/class/net')" = lo ]
        inside --network=none sh -c 'ping -c 1 127.0.0.1 >/dev/null'
        [ "$(inside sh -c 'echo /sys/class/net/*')" = "$(echo /sys/class/net/*)" ]
}

@test "ids are what was asked for, as far as there are any" {
        [ "$(inside sh -c 'echo $(id -u) $(id -g)')" = '0 0' ]
        if [ "$mode" = ranges ]; then
                run inside --uid=33 --gid=44 --group=55 --group=66 \
                        sh -c 'echo $(id -u) $(id -g) $(id -G) && grep ^Cap[PE] /proc/self/status'
                [[ ${lines[0]} = '33 44 '*'55 66' ]] || fail 'other ids'
                [[ ${lines[1]} = *0000000000000000 && ${lines[2]} = *0000000000000000 ]] || fail capabilities
                [ "$(inside --uid=65534 id -u)" = 65534 ]
        fi
}

@test "the sandbox is there and gone in less than 50 ms" {
        # The best of some, as the machine may be busy.
        run -0 eval 'for _ in {1..20}; do inside --times true 2>&1; done'
        sed -n 's/.*start \([0-9.]*\) go \([0-9.]*\) wait \([0-9.]*\).*/\1 \2 \3/p' <<<"$output" |
                awk '$1 + $2 + $3 < 50 { quick = 1 } END { exit !quick }' || fail 'too slow'
}
