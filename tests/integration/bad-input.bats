#!/usr/bin/env bats
# What cannot work: every error names what is wrong and where and what to do, in one paragraph; no
# tag moves and nothing half-written is left in the store (`refused` sees to the latter two).
# shellcheck disable=SC2016,SC2030,SC2031 # a Dockerfile expands these; each test is a shell

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

setup_file() {
        fresh_work busybox
}

teardown() {
        pkill -KILL -u "$user" || :
        umount "$work/small" 2>/dev/null || :
}

# One paragraph that begins with the program's name; not a trace.
one_paragraph() {
        [ "$(grep -c '^varve: ' <<<"$output")" -eq 1 ] || fail 'not one paragraph of error'
        [ "$(sed -n '/^varve: /,$p' <<<"$output" | wc -l)" -le 8 ] || fail 'a long-winded error'
}

@test "a missing Dockerfile" {
        as_tester mkdir -p "$work/empty"
        refused build -t bad "$work/empty"
        says Dockerfile "$work/empty" '-f'
        one_paragraph
        refused build -t bad -f "$work/nowhere/File" "$work/empty"
        says "$work/nowhere/File"
}

@test "a missing context" {
        refused build -t bad "$work/no-such-context"
        says "$work/no-such-context"
        one_paragraph
}

@test "an empty Dockerfile, and one of comments alone" {
        context_of void '# nothing'
        refused build -t bad "$context"
        says Dockerfile 'FROM'
        one_paragraph
}

@test "a Dockerfile that is a directory, a FIFO, too large, closed, or none" {
        as_tester mkdir -p "$work/odd/directory/Dockerfile" "$work/odd/fifo" "$work/odd/plain"
        as_tester mkfifo "$work/odd/fifo/Dockerfile"
        refused build -t bad "$work/odd/directory"
        says "$work/odd/directory/Dockerfile" 'directory'
        refused build -t bad "$work/odd/fifo"
        says "$work/odd/fifo/Dockerfile" 'no instructions'
        refused build -t bad -f /dev/zero "$work/odd/plain"
        says '/dev/zero is larger'
        one_paragraph
        head -c 100000 /dev/urandom | as_tester tee "$work/odd/plain/Dockerfile" >/dev/null
        refused build -t bad "$work/odd/plain"
        says 'Dockerfile:[0-9]'
        as_tester chmod 000 "$work/odd/plain/Dockerfile"
        refused build -t bad "$work/odd/plain"
        says "$work/odd/plain/Dockerfile" 'permission'
        one_paragraph
}

@test "what a Dockerfile calls things plays no tricks on a terminal" {
        context_of tricks 'FROM busybox:1' $'COPY a\e]0;b /'
        refused build -t bad "$context"
        says 'Dockerfile:2' 'a\?\]0;b is not there'
        ! grep -q $'\e' <<<"$output" || fail 'an escape'
}

@test "an unknown instruction" {
        context_of unknown 'FROM busybox:1' '' 'RUNN echo x'
        refused build -t bad "$context"
        says 'Dockerfile:3' RUNN 'RUN\b'
        one_paragraph
}

@test "another platform than this machine's" {
        context_of foreign 'FROM --platform=linux/s390x busybox:1' 'RUN true'
        refused build -t bad "$context"
        says 'Dockerfile:1' 'linux/s390x' 'linux/'
        one_paragraph
        context_of own 'FROM --platform=$BUILDPLATFORM busybox:1' 'RUN true'
        varve build -t good "$context"
}

@test "an instruction before FROM" {
        context_of early 'RUN echo x' 'FROM busybox:1'
        refused build -t bad "$context"
        says 'Dockerfile:1' FROM
        one_paragraph
}

@test "an unknown flag of an instruction" {
        context_of flag 'FROM busybox:1' 'COPY --chwon=1:1 Dockerfile /'
        refused build -t bad "$context"
        says 'Dockerfile:2' chwon chown
        one_paragraph
}

@test "an unknown option of the command line" {
        context_of option 'FROM busybox:1'
        refused build --no-cahce "$context"
        says no-cahce
        one_paragraph
}

@test "standard output that is full" {
        full() {
                { varve "$@" >/dev/full; } 2>&1
        }
        local command
        for command in images 'inspect busybox:1' 'history busybox:1' doctor --help --version; do
                # shellcheck disable=SC2086 # a command and its argument
                run -1 full $command
                says 'cannot write to standard output: no space left'
        done
}

