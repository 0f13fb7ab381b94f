#!/usr/bin/env bats
# varve-fs, the union filesystem as a mount of its own: as an ordinary user by fusermount3, in a user
# namespace by mount(8), and as root where devices are wanted.

# shellcheck disable=SC2016 # the inner shell expands these
# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

setup_file() {
        fresh_work
}

setup() {
        t=$work/$BATS_TEST_NUMBER
        as_tester mkdir -p "$t/low" "$t/up" "$t/work" "$t/mnt"
        cd "$t" || return 1
}

teardown() {
        cd /
        umount -l "$t/mnt" 2>/dev/null || :
        umount -l "$t/small" 2>/dev/null || :
        [ -z "${squatter:-}" ] || kill "$squatter" 2>/dev/null || :
}

fs() {
        as_tester "$stage/bin/varve-fs" union "$t/mnt" "$@"
}

both() {
        fs -o "lowerdir=$t/low,upperdir=$t/up,workdir=$t/work" "$@"
}

# Returns when what was changed is sealed.
end() {
        as_tester "$stage/bin/umount.fuse.varve-fs" "$t/mnt"
}

as_tester_sh() {
        as_tester sh -euc "cd '$t'; $1"
}

@test "a mount shows the lower directories, the first on top" {
        as_tester_sh 'mkdir other; echo low >low/a; echo low >low/b; echo other >other/b'
        fs -o "lowerdir=$t/other:$t/low"
        [ "$(as_tester_sh 'cat mnt/a mnt/b')" = "$(printf 'low\nother')" ]
        run ! as_tester touch "$t/mnt/new"
        says 'read-only'
        end
}

@test "what was changed is sealed, and the next mount goes on with it" {
        as_tester_sh 'echo low >low/kept; echo low >low/gone; mkdir low/dir; echo x >low/dir/x'
        both
        as_tester_sh 'echo new >mnt/new; rm mnt/gone; echo more >>mnt/kept; mv mnt/dir mnt/moved
                ln mnt/kept mnt/linked; mkfifo mnt/fifo; ln -s kept mnt/sym
                printf x >"$(printf "mnt/\377")"; ls -ARi --time-style=+ mnt >before'
        end
        [ "$(ls low)" = "$(printf 'dir\ngone\nkept')" ]
        tar -tf up/.varve/layer.tar | grep -qx .wh.gone
        both
        as_tester_sh 'ls -ARi --time-style=+ mnt >after; cmp before after
                test "$(cat mnt/linked mnt/moved/x)" = "$(printf "low\nmore\nx")"
                rm mnt/new mnt/linked; mkdir mnt/dir; echo y >mnt/dir/y'
        end
        both
        [ "$(as_tester_sh 'ls mnt mnt/dir; cat mnt/kept')" = "$(as_tester_sh 'printf "mnt:\ndir\nfifo\nkept\nmoved\nsym\n\377\n\nmnt/dir:\ny\nlow\nmore\n"')" ]
        end
}

@test "an upper that takes everything back has no layer, and deletions do not pile up" {
        both
        as_tester touch "$t/mnt/file"
        end
        [ -s up/.varve/layer.tar ]
        both
        as_tester rm "$t/mnt/file"
        end
        run tar -tf up/.varve/layer.tar
        [[ $output != *.wh.* ]]
}

@test "a mount that changes nothing seals nothing" {
        both
        as_tester touch "$t/mnt/file"
        end
        before=$(stat -c '%i %y' up/.varve/layer.tar)
        both
        as_tester find "$t/mnt" -ls
        end
        [ "$before" = "$(stat -c '%i %y' up/.varve/layer.tar)" ]
}

