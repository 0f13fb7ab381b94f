#!/usr/bin/env bats
# The command `varve build`: its flags, its cache, and what it leaves behind.
# shellcheck disable=SC2016,SC2030,SC2031 # a Dockerfile expands these; each test is a shell

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

setup_file() {
        fresh_work busybox
}

image_id() {
        varve inspect --format '{{.Id}}' "$1"
}

@test "a build with several tags gives one image under each" {
        context_of tags \
                'FROM busybox:1' \
                'RUN echo x > /x'
        varve build -t one -t two:2 "$context"
        one=$(image_id one)
        [ "$one" = "$(image_id two:2)" ]
        [ "$one" = "$(image_id one:latest)" ]
}

@test "-f names a Dockerfile anywhere, and the context stays what it is" {
        context_of elsewhere \
                'FROM busybox:1' \
                'COPY only-here /'
        as_tester mkdir -p "$work/bare"
        as_tester touch "$work/bare/only-here"
        varve build -t elsewhere -f "$context/Dockerfile" "$work/bare"
        varve run --rm elsewhere ls /only-here
}

@test "what a Dockerfile could do better is told, by rule and line, of the stages that are built" {
        context_of advice \
                'FROM busybox:1 AS other' \
                'CMD true' \
                'FROM busybox:1 as last' \
                'ENV key value' \
                'ENV PASSWORD=x'
        run varve build -t advice "$context"
        [ "$status" -eq 0 ] || fail 'advice is no error'
        says 'Dockerfile:3: FromAsCasing' 'Dockerfile:4: LegacyKeyValueFormat' \
                'Dockerfile:5: SecretsUsedInArgOrEnv'
        [[ $output != *JSONArgsRecommended* ]] || fail 'of a stage that is not built'
        sed -i '1i # check=skip=FromAsCasing;error=true' "$context/Dockerfile"
        run varve build -t advice "$context"
        [ "$status" -eq 1 ] || fail 'the file asks for an error'
        says 'Dockerfile:5: LegacyKeyValueFormat' 'check=error=true'
        [[ $output != *FromAsCasing* ]] || fail 'of a rule that is skipped'
}

@test "--build-arg beats the default, and one that is used by no ARG is named" {
        context_of arguments \
                'FROM busybox:1' \
                'ARG a=default' \
                'RUN echo "$a" > /a'
        run varve build --build-arg a=given --build-arg nobody=asks -t arguments "$context"
        [ "$status" -eq 0 ] || fail 'the build was to succeed'
        says nobody
        [ "$(varve run --rm arguments cat /a)" = given ]
}

@test "a rebuild with nothing changed runs nothing and gives the same image" {
        context_of cached \
                'FROM busybox:1' \
                'COPY file /file' \
                'RUN cat /proc/sys/kernel/random/uuid > /random'
        as_tester touch "$context/file"
        varve build -t cached "$context"
        first=$(image_id cached)
        varve build -t cached "$context"
        [ "$(image_id cached)" = "$first" ]
}

@test "hard links in the context and in a stage leave the cache whole" {
        context_of links \
                'FROM busybox:1 AS from' \
                'RUN mkdir /d && echo 1 > /d/f && ln /d/f /d/g' \
                'FROM busybox:1' \
                'COPY . /x' \
                'COPY --from=from /d /d' \
                'RUN cat /proc/sys/kernel/random/uuid > /random'
        as_tester touch "$context/a"
        as_tester ln "$context/a" "$context/b"
        varve build -t links "$context"
        first=$(image_id links)
        varve build -t links "$context"
        [ "$(image_id links)" = "$first" ] || fail 'a step ran again'
        [ "$(varve run --rm links stat -c %h /x/a)" = 2 ]
}

@test "an archive of the context with holes in it is unpacked" {
        context_of sparse-tar 'FROM busybox:1' 'ADD a.tar /d/'
        as_tester sh -c "cd '$context' && tar -cf whole Dockerfile && truncate -s 2M whole &&
                cp --sparse=always whole a.tar && rm whole"
        varve build -t sparse-tar "$context"
        varve run --rm sparse-tar grep -q FROM /d/Dockerfile
}

