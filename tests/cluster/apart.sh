#!/usr/bin/env bash
# A command in a network of its own, in which tests can make nodes; all of it ends with the command.
#
#   sudo tests/cluster/apart.sh .venv/bin/python -m pytest tests/cluster
set -euo pipefail

# `ip netns` keeps names there: these are for the command alone.
# shellcheck disable=SC2016 # for the inner shell
exec unshare --net --mount --pid --fork --kill-child --mount-proc sh -euc '
  mkdir -p /run/netns
  mount -t tmpfs tmpfs /run/netns
  # What a killed test leaves there ends with it, too.
  mount -t tmpfs tmpfs /dev/shm
  ip link set lo up
  exec "$@"' sh "$@"