@test "a COPY of what is not there" {
        context_of missing 'FROM busybox:1' 'RUN true' 'COPY here nowhere /to/'
        as_tester touch "$context/here"
        refused build -t bad "$context"
        says 'Dockerfile:3' '\bnowhere\b'
        one_paragraph
}

@test "a COPY of links that lead out of the context, or nowhere" {
        context_of links 'FROM busybox:1' 'COPY link /'
        as_tester ln -s "$work/outside" "$context/link"
        as_tester touch "$work/outside"
        refused build -t bad "$context"
        says 'Dockerfile:2' "link to $work/outside" 'inside the build'
        one_paragraph
        as_tester ln -sf link "$context/link"
        refused build -t bad "$context"
        says 'Dockerfile:2' 'symbolic links'
}

@test "a socket in the context is passed over, and refused where it is named" {
        context_of socket 'FROM busybox:1' 'COPY . /all/' 'RUN ls -A /all | wc -l > /count'
        as_tester python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$context/socket"
        varve build -t socket "$context"
        [ "$(varve run --rm socket cat /count)" = 1 ]
        context_of named 'FROM busybox:1' 'COPY socket /'
        as_tester mv "$work/socket/socket" "$context/"
        refused build -t bad "$context"
        says 'Dockerfile:2' 'socket is a socket'
}

@test "a COPY of what .dockerignore leaves out says so" {
        context_of ignored 'FROM busybox:1' 'COPY file /'
        as_tester touch "$context/file"
        echo file | as_tester tee "$context/.dockerignore" >/dev/null
        refused build -t bad "$context"
        says 'CopyIgnoredFile' 'varve: Dockerfile:2: file is left out by .dockerignore'
}

@test "a COPY from a stage that is not there" {
        context_of no-stage 'FROM busybox:1' 'COPY --from=nowhere:1 /x /'
        refused build -t bad "$context"
        says 'Dockerfile:2' 'nowhere'
        one_paragraph
}

@test "a COPY of a directory over a file, and of several files to one name" {
        context_of over 'FROM busybox:1' 'COPY dir /etc/passwd'
        as_tester mkdir "$context/dir"
        as_tester touch "$context/dir/x" "$context/y"
        refused build -t bad "$context"
        says 'Dockerfile:2' /etc/passwd
        context_of several 'FROM busybox:1' 'COPY x y /name'
        as_tester touch "$context/x" "$context/y"
        refused build -t bad "$context"
        says 'Dockerfile:2' '/name' directory
        sed -i 's/x y/[xy]/' "$context/Dockerfile"
        refused build -t bad "$context"
        says 'Dockerfile:2' '/name' directory
        sed -i 's/name/bin/' "$context/Dockerfile"
        varve build -t several "$context"
        varve run --rm several ls /bin/x /bin/y
        context_of directory 'FROM busybox:1' 'COPY x y /bin' 'COPY none* x /one'
        as_tester touch "$context/x" "$context/y"
        varve build -t several "$context"
        varve run --rm several ls /bin/x /bin/y /one
}

@test "names and values that no config can hold" {
        context_of no-name 'FROM busybox:1' 'LABEL ""=x'
        refused build -t bad "$context"
        says 'Dockerfile:2' 'empty'
        one_paragraph
        context_of no-utf8 'FROM busybox:1' 'ARG bytes' 'ENV fine=é' 'ENV latin=$bytes'
        refused build --build-arg bytes=$'\xe9t\xe9' -t bad "$context"
        says 'Dockerfile:4' 'latin is not UTF-8'
        one_paragraph
}

@test "a .dockerignore that is a FIFO or a device" {
        context_of odd-ignore 'FROM busybox:1' 'COPY . /'
        as_tester mkfifo "$context/.dockerignore"
        refused build -t bad "$context"
        says '\.dockerignore is not a regular file'
        one_paragraph
        as_tester ln -sf /dev/zero "$context/.dockerignore"
        refused build -t bad "$context"
        says '\.dockerignore is not a regular file'
}