@test "a sparse file of the context and of a stage stays one" {
        context_of sparse \
                'FROM busybox:1 AS from' \
                'COPY big /one' \
                'FROM busybox:1' \
                'COPY --from=from /one /two'
        as_tester truncate -s 2G "$context/big"
        echo end | as_tester tee -a "$context/big" >/dev/null
        before=$(du -s "$store" | cut -f 1)
        varve build -t sparse "$context"
        [ $(($(du -s "$store" | cut -f 1) - before)) -lt 10000 ] || fail 'the holes were written'
        unpacked sparse
        cmp "$root/two" "$context/big"
}

@test "--no-cache runs every step again" {
        context_of fresh \
                'FROM busybox:1' \
                'RUN cat /proc/sys/kernel/random/uuid > /random'
        varve build -t fresh "$context"
        first=$(varve run --rm fresh cat /random)
        varve build --no-cache -t fresh "$context"
        [ "$(varve run --rm fresh cat /random)" != "$first" ]
}

@test "changing a copied file repeats the steps from there on, and none before" {
        context_of changed \
                'FROM busybox:1' \
                'RUN cat /proc/sys/kernel/random/uuid > /before' \
                'COPY file /file' \
                'RUN cat /file /proc/sys/kernel/random/uuid > /after'
        echo one | as_tester tee "$context/file"
        varve build -t changed "$context"
        before=$(varve run --rm changed cat /before)
        after=$(varve run --rm changed cat /after)
        echo two | as_tester tee "$context/file"
        varve build -t changed "$context"
        [ "$(varve run --rm changed cat /before)" = "$before" ]
        [ "$(varve run --rm changed cat /after)" != "$after" ]
        [ "$(varve run --rm changed head -n 1 /after)" = two ]
}

