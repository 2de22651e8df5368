# Sourced by the scripts of this folder: where the checkout is, and how they speak. No side effects beyond variables.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
script=$(basename "$0")
release_dir=$root/build/release

say() { printf '%s: %s\n' "$script" "$*" >&2; }
die() {
  say "$*"
  exit 1
}

# The comment block at the top of a script is its help.
show_help() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$0"; }

jobs_allowed() { nproc 2>/dev/null || echo 2; }

# A build folder that was copied or moved with the checkout names another source folder: CMake would refuse it.
drop_foreign_build() {
  local cache=$1/CMakeCache.txt
  if [ -f "$cache" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache"; then
    say "$1 was configured for another folder: starting it anew"
    rm -rf -- "$1"
  fi
}

# Objects compiled in one checkout serve another.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$root} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-1}