@test "names that would be deletions in a layer, by COPY, ADD and RUN" {
        context_of deletions 'FROM busybox:1' 'COPY . /etc/'
        as_tester touch "$context/.wh.passwd"
        refused build -t bad "$context"
        says 'Dockerfile:2' '/etc/\.wh\.passwd' deletion
        one_paragraph
        as_tester tar -C "$context" -cf "$context/a.tar" .wh.passwd
        as_tester sed -i 's/COPY \./ADD a.tar/' "$context/Dockerfile"
        refused build -t bad "$context"
        says 'Dockerfile:2' '/etc/\.wh\.passwd' a.tar
        context_of deletion-made 'FROM busybox:1' \
                'RUN mkdir /w && touch /w/.wh.x && rm /w/.wh.x' \
                'RUN touch /w/.wh..wh..opq' \
                'RUN ls /w'
        refused build -t bad "$context"
        says 'Dockerfile:3' '/w/\.wh\.\.wh\.\.opq' 'Remove it'
        one_paragraph
}

@test "a COPY --chown to a user that the image does not have" {
        context_of chown 'FROM busybox:1' 'COPY --chown=nosuchuser Dockerfile /'
        refused build -t bad "$context"
        says 'Dockerfile:2' nosuchuser
        one_paragraph
}

@test "a RUN that fails, with its exit status and the last lines that it printed" {
        context_of failing 'FROM busybox:1' 'RUN echo first' \
                'RUN for i in $(seq 100); do echo line $i; done; echo last words >&2; exit 42'
        refused build -t bad "$context"
        says 'Dockerfile:3' '\b42\b' 'last words' 'line 100'
        one_paragraph
}

@test "a RUN that a signal ends" {
        context_of signalled 'FROM busybox:1' 'RUN kill -SEGV $$'
        refused build -t bad "$context"
        says 'Dockerfile:2' 'SEGV|signal 11|\b139\b'
        one_paragraph
}

@test "a RUN of a program that is not there, and a shell that is not there" {
        context_of program 'FROM busybox:1' 'RUN ["/no/such/program"]'
        refused build -t bad "$context"
        says 'Dockerfile:2' /no/such/program
        context_of shell 'FROM scratch' 'COPY Dockerfile /' 'RUN echo x'
        refused build -t bad "$context"
        says 'Dockerfile:3' /bin/sh
        one_paragraph
}

@test "a USER that the image does not have" {
        context_of user 'FROM busybox:1' 'USER nosuchuser' 'RUN true'
        refused build -t bad "$context"
        says 'Dockerfile:[23]' nosuchuser
        one_paragraph
}

@test "an unreadable file in the context" {
        context_of unreadable 'FROM busybox:1' 'COPY . /'
        as_tester touch "$context/secret"
        as_tester chmod 000 "$context/secret"
        refused build -t bad "$context"
        says 'Dockerfile:2' secret 'permission'
        one_paragraph
}

@test "an unreadable directory in the context that .dockerignore leaves out does no harm" {
        context_of unread 'FROM busybox:1' 'COPY . /'
        as_tester mkdir -m 000 "$context/private"
        echo private | as_tester tee "$context/.dockerignore" >/dev/null
        varve build "$context"
}

@test "a base that does not exist" {
        context_of base 'FROM nosuchbase:7' 'RUN true'
        refused build -t bad "$context"
        says 'Dockerfile:1' nosuchbase:7 'import|load|pull'
        one_paragraph
}

@test "a name for the image that is none" {
        context_of name 'FROM busybox:1'
        refused build -t 'Upper/Case' "$context"
        says Upper/Case 'lower'
        refused build -t 'a:b:c' "$context"
        refused tag busybox:1 ../../x
        refused tag busybox:1 "sha256:$(printf '%064d' 1)"
        says 'digest'
        refused build -t '' "$context"
        refused build --iidfile /nowhere/id -t bad "$context"
        says '/nowhere/id'
        one_paragraph
}

@test "a target that is no stage" {
        context_of target 'FROM busybox:1 AS one'
        refused build --target two "$context"
        says '\btwo\b' '\bone\b'
        one_paragraph
}

@test "an image that is not there" {
        for command in inspect history rmi 'run --rm' 'save -o /dev/null'; do
                # shellcheck disable=SC2086 # words
                refused $command nosuchimage:9
                says nosuchimage:9
        done
        refused tag nosuchimage:9 new
        says nosuchimage:9
}

