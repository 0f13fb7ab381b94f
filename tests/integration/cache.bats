#!/usr/bin/env bats
# The build cache: what makes a step run again, and what does not.
# shellcheck disable=SC2016,SC2030,SC2031 # a Dockerfile expands these; each test is a shell

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

count=0

setup_file() {
        fresh_work busybox debian
}

# context_with COMMAND: a context of a few files, and a RUN of this command on them.
context_with() {
        context_of observed \
                'FROM busybox:1' \
                'COPY . /app' \
                "RUN : $BATS_TEST_NUMBER.$((++count)); $1"
        printf 'Dockerfile\n' >"$context/.dockerignore"
        mkdir "$context/dir"
        printf 'one\n' >"$context/read"
        printf 'one\n' >"$context/other"
        printf 'one\n' >"$context/dir/below"
        ln -s read "$context/link"
        chown -Rh "$user:$user" "$context"
}

# rebuild COMMAND CHANGE: builds, changes the context, builds again; `outcome` is the RUN's.
rebuild() {
        context_with "$1"
        varve build -t observed "$context" >"$work/first" 2>&1
        (cd "$context" && eval "$2")
        chown -Rh "$user:$user" "$context"
        varve build -t observed "$context" >"$work/second" 2>&1
        outcome=$(sed -n 's/^#3 \(not cached\|CACHED (same inputs)\).*/\1/p' "$work/second")
}

# expect OUTCOME COMMAND CHANGE
expect() {
        rebuild "$2" "$3"
        [ "${outcome% (*}" = "$1" ] || fail "RUN $2, then $3: not $1; $(cat "$work/second")"
}

@test "a RUN is cached by what it has read, whatever else changes" {
        local touched='cat /app/read >/out || :'
        expect CACHED "$touched" 'echo two >other'
        expect CACHED "$touched" 'echo longer >other'
        expect CACHED "$touched" 'rm other'
        expect CACHED "$touched" 'echo new >new'
        expect CACHED "$touched" 'mkdir sub'
        expect CACHED "$touched" 'chmod 600 other'
        expect CACHED "$touched" 'ln -sfn other link'
        expect 'not cached' "$touched" 'echo two >read'
        expect 'not cached' "$touched" 'chmod 600 read'
        expect 'not cached' "$touched" 'rm read'
        expect 'not cached' "$touched" 'ln -sf other read'
}

@test "a listing counts by its names and types" {
        local listed='echo /app/* >/out'
        expect CACHED "$listed" 'echo two >read'
        expect CACHED "$listed" 'echo longer >read'
        expect CACHED "$listed" 'chmod 600 read'
        expect CACHED "$listed" 'echo new >dir/new'
        expect 'not cached' "$listed" 'echo new >new'
        expect 'not cached' "$listed" 'rm other'
        expect 'not cached' "$listed" 'rm other; mkdir other'
}

@test "what was looked for and not found counts" {
        local sought='test -e /app/new || echo none >/out'
        expect CACHED "$sought" 'echo longer >read'
        expect 'not cached' "$sought" 'echo new >new'
        expect 'not cached' 'test -e /app/dir/new || :' 'mkdir dir/new'
        expect 'not cached' 'test -e /app/sub/new || :' 'mkdir sub'
}

@test "what was looked at and not read counts by its attributes" {
        local looked='test -s /app/read && echo yes >/out'
        expect CACHED "$looked" 'echo two >read'
        expect CACHED "$looked" 'touch -d @5 read; echo new >new'
        expect 'not cached' "$looked" 'echo longer >read'
        expect 'not cached' "$looked" 'chmod 600 read'
}

@test "a directory tells by its number of links what is in it no more than btrfs does" {
        expect CACHED 'stat -c %h /app >/links' 'mkdir sub'
        [ "$(varve run --rm observed sh -c 'cat /links; stat -c %h /app')" = $'1\n1' ]
        expect 'not cached' 'find /app -type d >/found' 'mkdir dir/sub'
        [ "$(varve run --rm observed sort /found | tr '\n' ' ')" = '/app /app/dir /app/dir/sub ' ]
}