@test "an upper directory can be a lower one, and its tar too" {
        as_tester_sh 'echo low >low/a; mkdir up2; echo pure >up/pure'
        both
        as_tester_sh 'rm mnt/a; echo b >mnt/b'
        end
        fs -o "lowerdir=$t/up:$t/low,upperdir=$t/up2"
        as_tester_sh 'test "$(ls mnt)" = "$(printf "b\npure")"; rm mnt/pure; echo c >mnt/c'
        end
        fs -o "lowerdir=$t/up2/.varve/layer.tar:$t/up:$t/low"
        [ "$(as_tester ls "$t/mnt")" = "$(printf 'b\nc')" ]
        end
        rm up2/.varve/layer.idx
        fs -o "lowerdir=$t/up2:$t/up:$t/low"
        [ "$(as_tester ls "$t/mnt")" = "$(printf 'b\nc')" ]
        end
}

@test "with ro an upper directory is shown and not changed" {
        as_tester_sh 'echo a >up/a'
        both -o ro
        run ! as_tester touch "$t/mnt/new"
        [ "$(as_tester cat "$t/mnt/a")" = a ]
        end
        [ ! -e up/.varve ]
}

@test "a remount at once waits for the sealing" {
        both
        as_tester dd if=/dev/urandom "of=$t/mnt/large" bs=1M count=64 status=none
        sum=$(as_tester sha256sum "$t/mnt/large")
        as_tester fusermount3 -u "$t/mnt"
        both
        [ "$sum" = "$(as_tester sha256sum "$t/mnt/large")" ]
        end
}

@test "an upper directory that is mounted is refused to others, and told" {
        both
        as_tester mkdir "$t/mnt2"
        run -32 as_tester "$stage/bin/varve-fs" union "$t/mnt2" -o "lowerdir=$t/low,upperdir=$t/up"
        says "$t/up is in use"
        end
}

@test "a server that is killed leaves the upper directory as it was" {
        both
        as_tester_sh 'echo first >mnt/a'
        end
        both
        as_tester_sh 'echo second >mnt/a; touch mnt/b'
        pid=$(pgrep -f -u "$user" "varve-fs union $t/mnt ")
        kill -KILL "$pid"
        as_tester fusermount3 -u "$t/mnt"
        both
        [ "$(as_tester_sh 'cat mnt/*')" = first ]
        end
}

@test "SIGTERM to the server unmounts and seals" {
        both
        as_tester touch "$t/mnt/a"
        kill "$(pgrep -f -u "$user" "varve-fs union $t/mnt ")"
        for _ in {1..100}; do
                ! mountpoint -q mnt && [ -e up/.varve/layer.idx ] && break
                sleep 0.1
        done
        tar -tf up/.varve/layer.tar | grep -qx a
}

@test "in the foreground the server is the command" {
        as_tester timeout --foreground -s TERM 2 "$stage/bin/varve-fs" -f union "$t/mnt" \
                -o "upperdir=$t/up" || [ $? -eq 124 ]
        run -32 mountpoint -q mnt
}

# A mount whose upper directory has no room for what was changed.
fill_upper() {
        as_tester mkdir "$t/small"
        mount -t tmpfs -o "size=4m,uid=$(id -u "$user"),gid=$(id -g "$user")" small small
        as_tester mkdir "$t/small/up"
        fs -o "lowerdir=$t/low,upperdir=$t/small/up,workdir=$t/work"
        as_tester_sh 'echo first >mnt/a'
        end
        fs -o "lowerdir=$t/low,upperdir=$t/small/up,workdir=$t/work"
        as_tester_sh 'echo second >mnt/a; dd if=/dev/urandom of=mnt/large bs=1M count=8 status=none'
        run -32 end
        says 'No space left' 'kept until it can be sealed'
        # Nobody goes on with what was there before.
        run -32 fs -o "lowerdir=$t/low,upperdir=$t/small/up,workdir=$t/work"
        says 'is not sealed yet' 'No space left'
}

