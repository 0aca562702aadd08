#!/usr/bin/env bash
# A command in a Debian 13 with RabbitMQ 4 and NATS 2.10.
#
#   sudo tests/cluster/tree.sh nats-server --version
#
# It shares our network, and the folder of temporary files.  The tree is one of trees.sh.
set -euo pipefail

PACKAGES=rabbitmq-server,nats-server

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
exec "${IN_TREE[@]}" "$tree" "$@"
