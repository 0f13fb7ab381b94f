#!/bin/sh
echo 20-templates
