# Makes .venv with the pinned packages, once; sourced by demo.sh and test.sh. Sets $venv.
#     prepare run    what a run needs        (requirements/run.txt)
#     prepare dev    and the tools of tests  (requirements/dev.txt)

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
log=$venv/install.log

say() { printf '%s\n' "$*" >&2; }

stop() {
  say "$@"
  exit 2
}

# The first of $PYTHON (or python3 and its newer names) that is new enough.
find_python() {
  local name
  for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  name=${PYTHON:-python3}
  stop "iterdeploy needs Python 3.11 or later, and $name is $("$name" --version 2>/dev/null || echo 'not there')." \
    "Install a newer one, or name it: PYTHON=/path/to/python3.12 $0"
}

make_venv() {
  local python=$1
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    stop "$python cannot make environments: it lacks venv. On Debian and Ubuntu: apt install python3-venv"
  say "making an environment in $venv, with $("$python" --version)"
  "$python" -m venv --clear "$venv" || stop "python -m venv failed; is there room on the disk of $root?"
}

# Runs pip quietly; what it says stands in the log, and its end on the screen if it fails.
install() {
  "$venv/bin/python" -m pip install --disable-pip-version-check --no-input "$@" >>"$log" 2>&1 && return
  grep -v '^WARNING' "$log" | tail -n 8 >&2
  stop "The installation failed; all of it stands in $log. It needs the network and 1.5 GB of disk" \
    "(several more with the CUDA build of torch). The same command goes on where it stopped."
}

# All that decides what is installed, and where: pip need not be asked while this is unchanged.
wanted() {
  { cat "$root"/requirements/*.txt "$root/pyproject.toml"; echo "$root"; "$venv/bin/python" --version; } | sha256sum
}

installed() { [ -x "$venv/bin/python" ] && [ "$(cat "$venv/$1.stamp" 2>/dev/null)" = "$(wanted)" ]; }

prepare() {
  local level=$1 python torch
  installed "$level" && return
  python=$(find_python) || exit 2
  mkdir -p "$venv"
  exec 9<"$venv" && flock 9 2>/dev/null # one at a time: demo.sh and test.sh may be started together
  if installed "$level"; then
    exec 9<&-
    return
  fi
  "$venv/bin/python" -m pip --version >/dev/null 2>&1 || make_venv "$python"
  rm -f "$venv"/*.stamp
  torch=$(grep '^torch==' "$root/requirements/run.txt")
  say "installing $torch: by far the largest; the CPU build is enough (README.md says how to get it)"
  install --constraint "$root/requirements/run.txt" "$torch"
  say "installing the other packages, in the versions of requirements/$level.txt"
  install --requirement "$root/requirements/$level.txt"
  install --no-deps --no-build-isolation --editable "$root"
  [ "$level" = run ] || wanted >"$venv/run.stamp"
  wanted >"$venv/$level.stamp"
  exec 9<&-
  say "ready; the command iterdeploy is there after: source ${venv#"$PWD"/}/bin/activate"
}

# What a file of requirements/ names, for tests that are left out without it; some of it may not install everywhere.
prepare_optional() {
  local file=$root/requirements/$1.txt
  cmp -s "$file" "$venv/$1.txt" && return
  say "installing what requirements/$1.txt names"
  if "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --requirement "$file" >>"$log" 2>&1; then
    cp "$file" "$venv/$1.txt"
  else
    say "it could not be installed ($log says why): the tests that need it are left out"
  fi
}