@test "a file's time counts where a step has set it to what it was" {
        context_with 'touch -d @5 /app/read'
        # A COPY of no other test: of equal files the first is taken, whatever their times.
        echo timed >"$context/other"
        touch -d @5 "$context/read"
        varve build "$context" 2>/dev/null
        touch -d @6 "$context/read"
        echo two >"$context/other"
        run -0 varve build -t timed "$context"
        says '^#3 not cached: /app/read has another time$'
        [ "$(varve run --rm timed stat -c %Y /app/read)" -eq 5 ]
}

@test "what is covered by what every step has does not count" {
        context_of covered \
                'FROM busybox:1' \
                'COPY hostname hosts /etc/' \
                'RUN cat /etc/hostname /etc/hosts >/out'
        echo 1 >"$context/hostname"
        echo 1 >"$context/hosts"
        varve build "$context" 2>/dev/null
        echo longer >"$context/hostname"
        chmod 600 "$context/hosts"
        chown -R "$user:$user" "$context"
        run -0 varve build "$context"
        says '^#3 CACHED \(same inputs\)'
}

@test "what is read through a mount is not taken for what is read of the image" {
        local begin=('FROM busybox:1 AS other' 'RUN mkdir /x && echo 1 >/x/a' 'FROM busybox:1'
                'COPY app /app')
        context_of mixed "${begin[@]}"
        mkdir "$context/app"
        # The RUN works on layers alone, whose inodes have the same numbers in both trees.
        for word in one two; do
                printf '%s\n' "${begin[@]}" >"$context/Dockerfile"
                echo "$word" >"$context/app/read"
                chown -R "$user:$user" "$context"
                varve build "$context" >"$work/log" 2>&1 || fail "$(cat "$work/log")"
                echo 'RUN --mount=from=other,target=/mnt cat /mnt/x/a /app/read >/out' \
                        >>"$context/Dockerfile"
                run -0 varve build -t mixed "$context"
        done
        says '^#5 not cached: /app/read has another content'
        [ "$(varve run --rm mixed cat /out)" = $'1\ntwo' ]
}

@test "of what is mounted counts what is read" {
        context_of mounted \
                'FROM busybox:1 AS other' \
                'COPY . /files' \
                'FROM busybox:1' \
                'RUN --mount=target=/src cat /src/read; test -e /src/new || echo 1 >/out' \
                'RUN --mount=from=other,source=/files,target=/src cat /src/read >/out2' \
                'RUN --mount=target=/src,rw touch /src/made; cat /src/read >/out3'
        printf 'Dockerfile\n' >"$context/.dockerignore"
        echo one >"$context/read"
        echo one >"$context/other"
        chown -R "$user:$user" "$context"
        varve build "$context" 2>/dev/null
        echo longer >"$context/other"
        run -0 varve build -t mounted "$context"
        says '^#4 CACHED \(same inputs' '^#5 CACHED \(same inputs' '^#6 not cached: other files are mounted'
        touch "$context/new"
        run -0 varve build -t mounted "$context"
        says '^#4 not cached: mounted on /src: /new is there now' '^#5 CACHED \(same inputs'
        echo two >"$context/read"
        run -0 varve build -t mounted "$context"
        says '^#4 not cached: mounted on /src: /(new is there now; /)?read has another content' \
                '^#5 not cached: mounted on /src: /files/read has another content'
        [ "$(varve run --rm mounted cat /out2 /out3)" = $'two\ntwo' ]
}

@test "symlinks count by where they lead, and what is read through them" {
        local through='cat /app/link >/out'
        expect CACHED "$through" 'echo two >other'
        expect 'not cached' "$through" 'echo two >read'
        expect 'not cached' "$through" 'ln -sfn other link'
}

@test "what a RUN changes in part counts as a whole" {
        expect 'not cached' 'echo more >>/app/read' 'echo two >read'
        expect 'not cached' 'chmod 600 /app/read' 'echo two >read'
        expect 'not cached' 'mv /app/dir /dir' 'echo two >dir/below'
        expect 'not cached' 'mv /app/dir /dir' 'echo new >dir/new'
        expect 'not cached' 'rm -r /app/dir' 'echo new >dir/new'
        expect CACHED 'echo new >/app/read' 'echo two >read'
        expect CACHED 'rm /app/read' 'echo two >read'
        expect CACHED 'mv /app/dir /dir' 'echo two >read'
}

@test "owners count" {
        context_with 'cat /app/read'
        varve build "$context" 2>/dev/null
        sed -i 's/COPY/COPY --chown=5:5/' "$context/Dockerfile"
        run varve build "$context"
        says '^#3 not cached: /app has another owner'
}

