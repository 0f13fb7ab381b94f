#!/bin/sh
# The house has six floors, and arrows point down only: a room includes its own headers and those
# of rooms on lower floors. Private headers ("name.h", without a room) stay inside their room.
set -eu
cd "$1"

floor_of() {
        case $1 in
        base) echo 0 ;;
        oci | dockerfile | archive) echo 1 ;;
        store | registry | layer | fs | sandbox) echo 2 ;;
        build) echo 3 ;;
        container) echo 4 ;;
        cli | mount) echo 5 ;;
        *) echo unknown ;;
        esac
}

bad=0
for file in $(git ls-files -co --exclude-standard 'src/*.[ch]' 'fs/*.[ch]' 'sandbox/*.[ch]' 'include/*.h'); do
        room=${file#src/}
        room=${room#include/}
        room=${room%%/*}
        floor=$(floor_of "$room")
        if [ "$floor" = unknown ]; then
                echo "$file: no floor is known for the room $room"
                bad=1
                continue
        fi
        # shellcheck disable=SC2013 # no header's name has blanks
        for header in $(sed -n 's/^#include "\(.*\)"$/\1/p' "$file"); do
                case $header in
                */*) other=${header%%/*} ;;
                *) continue ;;
                esac
                [ "$other" = "$room" ] && continue
                if [ "$(floor_of "$other")" = unknown ] || [ "$(floor_of "$other")" -ge "$floor" ]; then
                        echo "$file: the room $room must not include $header"
                        bad=1
                fi
        done
done
exit $bad
