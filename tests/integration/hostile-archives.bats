#!/usr/bin/env bats
# Archives of images that are not what they should be, each made by tests/tools/hostile-archive: what
# is refused leaves nothing in the store, and what is taken in stays inside its image.

# shellcheck source=tests/integration/varve.bash
. "$BATS_TEST_DIRNAME/varve.bash"

setup_file() {
        fresh_work
}

setup() {
        rm -rf "$store"
}

# make KIND: the archive "hostile.tar".
make() {
        "$here/tools/hostile-archive" "$1" "$stage/busybox.tar" "$work/hostile.tar"
        chown "$user" "$work/hostile.tar"
}

# Neither a name nor a blob is left of an archive that is refused, and the error is one paragraph
# that names the archive and fits the expression.
refuses() {
        make "$1"
        refused load -i "$work/hostile.tar"
        says '^varve: .*hostile\.tar' "$2"
        [ "$(wc -l <<<"$output")" -le 2 ] || fail 'a long-winded error'
        ! grep -q $'[\x01-\x08\x0b-\x1f]' <<<"$output" || fail 'control characters'
        [ -z "$(find "$store/oci/blobs" "$store/layers" -type f ! -name .stamps)" ] || fail 'blobs are left'
}

@test "layers with entries that cannot be" {
        refuses leads_out 'evil.* leads out'
        refuses whiteout_of_no_name '\.wh\.'
        refuses root_is_a_symlink 'entry'
        refuses below_a_file 'file/below'
        refuses end_has_no_end 'after its end'
}

@test "layers that are not what the manifest says" {
        refuses layer_is_cut 'cut'
        refuses layer_is_missing 'holds no blobs'
        refuses size_lies '5 bytes'
        refuses digest_is_a_path 'digest'
        refuses too_few_layers '1 layers'
        refuses config_is_deep 'nested'
}

@test "names that are none" {
        refuses name_is_none 'no image reference'
}

@test "archives of docker save that are not whole" {
        refuses docker_of_old 'Docker before 1\.10'
        says 'save it again'
        refuses docker_second_is_cut 'none\.tar'
        refuses docker_link_leads_out 'holds no s'
        refuses docker_link_to_itself 'holds no s'
}

@test "a layout directory whose files are said to lie elsewhere" {
        make docker_second_is_cut
        mkdir "$work/directory"
        tar -xf "$work/hostile.tar" -C "$work/directory"
        for path in ../hostile.tar "$work/hostile.tar"; do
                sed -i "s|\"Layers\": \[[^]]*|\"Layers\": [\"$path\"|g" "$work/directory/manifest.json"
                chown -R "$user" "$work/directory"
                refused load -i "$work/directory"
                says 'leads out'
        done
}

@test "names and links to the host stay in the image" {
        make absolute_names
        varve load -i "$work/hostile.tar"
        [ "$(varve run --rm hostile:1 cat /absolute/x /a/b)" = 'in the imagein the image' ]
        make links_to_the_host
        varve load -i "$work/hostile.tar"
        [ "$(varve run --rm hostile:1 cat /tmp/through)" = 'in the image' ]
        varve run --rm hostile:1 cmp /hard /etc/passwd
        [ ! -e /tmp/through ]
        store_is_sound
}

@test "whiteouts of what is not there" {
        make whiteouts_of_nothing
        varve load -i "$work/hostile.tar"
        varve run --rm hostile:1 sh -c 'test ! -e /etc/issue && test ! -e /nowhere/nothing'
        unpacked hostile:1
        [ ! -e "$root/etc/issue" ]
}

@test "a whiteout through a symbolic link removes nothing of the host" {
        install -d -o "$user" /tmp/canary && install -o "$user" /dev/null /tmp/canary/file
        make whiteout_through_a_link
        varve load -i "$work/hostile.tar"
        varve run --rm hostile:1 ls -a /out/ /in/ >&2 || :
        [ -e /tmp/canary/file ] || fail 'the file is gone'
        rm -r /tmp/canary
        store_is_sound
}

@test "an image of 127 layers runs, and a build that would make them 128 is refused" {
        make of_127_layers
        varve load -i "$work/hostile.tar"
        varve run --rm hostile:1 sh -c 'ls /f0 /f125'
        context_of no-layer 'FROM hostile:1' 'RUN ls /f1' 'ENV a=b'
        varve build -t no-layer "$context"
        context_of layer-128 'FROM hostile:1' 'RUN touch /x'
        refused build -t layer-128 "$context"
        says 'Dockerfile:2' '127 layers' 'Join'
}