# tagged_tar FILE VALUE: a tar of the file `read` with this extended attribute.
tagged_tar() {
        python3 -c '
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as tar:
    member = tarfile.TarInfo("read")
    member.size, member.pax_headers = 3, {"SCHILY.xattr.user.tag": sys.argv[2]}
    tar.addfile(member, io.BytesIO(b"one"))' "$1" "$2"
        chown "$user:$user" "$1"
}

@test "extended attributes count once they are asked for" {
        context_of tagged \
                'FROM debian:12' \
                'ADD app.tar /app/' \
                'RUN cat /app/read >/out' \
                'RUN cp -a /app/read /copied'
        tagged_tar "$context/app.tar" one
        varve build "$context" 2>/dev/null
        tagged_tar "$context/app.tar" two
        run -0 varve build "$context"
        says '^#2 not cached: /app/read has other extended attributes' '^#3 CACHED \(same inputs' \
                '^#4 not cached: /app/read has other extended attributes'
}

@test "a shared library counts once it is mapped" {
        local library
        library=$(find /usr/lib /lib -name 'libz.so.1' | head -n 1)
        [ -e "$library" ] || skip 'there is no library to take'
        context_of library \
                'FROM debian:12' \
                'COPY lib* /app/' \
                'RUN LD_PRELOAD=/app/lib.so /bin/true; echo >/out'
        cp "$library" "$context/lib.so"
        echo >"$context/lib-other"
        chown -R "$user:$user" "$context"
        varve build "$context" 2>/dev/null
        echo longer >"$context/lib-other"
        run varve build "$context"
        says '^#3 CACHED \(same inputs\)'
        printf x | dd of="$context/lib.so" bs=1 conv=notrunc status=none \
                seek=$(($(stat -c %s "$context/lib.so") - 1))
        run varve build "$context"
        says '^#3 not cached: /app/lib.so has another content'
}

@test "a base image with something unrelated more leaves what follows cached" {
        context_of base 'FROM busybox:1' 'RUN echo 1 >/etc/version'
        varve build -t base "$context" 2>/dev/null
        context_of upon 'FROM base' 'RUN cat /etc/passwd >/out' 'RUN cat /out'
        varve build -t upon "$context" 2>/dev/null
        context_of base 'FROM busybox:1' 'RUN echo 1 >/etc/version' 'RUN echo 1 >/usr/package'
        varve build -t base "$context" 2>/dev/null
        run varve build -t upon "$work/upon"
        says '^#2 CACHED \(same inputs\)' '^#3 CACHED \(same inputs\)'
        varve run --rm upon sh -c 'test -e /usr/package && test -e /out'
        context_of base 'FROM busybox:1' 'RUN echo x:x:7:7::/:/bin/sh >>/etc/passwd'
        varve build -t base "$context" 2>/dev/null
        run varve build -t upon "$work/upon"
        says '^#2 not cached: /etc/passwd has another size' '^#3 not cached: /out has another size'
}

@test "a step that makes the same again leaves what follows cached" {
        context_of early \
                'FROM busybox:1' \
                'RUN cut -c1 </in >/out || echo none >/out' \
                'RUN cat /etc/passwd /out >/end'
        sed -i '1a COPY in /in' "$context/Dockerfile"
        echo 12 >"$context/in"
        varve build "$context" 2>/dev/null
        echo 13 >"$context/in"
        run varve build --cache-precision=chain "$context"
        says '^#3 not cached: what the image holds before it has changed'
        context_of early 'FROM busybox:1' 'RUN echo 1 >/out; echo a' 'RUN echo 2 >/end'
        varve build "$context" 2>/dev/null
        sed -i 's/echo a/echo b/' "$context/Dockerfile"
        sleep 0.01
        run varve build --cache-precision=chain "$context"
        says '^#2 not cached: the instruction has changed: RUN echo 1 >/out; echo a -> RUN .*; echo b' \
                '^#3 CACHED \(same chain\)'
}

@test "--cache-precision=chain takes no step of another chain" {
        context_with 'cat /app/read'
        varve build --cache-precision=chain "$context" 2>/dev/null
        echo two >"$context/other"
        run varve build --cache-precision=chain "$context"
        says '^#3 not cached: what the image holds before it has changed'
        echo three >"$context/other"
        run varve build "$context"
        says '^#3 not cached'
        run varve build --cache-precision=guess "$context"
        [ "$status" -ne 0 ]
        says 'observed or chain'
}

