#!/usr/bin/env bats
# Containers that are kept: made, listed, entered, stopped, committed and removed.
# shellcheck disable=SC2016,SC2030,SC2031 # the container's shell expands these; each test is a shell

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

setup_file() {
        fresh_work busybox
}

# What a test has left is killed with its user's processes: the next begins without it.
setup() {
        local left
        left=$(varve ps -aq)
        # shellcheck disable=SC2086 # words
        [ -z "$left" ] || varve rm -f $left
}

# nothing_is_left: no container, process, mount or file of one.
nothing_is_left() {
        nothing_runs
        [ -z "$(ls -A "$store/containers")" ] || fail 'a container is left'
        store_is_sound
}

# prints_soon TEXT CONTAINER: waits until its log has the text.
prints_soon() {
        for _ in $(seq 100); do
                varve logs "$2" 2>&1 | grep -q -- "$1" && return
                sleep 0.05
        done
        fail "$2 does not print $1"
}

@test "a container is kept with what it has changed, and is started again" {
        local pid pids=()
        run -3 varve run --name kept busybox:1 sh -c 'echo to-out; echo to-err >&2
                [ -e /new ] && exit 4; echo x >/new; chown 5:6 /new; rm /etc/issue; exit 3'
        [ "$output" = $'to-out\nto-err' ] || [ "$output" = $'to-err\nto-out' ]
        [ "$(varve ps -a --format '{{.Names}} {{.Image}} {{.Status}}' | cut -d' ' -f1-4)" = 'kept busybox:1 Exited (3)' ]
        [ -z "$(varve ps -q)" ]
        [ "$(varve logs kept 2>/dev/null)" = to-out ]
        [ "$(varve logs kept 2>&1 >/dev/null)" = to-err ]
        [ "$(varve diff kept | tr '\n' ' ')" = 'C /etc D /etc/issue A /new ' ]
        varve export kept | tar -tv --numeric-owner | grep -q '5/6 .* new$'
        run -4 varve start -a kept
        [ "$(varve inspect -f '{{.State.ExitCode}} {{.Name}}' kept)" = '4 /kept' ]
        [ "$(find "$store/containers" -name keeps | wc -l)" -eq 1 ]
        # Of several that start it at once, one does, and the others have what they want.
        for _ in 1 2 3; do varve start kept & pids+=($!); done
        for pid in "${pids[@]}"; do wait "$pid"; done
        varve wait kept
        varve rm kept
        run ! varve rm kept
        [ "$output" = 'Error: No such container: kept' ]
        nothing_is_left
}

