# For tests/run and the scripts beside this file; they source it.

# need COMMAND PACKAGE…: installs the packages unless the command is there; as root with apt, else it says what is missing.
need() {
  local command=$1; shift
  command -v "$command" >/dev/null 2>&1 || install_packages "$command" "$@"
}

# install_packages WHAT PACKAGE…
install_packages() {
  local what=$1; shift
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing $*" >&2
    if apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null; then return 0; fi
    missing "$what: apt-get could not install $*"
  fi
  missing "'$what' is missing: install $*"
}

missing() { echo "${0##*/}: $*" >&2; exit 1; }

# Where fetched parts stay, outside the checkout.
cache_dir() { echo "${BOATHOOK_TEST_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/boathook-tests}"; }

# detach LOG COMMAND…: in a session of its own, holding none of the caller's files or locks; its pid in $!.
detach() {
  local log=$1; shift
  (
    for fd in /proc/self/fd/*; do
      fd=${fd##*/}
      if [ "$fd" -gt 2 ]; then eval "exec $fd>&-"; fi
    done 2>/dev/null
    exec setsid "$@" >>"$log" 2>&1 </dev/null
  ) &
}