@test "a step that is carried out says what has changed" {
        context_of reasons \
                'FROM busybox:1' \
                'ARG V=1' \
                'COPY a b /app/' \
                'RUN cat /app/a; echo $V' \
                'RUN echo 1 >/out'
        echo 1 >"$context/a"
        echo 1 >"$context/b"
        varve build "$context" 2>/dev/null
        echo 2 >"$context/a"
        echo 2 >"$context/b"
        sed -i 's/echo 1/echo 3/' "$context/Dockerfile"
        run varve build "$context"
        says '^#2 not cached: /app/a has changed \([0-9a-f]{12} -> [0-9a-f]{12}\)$' \
                '^#3 not cached: /app/a has another content$' \
                '^#4 not cached: the instruction has changed: RUN echo 1 >/out -> RUN echo 3 >/out$'
        # An ARG counts for every RUN behind it, used or not, as BuildKit has it; for no COPY.
        run varve build --build-arg V=2 "$context"
        says '^#2 CACHED' '^#3 not cached: ARG V has changed: "1" -> "2"' \
                '^#4 not cached: ARG V has changed'
        sed -i '2d; $a ARG V=1' "$context/Dockerfile"
        run varve build "$context"
        says '^#2 CACHED' '^#3 not cached: ARG V is not set any more'
        run varve build --build-arg V=3 --build-arg http_proxy=http://other "$context"
        says '^#2 CACHED' '^#3 CACHED' '^#4 CACHED'
        sed -i 's/^RUN cat.*/&\nRUN true/' "$context/Dockerfile"
        echo 3 >"$context/a"
        echo 3 >"$context/b"
        run varve build --explain "$context"
        says '^#2 not cached: /app/a has .*[0-9a-f]{64}\); /app/b has changed' \
                '^#4 not cached: the instruction is new' '^#5 CACHED \(same inputs; made .* names'
        rm "$context/b"
        sed -i 's/ b / /' "$context/Dockerfile"
        run varve build "$context"
        says '^#2 not cached: the instruction has changed: COPY a b /app/ -> COPY a /app/'
        printf 'FROM busybox:1\nRUN <<E\necho one\nE\n' >"$context/Dockerfile"
        varve build "$context"
        sed -i s/one/two/ "$context/Dockerfile"
        run varve build "$context"
        says '^#2 not cached: here-document has changed: "[0-9a-f]{12}" -> "[0-9a-f]{12}"$'
}

@test "--no-cache-filter runs the steps of a stage anew, and of no other" {
        context_of filter \
                'FROM busybox:1 AS one' \
                'RUN echo 1 >/one' \
                'FROM busybox:1 AS two' \
                'COPY --from=one /one /' \
                'RUN echo 2 >/two'
        varve build "$context" 2>/dev/null
        run varve build --no-cache-filter=two "$context"
        says '^#2 CACHED' '^#5 not cached: the cache is not to be used'
        run varve build --no-cache-filter=0 --no-cache-filter=oen "$context"
        says '^#2 not cached' '^#5 CACHED' 'warning: --no-cache-filter oen: .* no such stage'
}

@test "a step that has changed a file of several names goes by its chain" {
        context_of several \
                'FROM busybox:1' \
                'RUN echo 1 >/a && ln /a /b' \
                'COPY x /x' \
                'RUN echo 2 >>/a'
        echo 1 >"$context/x"
        varve build "$context" 2>/dev/null
        echo 2 >"$context/x"
        run varve build "$context"
        says '^#4 not cached: the step has changed a file of several names'
}

@test "a record that was altered is found, told, and its step is run" {
        context_with 'cat /app/read'
        varve build "$context" 2>/dev/null
        find "$store/cache" -type f -size +1k -exec sed -i 's/one\|^below/changed/' {} +
        find "$store/cache" -type f -exec sh -c 'printf x >>"$1"' - {} \;
        run varve build "$context"
        [ "$status" -eq 0 ]
        says '^#2 not cached: its record in the cache was damaged, and is dropped' '^#3 not cached'
        run varve build "$context"
        says '^#2 CACHED' '^#3 CACHED'
        touch "$work/second"
        varve build --no-cache "$context"
        # One that would be looked at, as it is of the same command.
        find "$store/cache" -type f -newer "$work/second" -exec sed -i 's/read/raed/' {} +
        echo two >"$context/other"
        run -0 varve build "$context"
        says 'warning: the record of a step in the cache was damaged' \
                '^#3 not cached: its record in the cache was damaged, and is dropped'
}