@test "archives that are cut short, corrupted, or none" {
        varve save --format oci-archive -o "$work/good.tar" busybox:1
        size=$(stat -c %s "$work/good.tar")
        for cut in 0 100 512 $((size / 2)) $((size - 20000)); do
                head -c "$cut" "$work/good.tar" >"$work/cut.tar"
                chown "$user" "$work/cut.tar"
                refused load -i "$work/cut.tar"
                says cut.tar
                one_paragraph
        done
        # In a layer; into a store that has not got it already.
        store=$work/second
        for position in $((size / 2)) $((size / 3)); do
                cp "$work/good.tar" "$work/bent.tar"
                printf '\377\001\376\002' |
                        dd of="$work/bent.tar" bs=1 seek="$position" conv=notrunc status=none
                chown "$user" "$work/bent.tar"
                refused load -i "$work/bent.tar"
                says bent.tar
        done
        store=$work/store
        gzip -c "$stage/busybox.tar" | head -c 500000 >"$work/cut.tar.gz"
        head -c 100000 /dev/urandom >"$work/noise"
        echo 'no archive' >"$work/text"
        chown "$user" "$work/cut.tar.gz" "$work/noise" "$work/text"
        for file in cut.tar.gz noise text; do
                refused import "$work/$file" bad:import
                says "$file"
                one_paragraph
        done
        refused import "$work/does-not-exist.tar" bad:import
        says does-not-exist.tar
}

@test "a root filesystem that is cut short in a file's data, at an entry, and before its end" {
        size=$(stat -c %s "$stage/busybox.tar")
        for cut in 1000000 $((size / 2)) 700; do
                head -c "$cut" "$stage/busybox.tar" >"$work/cut.tar"
                chown "$user" "$work/cut.tar"
                refused import "$work/cut.tar" bad:import
                says cut.tar
                one_paragraph
        done
}

@test "a layer that is not what its digest says" {
        varve save --format oci-archive -o "$work/good.tar" busybox:1
        mkdir -p "$work/layout"
        tar -xf "$work/good.tar" -C "$work/layout"
        blob=$(find "$work/layout/blobs" -type f -size +100k)
        printf x | dd of="$blob" bs=1 seek=5000 conv=notrunc status=none
        chown -R "$user" "$work/layout"
        # A store that has the layer already has no need of this one.
        store=$work/second
        refused load -i "$work/layout"
        says digest "$(basename "$blob" | cut -c 1-12)"
        one_paragraph
}

# A store of its own on a filesystem of SIZE.
small_store() {
        mkdir -p "$work/small"
        mount -t tmpfs -o "size=$1,mode=700,uid=$(id -u "$user"),gid=$(id -g "$user")" \
                tmpfs "$work/small"
        store=$work/small/store
}

@test "a full disk while an image is imported" {
        small_store 1M
        varve images
        refused import "$stage/busybox.tar" busybox:1
        says 'no space' "$store" '--root'
        one_paragraph
}

# The spool keeps 64 MB in memory; what goes beyond, and the layer, need room. Random bytes are as
# many compressed.
@test "a full disk while a step writes, and while its layer is sealed" {
        small_store 30M
        varve import "$stage/busybox.tar" busybox:1
        context_of full 'FROM busybox:1' 'RUN dd if=/dev/urandom of=/big bs=1M count=105'
        refused build -t bad "$context"
        says 'Dockerfile:2' 'no space'
        context_of seal 'FROM busybox:1' 'RUN head -c 40000000 /dev/urandom > /big' 'RUN sleep 3' \
                'LABEL a=b' 'RUN echo must not run'
        refused build -t bad "$context"
        says 'Dockerfile:2' 'no space' "$store" '--root' '>>> RUN head'
        [[ $output != *'#4'* ]] || fail 'steps are carried out in vain'
        one_paragraph
        context_of fits 'FROM busybox:1' 'RUN echo x > /x'
        varve build -t fits "$context"
        [ "$(varve run --rm fits cat /x)" = x ]
}

@test "a full disk while a COPY is made" {
        small_store 30M
        varve import "$stage/busybox.tar" busybox:1
        context_of copy 'FROM busybox:1' 'COPY big /'
        as_tester sh -c 'head -c 40000000 /dev/urandom > "$1"' sh "$context/big"
        refused build -t bad "$context"
        says 'Dockerfile:2' 'no space'
        one_paragraph
}

# Runs `varve ARGS` where the shell command $1, run as root in mount and user namespaces of its
# own, has taken something away.
varve_without() {
        local take=$1
        shift
        unshare --mount sh -c "$take"'
                . "$0/scripts/people.sh"
                as_user "$@"' "$stage" "$user" env VARVE_ROOT="$store" "$stage/bin/varve" "$@"
}

