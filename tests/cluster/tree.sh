#!/usr/bin/env bash
# A command in a Debian 13 with RabbitMQ 4 and NATS 2.10, and what the storing reader needs.
#
#   sudo tests/cluster/tree.sh nats-server --version
#   sudo tests/cluster/tree.sh --copy sh -c "apt-get install ..."
#
# It shares our network, and the folder of temporary files.  The tree is one of trees.sh; with --copy,
# what the command changes in it ends with the command.
set -euo pipefail

PACKAGES=rabbitmq-server,nats-server,adduser,mosquitto,mosquitto-clients,postgresql,python3-paho-mqtt,python3-psycopg,sudo

die() {
  printf 'tests/cluster/tree.sh: %s\n' "$*" >&2
  exit 1
}

make_tree() {
  debian trixie "$1" "$PACKAGES"
  printf '%s\n' '10.18.2.1 node-1' '10.18.2.2 node-2' '10.18.2.3 node-3' >>"$1/etc/hosts"
}

# shellcheck source=tests/support/trees.sh
. "$(dirname "$0")/../support/trees.sh"

kept cluster < <(echo "$PACKAGES")
export BIND=${TMPDIR:-/tmp}
if [ "${1-}" != --copy ]; then
  exec "${IN_TREE[@]}" "$tree" "$@"
fi
shift
copied
unshare --pid --fork --kill-child "${IN_TREE[@]}" "$tree" "$@"
