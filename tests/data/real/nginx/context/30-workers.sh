#!/bin/sh
echo 30-workers