@test "a record in another's place is not believed" {
        local places others
        context_with 'cat /app/read >/out'
        varve build "$context" 2>/dev/null
        echo two >"$context/read"
        touch "$work/before"
        varve build "$context" 2>/dev/null
        mapfile -t places < <(find "$store/cache" -type f -newer "$work/before" \
                -exec grep -l "^step RUN : $BATS_TEST_NUMBER\.$count;" {} +)
        [ "${#places[@]}" -eq 1 ] || fail "${places[*]}"
        # The other of its group is of the step with the other file.
        mapfile -t others < <(find "${places[0]%/*}" -type f ! -path "${places[0]}")
        [ "${#others[@]}" -eq 1 ] || fail "${others[*]}"
        cp "${others[0]}" "${places[0]}"
        run -0 varve build -t moved "$context"
        says 'warning: the record of a step in the cache was damaged'
        [ "$(varve run --rm moved cat /out)" = two ]
}

# The file of the layer that the last build has made, tar or idx.
newest() {
        find "$store/layers" -name "*.$1" -newer "$context/Dockerfile" | head -n 1
}

# flip FILE: its size and its time of modification stay as they are.
flip() {
        local offset
        offset=$(($(stat -c %s "$1") / 2))
        touch -r "$1" "$work/times"
        printf '\377' | dd of="$1" bs=1 seek="$offset" conv=notrunc status=none
        touch -r "$work/times" "$1"
}

# is_whole FILE: it has the digest that it is called by.
is_whole() {
        local name
        name=$(basename "$1" .tar)
        [ "$(sha256sum <"$1")" = "$name  -" ] || fail "not its digest: $1"
}

@test "a layer that was altered is found before it is handed on, told, and its step is run" {
        local blob
        context_of altered 'FROM busybox:1' 'RUN yes | head -c 100000 >/big' 'RUN wc -c </big'
        sleep 0.01
        varve build -t altered "$context" 2>/dev/null
        flip "$(newest tar)"
        run varve build -t altered "$context"
        [ "$status" -eq 0 ]
        says 'warning: the layer of a step in the cache was damaged, and is dropped' \
                '^#2 not cached: its layer in the cache was damaged, and is dropped$' '^#3 CACHED'
        is_whole "$(newest tar)"
        [ "$(varve run --rm altered md5sum /big)" = "$(yes | head -c 100000 | md5sum | cut -c-32)  /big" ]
        # An index is made anew of the tar.
        flip "$(newest idx)"
        run varve build -t altered "$context"
        says '^#2 CACHED' '^#3 CACHED'
        varve run --rm altered md5sum /big
        # The blob that it travels as, of a file that does not compress.
        context_of altered 'FROM busybox:1' 'COPY big /big'
        head -c 100000 /dev/urandom >"$context/big"
        sleep 0.01
        varve build -t altered "$context" 2>/dev/null
        blob=$(find "$store/oci/blobs" -type f -size +90k -newer "$context/big" | head -n 1)
        flip "$blob"
        run varve build -t altered "$context"
        says '^#2 not cached: its layer in the cache was damaged, and is dropped$'
        [ ! -e "$blob" ] || is_whole "$blob"
}

# The steps that the cache holds.
steps() {
        varve cache ls | tail -n +2 | wc -l
}

