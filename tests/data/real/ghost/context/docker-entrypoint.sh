#!/bin/bash
set -e
exec gosu node "$@"