@test "a build that failed at its last step goes on there once it is mended" {
        context_of mended \
                'FROM busybox:1' \
                'RUN cat /proc/sys/kernel/random/uuid > /random' \
                'RUN cat /random && exit 7'
        run varve build -t mended "$context"
        [ "$status" -ne 0 ]
        random=$(grep -oE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' <<<"$output" | head -n 1)
        as_tester sed -i 's/exit 7/true/' "$context/Dockerfile"
        varve build -t mended "$context"
        [ "$(varve run --rm mended cat /random)" = "$random" ]
}

@test "--root and VARVE_ROOT name the store" {
        as_tester env -u VARVE_ROOT "$stage/bin/varve" images --root "$store" | grep busybox
        as_tester env VARVE_ROOT="$work/other" "$stage/bin/varve" images >/dev/null
        run ! grep busybox < <(as_tester env VARVE_ROOT="$work/other" "$stage/bin/varve" images)
}

@test "a step cannot write to the context or the host" {
        context_of outside \
                'FROM busybox:1' \
                'RUN find / -xdev -name only-in-context | wc -l > /found'
        as_tester touch "$context/only-in-context"
        varve build -t outside "$context"
        [ "$(varve run --rm outside cat /found)" = 0 ]
}

@test "the names, hosts and resolver given to a step never enter a layer" {
        context_of given \
                'FROM busybox:1' \
                'RUN cat /etc/hosts /etc/hostname /etc/resolv.conf > /seen && touch /etc/new'
        varve build -t given "$context"
        unpacked given
        [ -s "$root/seen" ]
        [ ! -s "$root/etc/hosts" ] && [ ! -s "$root/etc/hostname" ] && [ ! -s "$root/etc/resolv.conf" ]
}

@test "a step in an empty image leaves no mount points behind" {
        context_of bare \
                'FROM scratch' \
                'COPY --from=busybox:1 /bin/busybox /bin/sh' \
                'RUN echo x > /x'
        varve build -t bare "$context"
        unpacked bare
        run find "$root" -mindepth 1 -printf '%P '
        [ "$(tr ' ' '\n' <<<"$output" | sort | xargs)" = 'bin bin/sh x' ] || fail 'other files'
}

@test "a layer holds only what its step changed" {
        context_of minimal \
                'FROM busybox:1' \
                'RUN echo x > /etc/new && touch /etc/issue && cat /etc/passwd > /dev/null'
        varve build -t minimal "$context"
        saved minimal
        layer=$(python3 -c 'import json, sys
layout = sys.argv[1]
def blob(d): return layout + "/blobs/" + d["digest"].replace(":", "/")
m = json.load(open(blob(json.load(open(layout + "/index.json"))["manifests"][0])))
print(blob(m["layers"][-1]))' "$work/saved")
        run tar -tf "$layer"
        [ "$(tr '\n' ' ' <<<"$output")" = 'etc/ etc/issue etc/new ' ] || fail 'other entries'
}

@test "the history names every instruction, and which of them have a layer" {
        context_of history \
                'FROM busybox:1' \
                'ENV a=b' \
                'RUN echo x > /x' \
                'COPY Dockerfile /' \
                'CMD ["true"]'
        varve build -t history "$context"
        saved history
        run "$here/tools/image-config" --history "$work/saved:image"
        [ "$(cut -d ' ' -f 1 <<<"$output" | tail -n 4 | tr '\n' ' ')" = 'empty layer layer empty ' ] ||
                fail 'other layers'
        says '^empty ENV a=b' '^layer RUN .*echo x > /x' '^layer COPY .*Dockerfile' '^empty CMD'
        run varve history history
        says 'ENV a=b' 'echo x > /x' 'CMD'
}

@test "stages that nothing needs are not built" {
        context_of unneeded \
                'FROM busybox:1 AS broken' \
                'RUN false' \
                'FROM busybox:1' \
                'RUN true'
        varve build -t unneeded "$context"
}

# interrupts SIGNAL: sends it to varve, which runs as the last job; sets `status` to what it exits
# with, and `output` to what it has printed to the file "log".
interrupts() {
        local pid=$!
        pkill "-$1" -u "$user" -x -o varve
        ends "$pid"
        output=$(cat "$work/log")
}

# begins: waits until the step of a build has printed "begun".
begins() {
        for _ in $(seq 100); do
                ! grep -qs ' begun$' "$work/log" || break
                sleep 0.1
        done
}

@test "an interrupted build ends its step, unmounts and leaves nothing behind" {
        context_of interrupted \
                'FROM busybox:1' \
                'RUN head -c 70000000 /dev/zero > /big; echo begun; sleep 1000'
        for signal in INT TERM HUP; do
                rm -f "$work/log"
                varve build -t interrupted "$context" >"$work/log" 2>&1 &
                begins
                interrupts "$signal"
                [ "$status" -eq $((128 + $(kill -l "$signal"))) ] || fail 'another status'
                [ "$(grep -A 9 '^varve: ' <<<"$output" | wc -l)" -eq 1 ] || fail 'not one line'
                says 'interrupted'
                nothing_runs
                store_is_sound
                run ! grep interrupted < <(varve images)
        done
}

@test "a build whose worker is killed tells it, and leaves nothing behind" {
        context_of killed-worker 'FROM busybox:1' 'RUN echo begun; sleep 1000'
        rm -f "$work/log"
        varve build -t killed-worker "$context" >"$work/log" 2>&1 &
        builder=$!
        begins
        # The youngest of the three is the one that has the stage.
        pkill -KILL -u "$user" -x -n varve
        ends "$builder"
        output=$(cat "$work/log")
        [ "$status" -eq 1 ] || fail 'another status'
        says 'killed by signal 9'
        nothing_runs
        store_is_sound
}

@test "an interrupted import, load and save leave nothing behind" {
        for command in 'import - x:1' load; do
                mkfifo "$work/fifo"
                # shellcheck disable=SC2086 # words
                varve $command <"$work/fifo" >"$work/log" 2>&1 &
                exec 7>"$work/fifo"
                head -c 3000000 "$stage/busybox.tar" >&7
                sleep 0.2
                interrupts INT
                exec 7>&-
                rm "$work/fifo"
                [ "$status" -eq 130 ] || fail "another status of $command"
                says '^varve: interrupted'
                nothing_runs
                store_is_sound
        done
        # An archive is renamed once it is whole.
        varve import "$stage/debian.tar" large:1
        varve save -o "$work/half.tar" large:1 >"$work/log" 2>&1 &
        until compgen -G "$work/.varve-*"; do :; done
        interrupts TERM
        [ "$status" -eq 143 ] || fail 'another status of save'
        ! compgen -G "$work/.varve-*" || fail 'a half archive'
        [ ! -e "$work/half.tar" ]
        nothing_runs
}

@test "two builds at once in one store both succeed" {
        builders=()
        for n in 1 2; do
                context_of "parallel$n" \
                        "FROM busybox:1" \
                        "RUN echo $n > /n && sleep 1" \
                        "COPY Dockerfile /"
                varve build -t "parallel$n" "$context" >"$work/log$n" 2>&1 &
                builders+=($!)
        done
        for builder in "${builders[@]}"; do
                wait "$builder"
        done
        [ "$(varve run --rm parallel1 cat /n)" = 1 ] && [ "$(varve run --rm parallel2 cat /n)" = 2 ]
        store_is_sound
}

@test "six builds of one Dockerfile at once, and their removal at once" {
        context_of many 'FROM busybox:1' 'RUN sleep 0.5; seq 9999 > /seq' 'COPY Dockerfile /'
        pids=()
        for n in 1 2 3 4 5 6; do
                varve build -t "many$n" "$context" >"$work/log$n" 2>&1 &
                pids+=($!)
        done
        for pid in "${pids[@]}"; do wait "$pid"; done
        [ "$(varve images | grep -c '^many')" -eq 6 ]
        pids=()
        for n in 1 2 3 4 5 6; do
                varve rmi "many$n" &
                pids+=($!)
        done
        for pid in "${pids[@]}"; do wait "$pid"; done
        [ "$(varve images | grep -c '^many')" -eq 0 ]
        store_is_sound
}

@test "a user of the image can open /dev/stdout and /dev/stderr" {
        context_of streams 'FROM busybox:1' 'USER 7' 'RUN echo out >/dev/stdout; echo err >/dev/stderr'
        varve build -t streams "$context"
}

@test "what a running build has made is kept while other images are removed" {
        context_of other 'FROM scratch' 'COPY Dockerfile /'
        varve build -t other "$context"
        context_of stages 'FROM busybox:1 AS a' 'RUN echo hi > /x' 'FROM a' 'RUN sleep 3; echo ho > /y'
        varve build -t stages "$context" >"$work/log" 2>&1 &
        until grep -q '#4 .*sleep' "$work/log"; do sleep 0.05; done
        varve rmi other
        wait "$!"
        store_is_sound
        varve save -o "$work/stages.tar" stages
        [ "$(varve run --rm stages cat /x /y)" = $'hi\nho' ]
}

@test "a base that is removed while a build and a container use it" {
        varve import "$stage/debian.tar" base:1
        context_of using 'FROM base:1' 'RUN echo begun; sleep 1' 'RUN cat /etc/os-release > /copy'
        rm -f "$work/log"
        varve build --no-cache -t using "$context" >"$work/log" 2>&1 &
        begins
        varve rmi base:1
        wait "$!"
        varve run --rm using sh -c 'sleep 1; cat /copy' >"$work/log" &
        sleep 0.5
        run ! varve rmi using
        varve rmi -f using
        wait "$!"
        grep -q bookworm "$work/log"
        store_is_sound
}

@test "the store belongs to its user alone, who removes it with rm" {
        [ "$(stat -c %a "$store")" = 700 ]
        [ -z "$(find "$store" ! -user "$user")" ]
        as_tester cp -a "$store" "$work/doomed"
        as_tester rm -rf "$work/doomed"
        [ ! -e "$work/doomed" ]
}
