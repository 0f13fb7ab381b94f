#!/usr/bin/env bats
# Root emulation: what it records is what real ids give.
# shellcheck disable=SC2016 # other shells expand these

# shellcheck source=tests/sandbox/sandbox.bash
. "$BATS_TEST_DIRNAME/sandbox.bash"

# The mode of the tests is of no use here: what matters is run with one uid, and once more with
# ranges, whose ids are real, to compare with.
setup_file() {
        [ "$mode" = single ] || return 0
        make_root
        add_attack "$(cat "$stage/debian")" "$work/debian.tar"
        as_user tar -C "$root" -cf "$work/busybox.tar" --owner=0 --group=0 .
        chmod 644 "$work"/*.tar
        mkdir -p "$work/changes"
        chmod 1777 "$work/changes"
}

setup() {
        [ "$mode" = single ] || skip 'the ids are real'
}

# add_attack FROM TO: the tar, with the program that tries things.
add_attack() {
        cp "$1" "$2"
        tar -rf "$2" -C "$stage/bin" --owner=0 --group=0 \
                --transform 's,^sandbox-attack,./usr/bin/attack,' sandbox-attack
}

# run_in MODE TAR [OPTION]... COMMAND...: over the tar, and keeps the list of changes.
run_in() {
        local which=$1 tar=$2 user=$user
        shift 2
        [ "$which" = single ] || user=$real_user
        rm -f "$work/changes/$which"
        as_user "$stage/bin/sandbox-driver" --users "$which" --changes "$work/changes/$which" \
                --env=DEBIAN_FRONTEND=noninteractive "${options[@]}" "$work/$tar.tar" "$@"
}
options=()

emulated() {
        run_in single busybox "$@"
}

# same_as_real SCRIPT: in the Debian system, a shell script prints and changes the same with emulated
# and with real ids. Sets `output`.
same_as_real() {
        local real
        real=$(run_in ranges debian bash -c "$1" 2>&1) || fail "failed with real ids: $real"
        output=$(run_in single debian bash -c "$1" 2>&1) || fail "failed: $output"
        diff -u <(echo "$real") <(echo "$output")
        diff -u "$work/changes/ranges" "$work/changes/single"
}

@test "chown in all its forms records and shows the owner" {
        same_as_real '
                cd /tmp && touch a b && mkdir d && ln -s a link && ln -s nothing broken
                chown 33 a; chown :44 a; chown 1:2 b; chown 5:6 d; chown -h 7:8 link broken
                chown 9:10 link; exec 3<>b; chown 11:12 /proc/self/fd/3 || :
                chown -R 13:14 d; cd d; touch ../d/in; chown 15 ../d/in; chown 16 ./in
                stat -c "%n %u %g %a %F" /tmp/* /tmp/d/in'
}

@test "a chown clears setuid, setgid and capabilities" {
        same_as_real '
                cd /tmp; for mode in 4755 2755 6755 2644 4644; do
                        cp /bin/true "$mode"; chmod "$mode" "$mode"; chown 33 "$mode"; done
                stat -c "%n %u %a" *'
}

@test "a setuid bit set after the chown stays" {
        same_as_real 'cp /bin/true /tmp/f; chown 33:42 /tmp/f; chmod 6755 /tmp/f; stat -c "%u %g %a" /tmp/f'
        grep -x '/tmp/f -6755 33 42' "$work/changes/single"
}

@test "owners of the image are shown as they are" {
        same_as_real 'stat -c "%n %u %g %a" /etc/shadow /etc/gshadow /var/mail /usr/bin/passwd \
                /usr/bin/chage /var/log/*; ls -lnR /var/cache /var/lib/dpkg | grep -v ^total | cut -c1-30'
}

@test "every way of asking for attributes tells the same owner" {
        same_as_real '
                touch /tmp/f; chown 33:44 /tmp/f; cd /tmp; exec 3<f
                stat -c "%u %g" f /tmp/f ./../tmp/f -L /dev/fd/3
                perl -e "print join(q( ), (stat(q(f)))[4,5], (lstat(q(f)))[4,5]), qq(\n);
                        open(F, q(<), q(f)); print join(q( ), (stat(F))[4,5]), qq(\n)"
                find . -name f -printf "%U %G\n"; ls -ln f | cut -d" " -f3,4
                stat --printf "%u %s %h %F\n" f; echo 12345 >>f; stat -c "%u %s" f'
}

@test "devices are recorded, in both modes" {
        same_as_real '
                cd /tmp; mknod null c 1 3; mknod -m 600 block b 8 1; mknod fifo p; umask 077
                mknod masked c 5 0; mkdir deep; (cd deep && mknod ../there c 1 5 && mknod here c 1 7)
                mknod null c 1 3 2>/dev/null && echo twice
                mknod /proc/device c 1 3 2>/dev/null && echo in proc
                mknod nowhere/x c 1 3 2>/dev/null && echo nowhere
                stat -c "%n %F %t:%T %a %u" *'
        grep -x '/tmp/block b0600 0 0 8:1' "$work/changes/single"
        grep -x '/tmp/deep/here c0600 0 0 1:7' "$work/changes/single"
}

@test "a user cannot make devices or give files away" {
        same_as_real '
                cd /tmp; touch f; chown 33:33 f
                setpriv --reuid 33 --regid 33 --clear-groups sh -c "
                        mknod d c 1 3; chown 34 f; chown :34 f; chown 33 f; chown :33 f
                        touch g; chown 0 g; chgrp 33 g; chown 33:33 g" 2>&1 | sort
                setpriv --reuid 33 --regid 33 --groups 33,55 chown :55 f; stat -c %g f'
}

@test "users and groups can be made" {
        same_as_real '
                useradd -m ann && groupadd staff2 && usermod -aG staff2,mail ann
                echo ann:secret | chpasswd -c SHA256 >/dev/null; passwd -l ann >/dev/null
                sed -i "s/:[^:]*:[0-9]*:/:x:1:/" /etc/shadow /etc/shadow-
                id ann; stat -c "%n %u %g %a" /home/ann /home/ann/.bashrc /etc/shadow /etc/gshadow'
}

@test "who changes its user is believed, and makes files as that" {
        same_as_real '
                su -s /bin/sh www-data -c "id; touch /tmp/su; umask"
                runuser -u nobody -- sh -c "id; mkdir /tmp/runuser; touch /tmp/runuser/f"
                setpriv --reuid 1000 --regid 1001 --groups 5,6 sh -c "id -G; touch /tmp/setpriv"
                setpriv --reuid 1000 --regid 1001 --clear-groups id
                perl -e "\$( = \$) = 33; \$< = \$> = 33; \$> = 0; print qq(\$< \$>\n);
                        open(F, q(>), q(/tmp/perl))"
                perl -e "use POSIX; setgid(34); setuid(34); print setuid(0) ? qq(back\n) : qq(no way\n);
                        print getuid(), geteuid(), qq(\n); open(F, q(>), q(/tmp/posix))"
                stat -c "%n %u %g" /tmp/*'
}

@test "a setuid program gives its owner, over fork and another program" {
        same_as_real '
                cp /usr/bin/id /tmp/id; chown 33:42 /tmp/id; chmod 6755 /tmp/id; /tmp/id
                cp /usr/bin/touch /tmp/touch; chown 34:35 /tmp/touch; chmod 4755 /tmp/touch
                /tmp/touch /tmp/by-setuid
                su -s /bin/sh nobody -c "/tmp/id; sh -c /tmp/id; /tmp/touch /tmp/by-nobody"
                cp /usr/bin/id /tmp/own; chown 0:0 /tmp/own; chmod 4755 /tmp/own
                su -s /bin/sh nobody -c /tmp/own; stat -c "%n %u %g" /tmp/by*'
}

@test "access tells a user what he may" {
        same_as_real '
                cd /tmp; mkdir closed; touch closed/f open; chmod 700 closed; chmod 640 open; chown 1:33 open
                for user in root www-data nobody; do
                        runuser -u "$user" -- sh -c "for f in closed/f open /etc/shadow /etc/passwd; do
                                for how in r w x; do test -\$how \$f && echo \$how \$f; done; done"
                done; :'
}

@test "a set-group directory hands its group on" {
        same_as_real '
                mkdir /tmp/d; chown 5:50 /tmp/d; chmod 2775 /tmp/d; touch /tmp/d/f; mkdir /tmp/d/s
                su -s /bin/sh nobody -c "umask 0; true"; stat -c "%n %u %g %a" /tmp/d/*'
}

@test "archives keep their owners" {
        same_as_real '
                cd /tmp; mkdir -p from/d; touch from/f from/d/g; chown 33:34 from/f; chown -R 35:36 from/d
                ln from/f from/hard; ln -s f from/soft; chown -h 37:38 from/soft; chmod 4711 from/f
                tar -cf a.tar from; mkdir to; tar -xpf a.tar -C to; cp -a from copied
                install -o 39 -g 40 -m 4755 /bin/true installed
                find to copied installed -printf "%p %U %G %m\n" | sort; rm a.tar'
}

@test "a chrooted program means its own root" {
        same_as_real '
                mkdir -p /tmp/new/bin /tmp/new/lib64 /tmp/new/etc /tmp/new/dev; cp -L /bin/chown /bin/mknod /tmp/new/bin
                ldd /bin/chown /bin/mknod | grep -o "/lib[^ ]*" | sort -u | while read -r l; do
                        mkdir -p "/tmp/new${l%/*}"; cp -L "$l" "/tmp/new$l"; done
                touch /tmp/new/etc/passwd; ln -s /etc/passwd /tmp/new/link
                chroot /tmp/new chown 33:33 /etc/passwd; chroot /tmp/new chown 34 ../../link
                chroot /tmp/new mknod /dev/null c 1 3
                stat -c "%n %u %g" /etc/passwd /tmp/new/etc/passwd; rm -r /tmp/new/lib* /tmp/new/bin'
}

@test "deep directories and long names are no obstacle" {
        same_as_real '
                cd /tmp; name=$(printf "%0200d" 0); for i in $(seq 30); do mkdir $name; cd $name; done
                touch f; chown 33:34 f; stat -c "%u %g" f; touch "$name"; chown 35 "./$name"; stat -c %u "$name"'
}

@test "a package with users of its own is installed the same" {
        [ -n "$(find /etc/resolv.conf -size +0)" ] || skip 'no network'
        options=("--bind-read-only=$(realpath /etc/resolv.conf):/etc/resolv.conf")
        same_as_real '
                exec 3>&1 >/tmp/log 2>&1; apt-get update -q && apt-get install -yq --no-install-recommends \
                        openssh-server man-db && apt-get clean && exec >&3
                rm -rf /tmp/log /var/log/* /var/cache/ldconfig /etc/ssh/ssh_host* /var/lib/apt /var/cache/apt
                stat -c "%n %u %g %a" /var/cache/man /usr/bin/ssh-agent'
        grep -E '^/usr/bin/ssh-agent -2755 0 [1-9]' "$work/changes/single"
}

@test "attributes of trusted and security are recorded" {
        run -0 emulated attack xattr /bin/busybox trusted.name value
        grep 'trusted.name=5' "$work/changes/single"
        run -0 emulated attack xattr /bin/busybox security.other value
        grep 'security.other=5' "$work/changes/single"
        run -1 emulated attack xattr /none trusted.name value
        [ "$output" = ENOENT ]
        run -0 emulated attack xattr /bin/busybox user.name value
        grep 'user.name=5' "$work/changes/single"
}

@test "a step that begins as a user is one" {
        options=(--uid=33 --gid=34 --group=55)
        run -0 emulated sh -c 'id; touch /tmp/f; chown 0 /tmp/f 2>&1 || :'
        [[ ${lines[0]} = uid=33*gid=34*55* ]] || fail 'another user'
        [[ $output = *'not permitted'* ]] || fail 'gave a file away'
        grep -x '/tmp/f -0644 33 34' "$work/changes/single"
}

@test "an execve that fails changes nobody, and /proc/self/exe is a program like any other" {
        same_as_real '
                cd /usr/local/bin && echo junk >junk && chmod 4755 junk && cp /bin/true own && chown 77 own && chmod 4755 own
                cp /usr/bin/perl perl && chown 77 perl && chmod 4755 perl
                ids="\$ENV{PATH}=q(/bin); sub ids { print join(q( ), map { my \$n = \$_; syscall(\$n) } 102, 107, 104, 108), qq(\\n) } sub try { my (\$n, @a) = @_; print syscall(\$n, @a), qq(\\n) }"
                export again="$ids; try(105, 0); ids"
                perl -e "$ids; try(105, 500); { no warnings; exec {q(/usr/local/bin/junk)} q(x) } ids; try(105, 0); ids" 2>/dev/null
                perl -e "$ids; try(105, 500); try(59, q(/usr/local/bin/own), 8, 0); if (!fork) { ids; exit } wait; try(105, 77); ids"
                perl -e "$ids; try(117, 500, 500, 0); exec q(/proc/self/exe), q(-e), \$ENV{again}"
                su -s /bin/sh games -c "/usr/local/bin/perl -e '\''$ids; try(117, -1, 5, -1); ids; exec q(/proc/self/exe), q(-e), q($ids; ids)'\''"'
}

@test "all threads of a program have its user" {
        [ "$(emulated attack threads 33)" = '33 33' ]
}

@test "an orphan stays who its parent was" {
        run -0 emulated attack orphan 33
        [ "$output" = '33 1' ]
        grep -x '/tmp/orphan -0600 33 33' "$work/changes/single"
}

@test "a server sees the user that its client believes to be" {
        run -0 emulated attack peer 33
        [ "$output" = '33:33 client' ]
}

@test "the mark of the emulation cannot be changed, and limits work as ever" {
        # prlimit64 of RLIMIT_LOCKS, with a new value
        run -0 emulated sh -c 'attack call 302 0 10 "zzzzzzzzzzzzzzzz" 0; id -u'
        [ "$output" = $'ok\n0' ]
        run -0 emulated sh -c 'ulimit -n 77; ulimit -n; su -s /bin/sh root -c "ulimit -n"; id -u'
        [ "$output" = $'77\n77\n0' ]
}

@test "owners that are only faked are not shown, and nothing fails" {
        options=(--fake)
        run -0 emulated sh -c 'touch /tmp/f; chown 33:44 /tmp/f; mknod /tmp/d c 1 3; attack owner /tmp/f'
        [ "$output" = '0:0 644' ]
}

@test "a path at the edge of memory is read to its end and no further" {
        [ "$(emulated attack edge 100 terminated)" = ok ]
        [ "$(emulated attack edge 4096 terminated)" = ok ]
        run emulated attack edge 1
        [ "$output" = EFAULT ]
        run emulated attack edge 256
        [ "$output" = EFAULT ]
        run emulated attack edge 4095
        [ "$output" = EFAULT ]
        run emulated attack edge 4096
        [ "$output" = ENAMETOOLONG ]
        run emulated attack edge 9000
        [ "$output" = ENAMETOOLONG ]
        # chown(NULL), fchownat of a descriptor that is not open, and of none
        run emulated attack call 92 0 1 1
        [ "$output" = EFAULT ]
        run emulated attack call 260 77 x 1 1 0
        [ "$output" = EBADF ]
        run emulated attack call 93 77 1 1
        [ "$output" = EBADF ]
}

@test "many processes at once all get their answers" {
        [ "$(emulated attack swarm 200)" = ok ]
}

@test "forged pids: who dies while it asks is nobody else, and the others get their answers" {
        run -0 emulated sh -c 'touch /tmp/a /tmp/b
                for i in $(seq 400); do chown 5:6 /tmp/a & kill -9 $!; su -s /bin/true 7 & kill -9 $!; done 2>/dev/null
                wait; chown 8:9 /tmp/b; touch /tmp/c; stat -c "%u:%g" /tmp/b /tmp/c; id -u'
        [ "${lines[*]: -3}" = '8:9 0:0 0' ] || fail "$output"
}

@test "a program with a timer of 2 ms gets on" {
        [ "$(emulated attack timer 2000)" = ok ]
        [ "$(emulated attack timer 200)" = ok ]
}

@test "names that are swapped meanwhile lead to no file of the host" {
        as_user sh -c "echo untouched >$work/canary"
        before=$(stat -c '%u %g %a %z' "$work/canary")
        [ "$(emulated attack swap 2 "$work/canary")" = ok ]
        [ "$(emulated attack swap 1 /proc/1/root/etc/passwd)" = ok ]
        [ "$(stat -c '%u %g %a %z' "$work/canary")" = "$before" ] || fail 'the canary was touched'
}

@test "one chown costs at most 20 us" {
        run -0 emulated attack cost 500
        [ "$output" -le 20000 ] || fail 'too slow'
}