@test "a container runs on without a terminal or a daemon, and is entered, asked and stopped" {
        local id
        id=$(varve run -d --name served -e A=b busybox:1 sh -c 'trap "echo bye; exit 9" TERM
                echo begun; while :; do sleep 0.05; done')
        [ ${#id} -eq 64 ]
        prints_soon begun served
        [ "$(tr -d '\0' <"/proc/$(pgrep -r R,S,D -u "$user" -x varve-keeper)/cmdline")" = 'varve: container served' ]
        run -1 varve rmi -f "$(varve images -q busybox:1)"
        says 'is being used by running container'
        [[ $(varve ps --format '{{.ID}} {{.Status}}') =~ ^${id:0:12}' Up ' ]]
        [ "$(varve ps --filter name=serv --filter status=running -q --no-trunc)" = "$id" ]
        run -1 varve rm served
        says 'container is running'
        run -7 varve exec -e C=d "${id:0:4}" sh -c 'echo $A $C $HOSTNAME; ls /proc/self/fd; exit 7'
        [ "${lines[0]}" = "b d ${id:0:12}" ]
        [ "${#lines[@]}" -eq 5 ] || fail 'more descriptors'
        [ "$(echo typed | varve exec -i served cat)" = typed ]
        [ "$(varve exec -u 7:8 served id -u)" = 7 ]
        [ "$(varve exec -w /etc served pwd)" = /etc ]
        run -127 varve exec served no-such-command
        varve exec -u nobody served sh -c 'echo theirs >/tmp/file'
        [ "$(varve exec served stat -c %U /tmp/file)" = nobody ]
        varve logs -f served >"$work/followed" &
        [ "$(varve stop served)" = served ]
        wait $!
        [ "$(tail -n 1 "$work/followed")" = bye ]
        [ "$(varve wait served)" = 9 ]
        run -1 varve exec served true
        says 'is not running'
        varve restart served
        prints_soon begun served
        varve kill served
        [ "$(varve inspect -f '{{.State.Status}} {{.State.ExitCode}}' served)" = 'exited 137' ]
        varve rm served
        nothing_is_left
}

@test "what a container has changed becomes an image, also while it runs" {
        varve run -d --name live busybox:1 sh -c 'mkdir /d; echo one >/d/f; chown 5:6 /d/f; ln /d/f /d/g
                rm /etc/issue; sleep 1000'
        for _ in $(seq 50); do ! varve exec live test -e /etc/issue || sleep 0.05; done
        varve commit -a someone -m why -c 'ENV E=f' -c 'CMD cat /d/g' live live:1
        varve exec live sh -c 'echo two >/d/f'
        varve diff live | grep -qx 'A /d/f'
        varve commit live live:2
        [ "$(varve run --rm live:1)" = one ]
        [ "$(varve run --rm live:2 sh -c 'cat /d/g; stat -c %u:%g /d/f; ls /etc/issue 2>&1')" = \
                $'two\n5:6\nls: /etc/issue: No such file or directory' ]
        varve history live:1 | grep -q 'why$'
        varve rm -f live
        unpacked live:2
        [ "$(cat "$root/d/f")" = two ]
        [ "$(find "$root/proc" "$root/dev" "$root/etc/resolv.conf" -mindepth 1 | wc -l)" -eq 0 ]
        varve rmi live:1 live:2
        nothing_is_left
}

@test "a port of the host leads to a server in a container" {
        local port
        varve run -d --name web -p 127.0.0.1::80 busybox:1 sh -c 'mkdir /w; echo hello >/w/index.html
                exec httpd -f -p 80 -h /w'
        port=$(varve port web 80/tcp)
        for _ in $(seq 50); do ! curl -fs -m 2 "http://$port/" >"$work/got" || break; sleep 0.1; done
        [ "$(cat "$work/got")" = hello ]
        [ "$(varve ps --format '{{.Ports}}')" = "$port->80/tcp" ]
        run -125 varve run --rm -p "$port:81" busybox:1 true
        says 'port is already allocated'
        varve rm -f web
        run ! curl -fs -m 2 "http://$port/"
        run -125 varve run --rm --network=none -p 80:80 busybox:1 true
        says 'needs the private network'
        nothing_is_left
}

@test "directories of the host, volumes and memory are mounted" {
        as_tester mkdir -p "$work/host/sub"
        echo from-host | as_tester tee "$work/host/file" >/dev/null
        varve run --rm -v "$work/host:/h:ro" -v data:/data --tmpfs /t:size=64k --mount \
                "type=bind,source=$work/host/file,target=/one" busybox:1 sh -c '
                cat /h/file /one; ! touch /h/x 2>/dev/null; echo kept >/data/f; chown 5:5 /data/f
                head -c 99999 /dev/zero >/t/z 2>/dev/null || echo full' >"$work/out"
        [ "$(cat "$work/out")" = $'from-host\nfrom-host\nfull' ]
        [ "$(varve run --rm -v data:/d busybox:1 cat /d/f)" = kept ]
        varve run --name user -v data:/d busybox:1 true
        run -1 varve volume rm data
        says 'volume is in use'
        varve rm user
        [ "$(varve volume ls -q)" = data ]
        [ "$(varve volume inspect -f '{{.Mountpoint}}' data)" = "$store/volumes/data/_data" ]
        varve volume rm data
        # Those without a name go with the container, or with rm -v.
        varve run --rm -v /anon busybox:1 sh -c 'echo x >/anon/f; mkdir /anon/d; chown -R 5:5 /anon'
        varve run --name user -v /anon busybox:1 true
        [ "$(varve volume ls -q | wc -l)" = 1 ]
        varve rm -v user
        [ -z "$(varve volume ls -q)" ]
        run -1 varve run --rm --read-only busybox:1 touch /x
        run -125 varve run --rm --mount type=bind,source=/no/such,target=/x busybox:1 true
        run -125 varve run --rm -v data:/x:shared busybox:1 true
        [ -e /sys/fs/selinux/enforce ] || varve run --rm -v "$work/host:/h:ro,Z" busybox:1 test -e /h/file
        nothing_is_left
}

@test "an empty volume gets what the image has, and a VOLUME of the image is one" {
        local look='stat -c "%n %u:%g %a" /data /data/sub /data/sub/f; readlink /data/l'
        local whole=$'/data 5:6 755\n/data/sub 5:6 2750\n/data/sub/f 5:6 640\nsub' own=1
        context_of volume 'FROM busybox:1' 'RUN mkdir -p /data/sub && echo x >/data/sub/f && ln -s sub /data/l \
                && chmod 640 /data/sub/f && chown -R 5:6 /data && chmod 2750 /data/sub' 'VOLUME /data'
        varve build -q -t volume "$context"
        # With one id such a directory stays the container's, and has its owners.
        [ "$mode" = ranges ] || own=0
        [ "$(varve run --name own volume sh -c "$look; echo y >/data/new")" = "$whole" ]
        [ "$(varve diff own | wc -l)" -eq $((2 - 2 * own)) ]
        [ "$(varve volume ls -q | wc -l)" -eq $own ]
        varve start -a own >/dev/null
        varve rm own
        [ "$(varve volume ls -q | wc -l)" -eq $own ]
        varve volume prune -f
        varve run --rm volume true
        [ -z "$(varve volume ls -q)" ]
        [ "$mode" = ranges ] || whole=${whole//5:6/0:0}
        [ "$(varve run --rm -v given:/data volume sh -c "$look; rm /data/l")" = "$whole" ]
        [ "$(varve run --rm -v given:/d busybox:1 sh -c 'ls /d; cat /d/sub/f')" = $'sub\nx' ]
        [ -z "$(varve run --rm -v none:/data:nocopy volume ls /data)" ]
        [ -z "$(varve run --rm --mount source=empty,target=/data,volume-nocopy volume ls /data)" ]
        varve volume rm given none empty
        varve rmi volume
        nothing_is_left
}

@test "what is mounted is the host's, also where the sandbox stands on it" {
        local here
        here=$(as_tester mktemp -d /tmp/varve-seen.XXXXXX)
        for files in fuse copy; do
                varve run --rm --fs $files -v /:/host:ro -v /tmp:/t -v "$here:/h" busybox:1 sh -c "
                        echo x >/h/1; cat /host$here/1 /t/${here#/tmp/}/1; echo y >/t/${here#/tmp/}/2
                        ! touch /host$here/3 2>/dev/null; ls -d /host/tmp/bin 2>/dev/null" >"$work/out" || :
                [ "$(cat "$work/out" "$here"/[12])" = $'x\nx\nx\ny' ] || fail "$files: $(cat "$work/out")"
        done
        rm -r "$here"
        nothing_is_left
}

@test "a terminal is the container's own, is resized and restored, and can be left" {
        python3 - "$stage/bin/varve" "$user" "$store" <<'EOF' >"$work/out" || fail "$(cat "$work/out")"
import os, pty, re, select, sys, termios, time, fcntl, struct, signal
varve, user, store = sys.argv[1:]
def begin(*words):
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp("setpriv", ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "env", "-i", "HOME=/",
                  "PATH=" + os.environ["PATH"], "VARVE_ROOT=" + store, varve, *words])
    return pid, fd
def wait_for(fd, pattern):
    seen, end = b"", time.time() + 20
    while not re.search(pattern, seen):
        ready = select.select([fd], [], [], max(0, end - time.time()))[0]
        try:
            part = os.read(fd, 4096) if ready else b""
        except OSError:
            part = b""
        assert part, (pattern, seen)
        seen += part
    return seen
def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
pid, fd = begin("run", "-it", "--name", "tty", "busybox:1", "sh")
before = termios.tcgetattr(fd)
wait_for(fd, b"# ")
os.write(fd, b"tty; ls -l /dev/console; echo $TERM\n")
assert b"/dev/pts/0" in wait_for(fd, b"xterm")
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 41, 123, 0, 0))
os.kill(pid, signal.SIGWINCH)
time.sleep(0.3)
os.write(fd, b"stty size\n")
wait_for(fd, b"41 123")
os.write(fd, b"sleep 1000\n")
time.sleep(0.3)
os.write(fd, b"\x03")
wait_for(fd, b"# ")
os.write(fd, b"echo st=$?\n")
wait_for(fd, b"st=130")
os.write(fd, b"\x10\x11")
assert ended(pid) == 0
pid, fd = begin("exec", "-it", "tty", "sh", "-c", "tty; exit 5")
wait_for(fd, b"/dev/pts/1")
assert ended(pid) == 5
pid, fd = begin("attach", "tty")
os.write(fd, b"echo at$((1+1))tached\n")
wait_for(fd, b"at2tached")
os.write(fd, b"exit 6\n")
assert ended(pid) == 6
print("fine")
EOF
        [ "$(varve wait tty)" = 6 ]
        run -125 varve run -it --rm busybox:1 true </dev/null
        says 'not a TTY'
        varve rm tty
        nothing_is_left
}

@test "what is changed is kept however a container ends, with files in a copy, too" {
        local files
        for files in fuse copy; do
                varve run -d --fs="$files" --userns=single --name "$files" busybox:1 \
                        sh -c 'echo x >/new; chown 3:4 /new; echo written; sleep 1000' 2>/dev/null
                prints_soon written "$files"
                [ "$(varve exec "$files" stat -c %u:%g /new)" = 3:4 ]
                varve stop -t 0 "$files"
                [ "$(varve diff "$files")" = 'A /new' ]
        done
        run -1 varve exec copy true
        varve rm fuse copy
        nothing_is_left
}

@test "who does not read what is printed holds up no end, and nothing of it is lost" {
        local client
        varve run -d --name loud busybox:1 sh -c 'echo keep >/keep
                while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done' >/dev/null
        varve attach loud >"$work/heard" &
        for _ in $(seq 100); do [ ! -s "$work/heard" ] || break; sleep 0.02; done
        client=$(pgrep -u "$user" -xf '.*/varve attach loud')
        kill -STOP "$client"
        sleep 0.3
        varve stop -t 0 loud
        run -0 varve ps -a --format '{{.Status}}'
        says '^Exited .1(37|43)'
        [ "$(varve diff loud)" = 'A /keep' ]
        kill -CONT "$client"
        wait $! || [ $? -eq "$(varve wait loud)" ]
        [ "$(tail -n 1 "$work/heard")" = "$(varve logs loud | tail -n 1)" ]
        varve rm loud
        # Nor does the caller in the foreground; who closes it ends the command, as in a pipeline.
        varve run --name pipe busybox:1 sh -c 'echo keep >/keep; yes' | head -1 >/dev/null
        [ "$(varve inspect -f '{{.State.ExitCode}}' pipe)" = 141 ]
        [ "$(varve diff pipe)" = 'A /keep' ]
        varve rm pipe
        nothing_is_left
}

@test "a full store loses no more than the last changes, and says so" {
        local here
        mkdir -p "$work/small"
        mount -t tmpfs -o "size=24m,mode=700,uid=$(id -u "$user"),gid=$(id -g "$user")" small "$work/small"
        local store=$work/small
        varve import "$stage/busybox.tar" busybox:1
        run -125 varve run --name big busybox:1 sh -c 'echo keep >/keep; dd if=/dev/zero of=/big bs=1M count=40'
        says 'is lost'
        run ! varve commit big x
        says 'has lost what it changed'
        varve run -d --name late busybox:1 sh -c 'trap "exit 5" TERM; echo x >/new; echo written; while :; do sleep 0.05; done'
        prints_soon written late
        head -c 24m /dev/zero >"$work/small/ballast" || :
        run -1 varve stop late
        says 'is lost'
        rm "$work/small/ballast"
        [ "$(varve ps -a --filter name=late --format '{{.Status}}' | cut -d' ' -f1,2)" = 'Exited (5)' ]
        run ! varve commit late x
        varve rm big late
        umount "$work/small"
}

@test "a keeper that is killed leaves a dead container, and a sound store" {
        local pid at
        for at in 0 0.05 0.3; do
                varve run -d --name killed busybox:1 sh -c 'echo x >/f; sleep 1000' &
                sleep "$at"
                pid=
                for _ in $(seq 100); do
                        pid=$(pgrep -o -r R,S,D -u "$user" -x varve-keeper) && break
                        sleep 0.02
                done
                kill -KILL "$pid"
                wait $! || :
                nothing_runs
                run varve ps -a --format '{{.State}}'
                [ "$output" != running ] || fail 'it is said to run'
                if [ -n "$output" ]; then
                        varve inspect killed >/dev/null
                        varve logs killed >/dev/null
                        varve rm killed
                fi
                nothing_is_left
        done
        # One that was not to be kept is gone with it, and its name is free.
        for at in 0 0.02 0.1; do
                varve run --rm --name free -v /anon busybox:1 sleep 1000 &
                for _ in $(seq 200); do [ -z "$(ls -A "$store/containers")" ] || break; sleep 0.01; done
                sleep "$at"
                pid=$(pgrep -o -u "$user" -xf '.*/varve run --rm --name free .*')
                kill -KILL "$pid"
                wait $! || :
                nothing_runs
                [ "$(varve run --rm --name free busybox:1 echo is free)" = 'is free' ]
                [ -z "$(varve ps -aq)$(varve volume ls -q)" ]
        done
        varve create --rm --name later busybox:1 echo now
        [ "$(varve ps -a --format '{{.State}}')" = created ]
        varve rm later
}

@test "names, IDs and files are told; what cannot be had is refused" {
        varve run --name one --cidfile "$work/id" --label a=b busybox:1 true
        [ "$(cat "$work/id")" = "$(varve ps -aq --no-trunc)" ]
        run -125 varve run --name one busybox:1 true
        says 'is already in use by container'
        run -125 varve run --name 'a/b' busybox:1 true
        says 'Invalid container name'
        run -125 varve run --restart always busybox:1 true
        says 'no daemon'
        run -125 varve run --cap-add SYS_ADMIN busybox:1 true
        says 'undo the walls'
        run -125 varve run --gpus all busybox:1 true
        says 'cannot honour --gpus'
        [ "$(varve ps -a --filter label=a=b --format '{{.Names}}')" = one ]
        [ -z "$(varve ps -a --filter label=a=c -q)" ]
        run -1 varve rmi busybox:1
        says 'container .* is using'
        varve ps -a --no-trunc | grep -q '"true"'
        [[ $(varve ps -a --format json) == *'"Names":"one"'* ]]
        [ "$(varve ps -a --format 'table {{.Names}}\t{{.State}}')" = $'NAMES   STATE\none     exited' ]
        varve rm one
        rm "$work/id"
        nothing_is_left
}

@test "files are copied out of a container, and into one that does not run" {
        as_tester mkdir "$work/copies"
        varve run --name cp busybox:1 sh -c 'mkdir -p /d/e; echo 1 >/d/f; echo 2 >/d/e/g; ln -s f /d/l'
        varve cp cp:/d "$work/copies"
        varve cp cp:/d/f "$work/copies/other"
        [ "$(cat "$work/copies/d/e/g" "$work/copies/d/l" "$work/copies/other" | tr -d '\n')" = 211 ]
        varve cp "$work/copies/d/." cp:/etc
        varve cp "$work/copies/other" cp:/named
        varve cp cp:/d/e - | varve cp - cp:/tmp
        varve commit cp copied:1
        [ "$(varve run --rm copied:1 sh -c 'cat /etc/f /named /tmp/e/g; stat -c %u /named' | tr -d '\n')" = 1120 ]
        run -1 varve cp cp:/no/such "$work/copies"
        run -1 varve cp "$work/no-such" cp:/
        run -1 varve cp "$work/copies/other" cp:/no-dir/
        varve start cp
        varve wait cp
        varve run -d --name on busybox:1 sleep 1000
        varve cp on:/etc/passwd - | tar -xO | grep -q ^root
        run -1 varve cp "$work/copies/other" on:/
        says 'container that runs'
        varve rm -f cp on
        varve rmi copied:1
        rm -r "$work/copies"
        nothing_is_left
}

@test "the environment, its files, the host name and capabilities are as asked" {
        printf '# comment\nA=1\nB=two words\n' | as_tester tee "$work/env" >/dev/null
        [ "$(varve run --rm --env-file "$work/env" -e A=3 -h named busybox:1 \
                sh -c 'echo $A $B $(hostname) $HOSTNAME')" = '3 two words named named' ]
        [ "$(varve run --rm --cap-drop ALL --cap-add CHOWN busybox:1 \
                sh -c 'sed -n "s/CapBnd:.//p" /proc/self/status')" = 0000000000000001 ]
}

@test "a signal that comes before the command runs ends it as one that comes later" {
        local at
        for at in 0.01 0.015 0.02 0.025 0.03 0.04 0.05 0.06; do
                run -143 as_tester env VARVE_ROOT="$store" timeout --foreground --preserve-status $at \
                        "$stage/bin/varve" run --rm busybox:1 sleep 100
                [ -z "$output" ] || fail "after $at"
        done
        nothing_is_left
}

@test "many containers at once leave nothing" {
        local i pids=()
        for i in 1 2 3 4 5 6; do
                varve run -d --name "many$i" busybox:1 sleep 1000 &
                pids+=($!)
        done
        wait "${pids[@]}"
        [ "$(varve ps -q | wc -l)" -eq 6 ]
        # shellcheck disable=SC2046 # words
        varve stop -t 0 $(varve ps -q)
        # shellcheck disable=SC2046
        varve rm $(varve ps -aq)
        nothing_is_left
}

@test "a container is made before it is started, and removed with its nameless volumes" {
        echo text | as_tester tee "$work/copied" >/dev/null
        printf 'A=1\n# none\nB=2\n' | as_tester tee "$work/env" >/dev/null
        varve create --name made -v /data --tmpfs /run:rw,noexec,nosuid,size=64k busybox:1 sh -c \
                'cat /copied; grep " /run " /proc/mounts; sleep 100' >"$work/id"
        [ "$(varve ps -a --format '{{.ID}} {{.Status}}')" = "$(cut -c 1-12 "$work/id") Created" ]
        varve cp -q "$work/copied" made:/
        varve start made
        prints_soon noexec.*size=64k made
        [ "$(varve logs made | head -n 1)" = text ]
        [ "$(varve exec --env-file "$work/env" -e B=3 made sh -c 'echo $A$B')" = 13 ]
        varve logs -f --until 0s made | grep -c text
        [ "$(varve volume ls -q | wc -l)" -eq 1 ]
        run -125 varve cp -a "$work/copied" made:/
        varve stop --timeout 0 made
        varve rm -v made
        [ -z "$(varve volume ls -q)" ]
        run -125 varve create -d busybox:1
        nothing_is_left
}

@test "containers are found by what they are, measured, renamed and pruned" {
        varve run -d --name first -p 127.0.0.1::80 --memory 64m --label a.b=c -v data:/d busybox:1 \
                sh -c 'head -c 5000 /dev/urandom >/f; echo begun; sleep 100' 2>/dev/null
        varve create --name second -l a.b=d busybox:1 true >/dev/null
        prints_soon begun first
        [[ $(varve inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}} {{.HostConfig.Memory}} {{.LogPath}}' \
                first) = 10.*' 67108864 '*/log ]]
        [ "$(ps -o args= -p "$(varve inspect -f '{{.State.Pid}}' first)")" = 'sleep 100' ] ||
                [ "$(ps -o comm= -p "$(varve inspect -f '{{.State.Pid}}' first)")" = sh ]
        varve top first -o pid,args | grep 'sleep 100'
        local filter
        for filter in status=running publish=80 label=a.b=c before=second volume=data; do
                [ "$(varve ps -a -f "$filter" --format '{{.Names}} {{.Label "a.b"}}')" = 'first c' ] ||
                        fail "another with $filter"
        done
        [ "$(varve ps -aq -f since=first -f health=none -f network=bridge | wc -l)" -eq 1 ]
        for filter in status=odd exited=x publish=x since=none is-task=true; do
                run -1 varve ps -f "$filter"
        done
        run -1 varve ps -n abc
        run -1 varve rename first second
        says 'already in use'
        varve rename first renamed
        varve stop -t 0 renamed
        varve ps -as --format '{{.Names}} {{.Size}}' | grep -E '^renamed [5-9]\.?[0-9]*kB \(virtual '
        [ "$(varve inspect -s -f '{{.SizeRw}}' renamed)" -gt 5000 ]
        varve system df | tr -s ' ' | grep -E '^(Containers 2 0|Local Volumes 1 1) '
        run -0 varve container prune -f --filter label=a.b=c
        [ "$(varve ps -aq | wc -l)" -eq 1 ]
        [ "$(varve volume ls -q -f dangling=true)" = data ]
        [ "$(varve inspect --type volume -f '{{.Name}}' data)" = data ]
        run -0 varve system prune -f --volumes
        [ -z "$(varve ps -aq)" ]
        varve volume rm data
        run -125 varve stats
        says 'cannot honour `stats`.*' 'varve top'
        nothing_is_left
}
