#!/usr/bin/env bash
# Runs the checks and the tests; makes the environment first, if need be.
#     ./test.sh                the daily ones
#     ./test.sh --all          the slow ones too: real models, and runs that are killed
#     ./test.sh -k curate      further arguments go to pytest
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/requirements/environment.sh"
chosen=(-m "not slow")
all=
if [ "${1:-}" = --all ]; then
  chosen=()
  all=yes
  shift
fi
prepare dev
[ -z "$all" ] || prepare_optional gym
cd "$root" || exit 2

failed=0
check() {
  local name=$1
  shift
  say "== $name"
  "$@" || {
    say "== $name failed"
    failed=1
  }
}

check "ruff: habits" "$venv/bin/ruff" check .
check "ruff: layout" "$venv/bin/ruff" format --check .
check "mypy: types" "$venv/bin/mypy"
check "import-linter: the direction of imports" "$venv/bin/lint-imports"
say "== pytest"
"$venv/bin/pytest" --numprocesses auto --dist worksteal "${chosen[@]}" "$@" || failed=1
exit $failed