@test "what a full disk has no room for is sealed once there is room" {
        fill_upper
        mount -o remount,size=64m small
        as_tester_sh 'for _ in $(seq 100); do sleep 0.1
                [ "$(stat -c %s small/up/.varve/layer.tar)" -lt 8000000 ] || break; done'
        run -0 fs -o "lowerdir=$t/low,upperdir=$t/small/up,workdir=$t/work"
        [ -z "$output" ]
        [ "$(as_tester_sh 'cat mnt/a; stat -c %s mnt/large')" = "$(printf 'second\n8388608')" ]
        end
}

@test "a signal gives up what cannot be sealed, and the layer is as it was" {
        fill_upper
        pkill -u "$user" -f "upperdir=$t/small/up"
        for _ in $(seq 50); do
                pgrep -u "$user" -f "upperdir=$t/small/up" >/dev/null || break
                sleep 0.1
        done
        run -0 fs -o "lowerdir=$t/low,upperdir=$t/small/up,workdir=$t/work"
        says 'lost' 'No space left'
        [ "$(as_tester_sh 'ls mnt; cat mnt/a')" = "$(printf 'a\nfirst')" ]
        end
        run -0 fs -o "lowerdir=$t/low,upperdir=$t/small/up,workdir=$t/work"
        [ -z "$output" ]
        end
}

@test "a lower file that cannot be read is left out by name, and all else is sealed" {
        as_tester_sh 'mkdir low/d; echo open >low/d/open; echo shut >low/d/shut; chmod 0 low/d/shut
                ln low/d/shut low/d/too'
        both
        as_tester_sh 'mv mnt/d mnt/e; echo new >mnt/new'
        run -32 end
        says 'is sealed without what may not be read: /e/shut, /e/too'
        run -0 both
        says 'is sealed without'
        [ "$(as_tester_sh 'ls mnt mnt/e | xargs; cat mnt/e/open mnt/new')" = \
                "$(printf 'mnt: e new mnt/e: open\nopen\nnew')" ]
        end
}

@test "an index that is older than the tar beside it is not believed" {
        as_tester_sh 'mkdir a b; echo one >a/one; echo two >b/two; tar -cf l.tar -C a one'
        fs -o "lowerdir=$t/low,upperdir=$t/up"
        as_tester_sh 'echo one >mnt/one'
        end
        as_tester_sh 'cp up/.varve/layer.tar l.tar; cp up/.varve/layer.idx l.idx
                tar --delete -f l.tar one; tar -rf l.tar -C b two
                truncate -s "$(stat -c %s up/.varve/layer.tar)" l.tar'
        fs -o "lowerdir=$t/l.tar"
        [ "$(as_tester ls "$t/mnt")" = two ]
        end
        # Nor one that only looks newer.
        as_tester_sh 'touch l.idx'
        fs -o "lowerdir=$t/l.tar"
        [ "$(as_tester ls "$t/mnt")" = two ]
        end
}

@test "a disk that is full when it is mounted makes nobody wait" {
        as_tester mkdir "$t/small"
        mount -t tmpfs -o "size=64k,uid=$(id -u "$user"),gid=$(id -g "$user")" small small
        as_tester_sh 'mkdir small/up; head -c 1000000 /dev/zero >small/full || :'
        run -32 fs -o "upperdir=$t/small/up,workdir=$t/work"
        says 'No space left'
}

@test "an upper directory that is removed while it is mounted is given up at once" {
        fs -o "upperdir=$t/up,workdir=$t/work"
        as_tester_sh 'echo a >mnt/a; rm -r up'
        run -32 end
        says 'lost'
}

@test "a layer that was cut is refused" {
        fs -o "upperdir=$t/up"
        as_tester_sh 'echo a >mnt/a; echo b >mnt/b'
        end
        as_tester_sh 'cp up/.varve/layer.tar whole
                last=$(grep -abo PaxHeader whole | tail -n 1 | cut -d: -f1)
                truncate -s $((last / 512 * 512)) up/.varve/layer.tar'
        run -32 fs -o "upperdir=$t/up"
        says 'has [0-9]* bytes, and had'
        as_tester_sh 'rm up/.varve/layer.idx'
        run -32 fs -o "upperdir=$t/up"
        says 'its end is missing'
        as_tester_sh 'cp whole up/.varve/layer.tar'
        fs -o "upperdir=$t/up"
        [ "$(as_tester_sh 'cat mnt/a mnt/b')" = "$(printf 'a\nb')" ]
}