refused_without() {
        local before
        before=$(tags)
        run varve_without "$@"
        [ "$status" -ne 0 ] || fail 'varve was to fail'
        [ "$(tags)" = "$before" ] || fail 'a tag has moved'
        store_is_sound
        nothing_runs
}

@test "/dev/fuse closed to the user" {
        context_of closed 'FROM busybox:1' 'RUN echo x > /x'
        refused_without 'mount -t tmpfs -o mode=755,dev tmpfs /mnt && mknod /mnt/fuse c 10 229 &&
                chmod 600 /mnt/fuse && mount --bind /mnt/fuse /dev/fuse;' build --fs=fuse -t bad "$context"
        says 'Dockerfile:2' /dev/fuse 'permission' 'chmod'
        one_paragraph
}

@test "/dev/fuse missing" {
        context_of nofuse 'FROM busybox:1' 'RUN echo x > /x'
        refused_without 'mkdir /tmp/dev.$$ && mount -t tmpfs -o mode=755,dev tmpfs /tmp/dev.$$ &&
                cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /tmp/dev.$$/ &&
                mount --move /tmp/dev.$$ /dev && rmdir /tmp/dev.$$;' build --fs=fuse -t bad "$context"
        says 'Dockerfile:2' /dev/fuse 'modprobe fuse'
        one_paragraph
}

@test "COPY alone needs neither /dev/fuse nor user namespaces" {
        context_of bare 'FROM busybox:1' 'COPY Dockerfile /copied' 'WORKDIR /w'
        varve_without 'mount --bind /dev/null /dev/fuse;' build -t bare "$context"
        varve run --rm bare cat /copied
}

@test "user namespaces off" {
        context_of nouserns 'FROM busybox:1' 'RUN echo x > /x'
        before=$(tags)
        # The limit is each user namespace's own: one is made, given every id, and closed.
        unshare --user sleep 1000 &
        holder=$!
        for _ in $(seq 50); do
                [ "$(readlink "/proc/$holder/ns/user")" = "$(readlink /proc/self/ns/user)" ] || break
                sleep 0.1
        done
        echo '0 0 4294967295' >"/proc/$holder/uid_map"
        echo '0 0 4294967295' >"/proc/$holder/gid_map"
        run nsenter --user --target "$holder" sh -c '
                echo 0 >/proc/sys/user/max_user_namespaces
                . "$0/scripts/people.sh"
                as_user "$@"' "$stage" "$user" env VARVE_ROOT="$store" "$stage/bin/varve" \
                build -t bad "$context"
        kill "$holder"
        [ "$status" -ne 0 ] || fail 'varve was to fail'
        says 'Dockerfile:2' 'user namespaces' 'max_user_namespaces'
        one_paragraph
        [ "$(tags)" = "$before" ]
        store_is_sound
}

@test "a store that cannot be written, and one that is a file" {
        as_tester touch "$work/file"
        run as_tester env VARVE_ROOT="$work/file" "$stage/bin/varve" images
        [ "$status" -ne 0 ] && says "$work/file"
        run as_tester env VARVE_ROOT=/proc/varve "$stage/bin/varve" import "$stage/busybox.tar"
        [ "$status" -ne 0 ] && says /proc/varve
        one_paragraph
}

@test "a store whose list of images is damaged says how to begin anew" {
        store=$work/damaged
        varve import "$stage/busybox.tar" busybox:1
        for text in '' '{' '[]'; do
                printf %s "$text" >"$store/oci/index.json"
                run varve images
                [ "$status" -eq 1 ] || fail 'it was to fail'
                says "$store/oci/index.json away"
                one_paragraph
        done
        rm "$store/oci/index.json"
        varve images
}

@test "a store that others can write to, or that belongs to somebody else" {
        install -d -m 777 -o "$user" "$work/open"
        ln -s / "$work/link"
        ln -s "$work/open" "$work/link-to-open"
        for directory in "$work/open" / /tmp "$work/link" "$work/link-to-open"; do
                run as_tester env VARVE_ROOT="$directory" "$stage/bin/varve" images
                [ "$status" -eq 1 ] || fail 'it was to fail'
                says "the store $directory " 'chmod|--root'
                one_paragraph
        done
}
