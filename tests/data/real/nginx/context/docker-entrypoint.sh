#!/bin/sh
echo docker-entrypoint
