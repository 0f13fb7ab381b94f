#!/usr/bin/env bats
# What comes out of images and builds: trees as tars and directories, archives, and what two images do
# not have alike. Other tools read it.
# shellcheck disable=SC2016 # a Dockerfile expands these

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

setup_file() {
        fresh_work busybox
        context_of sample \
                'FROM busybox:1' \
                'RUN mkdir /d && echo one >/d/a && ln /d/a /d/b && chown 5:6 /d/a && ln -s a /d/l \' \
                '        && mkfifo /d/p && chmod 4755 /d/a && rm /etc/issue' \
                'RUN truncate -s 8M /d/sparse && echo end >>/d/sparse && echo two >/d/c && chmod 711 /root'
        varve build -t sample "$context"
}

# extracted TAR: lets GNU tar unpack it, as root.
extracted() {
        rm -rf "$work/extracted"
        mkdir "$work/extracted"
        tar --numeric-owner -xpf "$1" -C "$work/extracted"
}

# same_tree A B: two directories hold the same, but for their own times.
same_tree() {
        diff -u <(whole_manifest "$1" | sed 1d) <(whole_manifest "$2" | sed 1d)
}

@test "an image is exported as a tar of its files, which GNU tar reads" {
        unpacked sample
        varve export -o "$work/sample.tar" sample
        extracted "$work/sample.tar"
        same_tree "$root" "$work/extracted"
        [ "$(stat -c %b "$work/extracted/d/sparse")" -lt 1000 ]
        varve export sample | cmp - "$work/sample.tar"
        refused export nothing-of-this-name
        says 'nothing-of-this-name'
}

@test "diff tells what was added, changed and removed, and of each layer" {
        run varve diff busybox:1 sample
        says '^A +4B +/d/a' '^C +/root +another mode' '^D .*/etc/issue' '^A +8.39MB +/d/sparse' \
                '^[0-9]+ added .* [0-9]+ changed, 1 removed'
        run varve diff --layers sample
        says '^layer 3 sha256:.* RUN truncate'
        [ "$(grep -c ' /d/a$' <<<"$output")" -eq 1 ]
        varve diff --format json busybox:1 sample | python3 -c '
import json, sys
found = {item["path"]: item for item in map(json.loads, sys.stdin)}
assert found["/etc/issue"]["state"] == "removed" and "is" not in found["/etc/issue"]
assert found["/root"]["differs"][0] == "mode" and found["/root"]["is"]["mode"] == "0711"
assert found["/d/a"]["is"] | {"time": 0} == {"type": "file", "size": 4, "mode": "4755",
                                             "owner": "5:6", "time": 0}'
        run varve diff sample sample
        says '^0 added \(0B\), 0 changed, 0 removed \(0B\)$'
}
