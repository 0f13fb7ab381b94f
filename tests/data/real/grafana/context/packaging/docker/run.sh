#!/bin/bash -e
exec board-server "$@"
