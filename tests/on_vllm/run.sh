#!/usr/bin/env bash
# Tests against vLLM itself, on a CPU, in an environment of its own; made first, if need be (3.5 GB).
#     tests/on_vllm/run.sh              all, some minutes
#     tests/on_vllm/run.sh -k stale     arguments go to pytest
# On a machine without vLLM's CPU build for torch, install torch==2.13.0+cpu into .venv-vllm first (docs/engines.md).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../requirements/environment.sh"
venv=$root/.venv-vllm
log=$venv/install.log
stamp=$(sha256sum <"$root/requirements/vllm.txt")
if [ "$(cat "$venv/stamp" 2>/dev/null)" != "$stamp" ]; then
  mkdir -p "$venv"
  "$venv/bin/python" -m pip --version >/dev/null 2>&1 || make_venv "$(find_python)"
  say "installing what requirements/vllm.txt names"
  install "$(grep '^torch==' "$root/requirements/vllm.txt")"
  install --no-deps --requirement "$root/requirements/vllm.txt"
  echo "$stamp" >"$venv/stamp"
fi
cd "$root"
export PYTHONPATH=$root/src ITERDEPLOY_VLLM=required OMP_NUM_THREADS=1
export VLLM_CPU_KVCACHE_SPACE=1 VLLM_CPU_OMP_THREADS_BIND=nobind VLLM_NO_USAGE_STATS=1
exec "$venv/bin/python" -m pytest -p no:cacheprovider --basetemp "$venv/tmp" --durations=0 -rA tests/on_vllm "$@" </dev/null
