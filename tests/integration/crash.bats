#!/usr/bin/env bats
# kill -9 at any instant: the store stays one that every command accepts, and nothing of the dead
# varve lives on. The instants are random; the seed is printed, and $SEED repeats it.
# shellcheck disable=SC2016 # a Dockerfile expands these

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

KILLS=${KILLS:-12}

setup_file() {
        fresh_work busybox
}

setup() {
        RANDOM=${SEED:=$$}
        echo "seed: $SEED"
}

# killed_within MS COMMAND...: starts varve and kills it, and it alone, at a random instant before
# MS milliseconds have passed. Its process id is that of the last exec of the chain.
killed_within() {
        local pid delay=$((RANDOM % $1))
        shift
        rm -f "$work/pid"
        as_tester env VARVE_ROOT="$store" sh -c 'echo $$ >"$1/pid.new"; mv "$1/pid.new" "$1/pid"
                shift; exec "$@"' sh "$work" "$stage/bin/varve" "$@" >"$work/killed.log" 2>&1 &
        until [ -e "$work/pid" ]; do :; done
        pid=$(cat "$work/pid")
        sleep "$((delay / 1000)).$(printf %03d $((delay % 1000)))"
        kill -KILL "$pid" 2>/dev/null || :
        wait "$!" || :
        echo "killed after $delay ms: $*"
}

# How long a command takes, in milliseconds.
duration() {
        local began
        began=$(date +%s%N)
        varve "$@" >/dev/null
        echo $((($(date +%s%N) - began) / 1000000 + 20))
}

everything_works() {
        nothing_runs
        varve images
        varve inspect busybox:1 >/dev/null
        varve history busybox:1 >/dev/null
        [ "$(varve run --rm busybox:1 echo alive)" = alive ]
        store_is_sound
}

@test "a build that is killed at any instant" {
        context_of killed 'FROM busybox:1' 'COPY tree /tree' \
                'RUN for i in $(seq 200); do echo $i > /tree/f$i; done' \
                'RUN rm -r /tree && head -c 3000000 /dev/urandom > /big' 'ENV a=b' 'RUN echo end > /end'
        as_tester mkdir "$context/tree"
        as_tester sh -c 'for i in $(seq 300); do head -c 5000 /dev/urandom > "$1/x$i"; done' sh \
                "$context/tree"
        whole=$(duration build --no-cache -t whole "$context")
        for _ in $(seq "$KILLS"); do
                killed_within "$whole" build --no-cache -t killed "$context"
                everything_works
        done
        varve build -t killed "$context"
        [ "$(varve run --rm killed cat /end)" = end ]
        store_is_sound
}

@test "an import that is killed at any instant" {
        whole=$(duration import "$stage/debian.tar" whole:1)
        varve rmi whole:1
        for _ in $(seq "$KILLS"); do
                killed_within "$whole" import "$stage/debian.tar" killed:1
                everything_works
                varve rmi killed:1 2>/dev/null || :
        done
        varve import "$stage/debian.tar" killed:1
        varve run --rm killed:1 true
        store_is_sound
}

@test "a container that loses its varve ends with it" {
        for _ in $(seq 4); do
                killed_within 400 run --rm busybox:1 sh -c 'sleep 1000 & sleep 1000'
                everything_works
        done
}

@test "a build whose whole process tree is killed" {
        context_of all 'FROM busybox:1' 'RUN head -c 30000000 /dev/urandom > /big; sleep 1000'
        for _ in 1 2 3; do
                varve build --no-cache -t all "$context" >/dev/null 2>&1 &
                sleep "0.$((RANDOM % 9 + 1))"
                pkill -KILL -u "$user" || :
                wait "$!" || :
                everything_works
        done
}

@test "a truncated index, layer or record does not take the others with it" {
        context_of victim 'FROM busybox:1' 'RUN echo x > /x'
        varve build -t victim "$context"
        find "$store/cache" -type f | while read -r file; do
                as_tester truncate -s 5 "$file"
        done
        varve build -t victim "$context"
        [ "$(varve run --rm victim cat /x)" = x ]
}