@test "a work directory is one, and can be written to" {
        as_tester_sh 'touch file; mkdir shut; chmod 555 shut'
        run -32 fs -o "upperdir=$t/up,workdir=$t/file"
        says 'Not a directory'
        run -32 fs -o "upperdir=$t/up,workdir=$t/shut"
        says 'cannot write to .*shut'
}

@test "a write that finds the disk full fails, and what was written before is sealed" {
        as_tester mkdir "$t/small"
        mount -t tmpfs -o "size=80m,uid=$(id -u "$user"),gid=$(id -g "$user")" small small
        fs -o "upperdir=$t/up,workdir=$t/small"
        as_tester_sh 'echo first >mnt/a'
        run ! as_tester dd if=/dev/zero "of=$t/mnt/large" bs=1M count=200 conv=notrunc
        says 'No space left'
        as_tester rm "$t/mnt/large"
        end
        tar -xOf up/.varve/layer.tar a | grep -qx first
}

@test "an upper directory that could be mounted once only is refused" {
        local i lowers=$t/low
        for i in $(seq 125); do
                as_tester mkdir "$t/l$i"
                lowers+=:$t/l$i
        done
        run -32 fs -o "lowerdir=$lowers,upperdir=$t/up"
        [[ $output = *'over 127 layers'* ]] || fail 'why'
        lowers=${lowers#*:}
        fs -o "lowerdir=$lowers,upperdir=$t/up"
        as_tester touch "$t/mnt/made"
        end
        fs -o "lowerdir=$lowers,upperdir=$t/up"
        as_tester test -e "$t/mnt/made" || fail "not there"
        end
}

@test "root sees deletions of overlayfs in lower directories, devices and owners" {
        mkdir low/dir top top/dir
        touch low/gone low/dir/hidden low/seen top/dir/new low/xgone
        mknod top/gone c 0 0
        setfattr -n trusted.overlay.opaque -v y top/dir
        touch top/xgone
        setfattr -n user.overlay.whiteout -v y top/xgone
        touch low/fusegone top/.wh.fusegone
        "$stage/bin/varve-fs" union mnt -o "lowerdir=top:low,upperdir=up,workdir=work"
        [ "$(cd mnt && find . | sort | tr '\n' ' ')" = '. ./dir ./dir/new ./seen ' ]
        mknod mnt/null c 1 3
        chown 12:34 mnt/seen
        setfattr -n user.kind -v test mnt/seen
        "$stage/bin/umount.fuse.varve-fs" "$t/mnt"
        "$stage/bin/varve-fs" union mnt -o "lowerdir=top:low,upperdir=up,workdir=work"
        [ "$(stat -c '%F %t %T' mnt/null)" = 'character special file 1 3' ]
        [ "$(stat -c '%u %g' mnt/seen)" = '12 34' ]
        [ "$(getfattr --only-values -n user.kind mnt/seen)" = test ]
        "$stage/bin/umount.fuse.varve-fs" "$t/mnt"
}

@test "a directory that overlayfs has renamed is refused by name" {
        mkdir low/dir
        setfattr -n trusted.overlay.redirect -v /other low/dir
        run -32 "$stage/bin/varve-fs" union mnt -o "lowerdir=low"
        says 'low/dir' 'redirect_dir'
}

@test "who takes the name of a mount's socket neither holds up its end nor speaks for it" {
        runuser -u nobody -- python3 -c '
import socket, sys, time
taken = []
for n in range(30, 450):
    for end in "", "/0000000000000000":
        s = socket.socket(socket.AF_UNIX)
        try: s.bind(f"\0varve-fs/0:{n}{end}")
        except OSError: continue
        s.listen(1)
        taken.append(s)
print("taken", flush=True)
time.sleep(60)' >taken 3>&- &
        squatter=$!
        for _ in {1..100}; do grep -q taken taken && break; sleep 0.1; done
        grep -q taken taken
        both
        as_tester touch "$t/mnt/a"
        run -0 as_tester timeout 20 "$stage/bin/umount.fuse.varve-fs" "$t/mnt"
        [ -z "$output" ]
        tar -tf up/.varve/layer.tar | grep -qx a
        both
        as_tester touch "$t/mnt/b"
        run -0 timeout 20 "$stage/bin/umount.fuse.varve-fs" "$t/mnt"
        tar -tf up/.varve/layer.tar | grep -qx b
}

@test "mount(8) and umount(8) work in a user namespace" {
        as_tester_sh 'echo low >low/a'
        # mount(8) is setuid, so its helpers are looked for where programs are installed.
        run -0 as_tester unshare --user --map-root-user --mount sh -euc '
                cd "$0"
                mount --bind "$1" /usr/local/bin
                mount -t fuse.varve-fs union mnt -o rw,lowerdir=low,upperdir=up,workdir=work
                grep " $0/mnt fuse.varve-fs " /proc/mounts
                echo changed >mnt/a
                umount mnt' "$t" "$stage/bin"
        says '^union '
        for _ in {1..100}; do
                [ ! -e up/.varve/layer.idx ] || break
                sleep 0.1
        done
        [ "$(tar -xOf up/.varve/layer.tar a)" = changed ]
}

@test "options of mount(8) reach the mount, and a name can be given to it" {
        both -o 'fsname=name\,with,noexec,noatime,nosuid,_netdev,x-mine=1'
        grep -E "^name,with $t/mnt fuse.varve-fs .*noexec" /proc/mounts
        end
}

@test "commas and colons in paths are written with a backslash" {
        as_tester_sh 'mkdir "a:b,c"; echo x >"a:b,c/x"'
        fs -o "lowerdir=$t/a\\:b\\,c:$t/low"
        [ "$(as_tester cat "$t/mnt/x")" = x ]
        end
}

@test "names that no layer can hold are refused when they are made" {
        both
        run ! as_tester touch "$t/mnt/.wh.x"
        says 'invalid'
        end
}

@test "what is wrong with the options is told by name" {
        while IFS='|' read -r options message; do
                run fs -o "$options"
                [ "$status" -eq 1 ] || [ "$status" -eq 32 ] || fail "$options"
                says "$message"
        done <<-END
		lowerdr=$t/low|lowerdr.*|
		volatile|no mount option "volatile"
		lowerdir|lowerdir wants a value
		ro=1,lowerdir=$t/low|ro has no value
		lowerdir=|lowerdir names an empty path
		lowerdir=$t/low::$t/up|empty path
		upperdir=,lowerdir=$t/low|upperdir names an empty path
		rw|nothing is named
		lowerdir=$t/low,workdir=$t/work|no upperdir
		lowerdir=$t/none|$t/none
		lowerdir=$t/low,upperdir=$t/none|$t/none
		lowerdir=$t/low,upperdir=$t/up,workdir=$t/none|$t/none
		END
        run -32 fs -o "lowerdir=/etc/passwd"
        says 'passwd'
        run -1 as_tester "$stage/bin/varve-fs" union
        says 'a source and a directory'
        run -1 as_tester "$stage/bin/varve-fs" --what union "$t/mnt"
        says '--what'
        run -1 as_tester "$stage/bin/varve-fs" union /etc/passwd -o "lowerdir=$t/low"
        says 'not a directory'
}

@test "varve-fs answers --help and --version on standard output" {
        "$stage/bin/varve-fs" --help | grep -q 'Usage: varve-fs'
        "$stage/bin/varve-fs" --version | grep -qE '^varve-fs [0-9]'
}
