# shellcheck shell=bash disable=SC2034
# What the scripts share: where things are, how a build is configured, how many jobs the machine can run.
# Other scripts source this file; it is never run by itself.
#
#   FLUXSBI_CACHE       downloads and unpacked packages (default ${XDG_CACHE_HOME:-~/.cache}/fluxsbi)
#   FLUXSBI_BUILD_DIR   build folder (default build/)
#   FLUXSBI_JOBS        compile jobs (default: what cores and free memory allow)
#   FLUXSBI_CUDA        auto, on or off: the CUDA plug-in
#   FLUXSBI_TORCH_ROOT  a LibTorch of your own: the folder that holds include/ and lib/
#   FLUXSBI_DEPS_PREFIX a folder of unpacked packages of your own
#   FLUXSBI_ASSUME_BARE 1: ignore the libraries that the system has

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$(realpath -m "${FLUXSBI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fluxsbi}")
export FLUXSBI_CACHE=$cache # CMake reads this name to find what is in the cache
build=$(realpath -m "${FLUXSBI_BUILD_DIR:-$root/build}")

say() { printf '%s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# One job for each core, and 2 GB of free memory for each job: a file that includes LibTorch takes up to that.
jobs_that_fit() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ {print int($2 / (2 * 1024 * 1024))}' /proc/meminfo)
  local fit=$((memory < cores ? memory : cores))
  echo "${FLUXSBI_JOBS:-$((fit > 1 ? fit : 1))}"
}

# configure_build FOLDER [CMAKE ARGUMENT ...]
configure_build() {
  local folder=$1
  shift
  local options=(-DFLUXSBI_CUDA="${FLUXSBI_CUDA:-auto}")
  [ -n "${CI:-}" ] && options+=(-DFLUXSBI_WERROR=ON)
  if [ "${FLUXSBI_ASSUME_BARE:-0}" = 1 ]; then
    options+=(-DFLUXSBI_DEPS_PREFIX="$cache/deps")
  else
    [ -n "${FLUXSBI_TORCH_ROOT:-}" ] && options+=(-DFLUXSBI_TORCH_ROOT="$FLUXSBI_TORCH_ROOT")
    [ -n "${FLUXSBI_DEPS_PREFIX:-}" ] && options+=(-DFLUXSBI_DEPS_PREFIX="$FLUXSBI_DEPS_PREFIX")
  fi
  cmake -S "$root" -B "$folder" -G Ninja "${options[@]}" "$@" || return
  [ "${FLUXSBI_ASSUME_BARE:-0}" != 1 ] || check_bare "$folder"
}

# With FLUXSBI_ASSUME_BARE=1, CMake must not have taken any library of the system.
check_bare() {
  local package
  for package in CLI11 spdlog fmt yaml-cpp nlohmann_json Catch2 FLUXSBI_BOOST_INCLUDE; do
    local found
    found=$(sed -n "s/^${package}\(_DIR\)\{0,1\}:[A-Z]*=//p" "$1/CMakeCache.txt")
    case "$found" in
      "$cache"/* | "") ;;
      *) die "$package was taken from $found although FLUXSBI_ASSUME_BARE=1; remove $1 and try again" ;;
    esac
  done
}
