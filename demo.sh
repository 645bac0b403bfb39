#!/usr/bin/env bash
# Runs the demo; makes its environment first, if need be. Arguments are those of `iterdeploy run demo`.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/requirements/environment.sh"
prepare run
exec "$venv/bin/iterdeploy" run demo "$@"