@test "cache ls names steps, and rm and prune remove them and what they alone keep" {
        context_of emptied \
                'FROM busybox:1' \
                'RUN head -c 300000 /dev/zero | tr "\\0" a >/big' \
                'RUN echo 2 >/small'
        varve cache prune
        [ "$(steps)" -eq 0 ]
        varve build "$context" 2>/dev/null
        run varve cache ls
        says 'image +RUN head -c 300000' 'image +RUN echo 2'
        # The same before, and another command.
        sed -i 2d "$context/Dockerfile"
        varve build "$context" 2>/dev/null
        [ -z "$(varve cache ls | awk '{ print $1 }' | sort | uniq -d)" ]
        varve cache rm "$(varve cache ls | sed -n '2s/ .*//p')"
        context_of emptied \
                'FROM busybox:1' \
                'RUN head -c 300000 /dev/zero | tr "\\0" a >/big' \
                'RUN echo 2 >/small'
        run varve cache prune --filter unused
        says '^Removed 0 steps'
        run varve cache prune --filter until=1h
        says '^Removed 0 steps'
        varve cache rm "$(varve cache ls | sed -n 's/^\([0-9a-f]*\).*RUN echo 2.*/\1/p')"
        [ "$(steps)" -eq 1 ]
        run varve build "$context"
        says '^#2 CACHED' '^#3 not cached: its record was removed from the cache'
        varve system prune
        [ "$(steps)" -eq 0 ]
        run varve system df
        says '^Build Cache +0 +0 +0B' '^Unused +0 +0 +0B'
        run varve cache prune --filter until=never
        [ "$status" -ne 0 ]
        run varve cache rm 123456789012
        [ "$status" -ne 0 ]
        says 'there is no step'
}

# A step of a megabyte, of which no image is left.
big_step() {
        printf 'FROM busybox:1\nRUN : step %s; head -c 1000000 /dev/urandom >/big\n' "$1" \
                >"$context/Dockerfile"
        varve build "$context" >"$work/log" 2>&1
        varve rmi -f "$(sed -n 's/^image //p' "$work/log")"
}

@test "prune keeps what was used last, as far as the storage goes" {
        context_of kept 'FROM busybox:1'
        varve system prune
        for step in 1 2 3 1; do
                big_step "$step"
        done
        varve cache prune --keep-storage 2500k
        run varve cache ls
        says 'step 1' 'step 3'
        ! grep -q 'step 2' <<<"$output" || fail 'step 2 was used last of all'
}

@test "prune leaves what a running build needs" {
        varve system prune
        context_of busy 'FROM busybox:1' 'RUN echo 1 >/one' 'RUN sleep 4; cat /one >/two'
        varve build "$context" >"$work/log" 2>&1 &
        until grep -q '^#3 \[' "$work/log"; do
                sleep 0.1
        done
        varve cache prune
        wait $!
        varve run --rm "$(sed -n 's/^image //p' "$work/log")" cat /two
}

@test "what was done before a failure, or a kill, is not done again" {
        context_of ends 'FROM busybox:1' 'RUN echo before-failure >/a' 'RUN false'
        run -1 varve build "$context"
        context_of ends 'FROM busybox:1' 'RUN echo before-failure >/a'
        run -0 varve build "$context"
        says '#2 CACHED'

        context_of ends 'FROM busybox:1' 'RUN echo before-kill >/a' 'RUN sleep 1000'
        varve build "$context" >"$work/log" 2>&1 &
        for _ in $(seq 100); do
                [ "$(varve cache ls | grep -c before-kill)" -eq 0 ] || break
                sleep 0.1
        done
        pkill -KILL -u "$user" varve
        wait $! || :
        context_of ends 'FROM busybox:1' 'RUN echo before-kill >/a'
        run -0 varve build "$context"
        says '#2 CACHED'
}

@test "a step that is run in another way is another step" {
        context_of manner 'FROM busybox:1' 'RUN ulimit -n >/limit; ls /sys/class/net >/interfaces; df /dev/shm >/shm'
        varve build --ulimit nofile=100 "$context"
        for how in --ulimit=nofile=200 --shm-size=1m --network=none --add-host=db:10.0.0.1; do
                run -0 varve build "$how" "$context"
                says "^#2 not cached: (${how%%=*}|--network) .*(has changed|was not set before)"
                run -0 varve build "$how" "$context"
                says '#2 CACHED'
        done
}

@test "a build in another PID namespace is left alone" {
        context_of apart 'FROM busybox:1' 'RUN sleep 2; echo 1 >/one'
        unshare --pid --fork --mount-proc setpriv --reuid "$user" --regid "$user" --init-groups \
                --inh-caps=-all env -i HOME=/ PATH="$PATH" VARVE_ROOT="$store" \
                "$stage/bin/varve" build "$context" >"$work/log" 2>&1 &
        until grep -q '^#2 \[' "$work/log"; do
                sleep 0.1
        done
        varve images >/dev/null
        varve cache prune
        wait $! || fail "$(cat "$work/log")"
}
